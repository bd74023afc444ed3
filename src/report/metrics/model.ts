/** Numbers for monitoring, whatever reads them. */

export interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** One gauge: names as Prometheus wants them, in base units (seconds, bytes), times as seconds since 1970. */
export interface Metric {
  name: string;
  /** One sentence without a line feed. */
  help: string;
  samples: Sample[];
}

/** The verdict as monitoring systems count: from nothing wrong to something that is. */
export const LEVELS = ['ok', 'warning', 'failed'] as const;
export type Level = (typeof LEVELS)[number];
