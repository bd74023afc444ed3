/** One line for Nagios, Icinga and their like, by the guidelines for plugins (https://www.monitoring-plugins.org/doc/guidelines.html). */

export const NAGIOS = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const;
export type NagiosState = keyof typeof NAGIOS;

/** One number with the ranges that make it a warning or critical. */
export interface PerformanceValue {
  label: string;
  value: number | undefined;
  unit: '' | 's' | 'B';
  warning?: number | undefined;
  critical?: number | undefined;
}

/** `MAILRECOVER OK - text | 'label'=value[unit];warn;crit;min` */
export function nagiosLine(state: NagiosState, text: string, values: readonly PerformanceValue[]): string {
  const data = values.flatMap(({ label, value, unit, warning, critical }) =>
    value === undefined ? [] : [`${name(label)}=${value}${unit};${warning ?? ''};${critical ?? ''};0`],
  );
  const said = text.replace(/\s*[\r\n]+\s*/g, ' ').replaceAll('|', '/');
  return `MAILRECOVER ${state.toUpperCase()} - ${said}${data.length === 0 ? '' : ` | ${data.join(' ')}`}\n`;
}

/** A label may hold anything but `=`, and its quotes are doubled. */
function name(label: string): string {
  return `'${label.replaceAll('=', '_').replaceAll("'", "''")}'`;
}
