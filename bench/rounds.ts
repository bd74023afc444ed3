import type { Bench } from './bench.ts';
import { measure, type Pipeline, type Sample } from './measure.ts';

/** One thing that is measured several times. */
export interface Contestant {
  label: string;
  /** Made ready anew before each run; not measured. */
  prepare?: () => Promise<void> | void;
  run: () => Pipeline;
  /** Looked at after each run; not measured. */
  after?: (sample: Sample, round: number) => Promise<void> | void;
}

export interface Series {
  label: string;
  samples: Sample[];
}

/** Measures all contestants in turn, round by round, so that a disturbance hits them alike. */
export async function inTurn(bench: Bench, contestants: Contestant[], runs = bench.options.runs, watch = true): Promise<Series[]> {
  const series = contestants.map(({ label }) => ({ label, samples: [] as Sample[] }));
  for (let round = 0; round < runs; round++) {
    for (const [index, { label, prepare, run, after }] of contestants.entries()) {
      await prepare?.();
      bench.cool();
      const sample = await measure(run(), watch);
      series[index]?.samples.push(sample);
      if (watch) bench.say(`  ${label}: ${sample.wall.toFixed(2)} s`);
      await after?.(sample, round);
    }
  }
  return series;
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

export function medianWall(series: Series | undefined): number {
  return median(series?.samples.map(({ wall }) => wall) ?? []);
}
