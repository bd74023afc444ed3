/** What zabbix_sender reads (`-i`): a line for each value, `host key value`, parts in double quotes where they hold blanks (zabbix_sender(1)). */
import type { Metric } from './model.ts';

/** Labels by which Zabbix finds out what there is (low-level discovery), by the key of the discovery rule. */
const DISCOVERIES: readonly { key: string; label: string; macro: string }[] = [
  { key: 'mailrecover.hosts', label: 'host', macro: '{#MAILHOST}' },
  { key: 'mailrecover.commands', label: 'command', macro: '{#COMMAND}' },
];

/** Labels that items of the template have; what has others (findings by code) is for Prometheus alone, since Zabbix counts values of unknown items as errors. */
const KNOWN = new Set(['host', 'command', 'goal']);

/** The answer of a discovery rule: a JSON list, as Zabbix takes it since version 4.2. */
export function zabbixDiscovery(metrics: readonly Metric[], label: string): string {
  const rows = new Map<string, Record<string, string>>();
  const macros = DISCOVERIES.filter((each) => each.label === label || each.label === 'host');
  for (const { samples } of metrics) {
    for (const { labels } of samples) {
      if (labels[label] === undefined) continue;
      const row = Object.fromEntries(
        macros.flatMap(({ label: name, macro }) => (labels[name] === undefined ? [] : [[macro, labels[name]]])),
      );
      rows.set(JSON.stringify(row), row);
    }
  }
  return JSON.stringify([...rows.values()]);
}

/**
 * All values, discovery first: Zabbix refuses values of items that it has yet to make, and takes them with the next run.
 * @param host as Zabbix knows it; `-` for the one that zabbix_sender is told
 */
export function zabbixLines(metrics: readonly Metric[], host: string): string {
  const lines = DISCOVERIES.map(({ key, label }) => [key, zabbixDiscovery(metrics, label)] as const);
  const values = metrics.flatMap(({ name, samples }) =>
    samples
      .filter(({ labels }) => Object.keys(labels).every((label) => KNOWN.has(label)))
      .map(({ labels, value }) => [itemKey(name, labels), String(value)] as const),
  );
  return [...lines, ...values].map(([key, value]) => `${quoted(host)} ${quoted(key)} ${quoted(value)}\n`).join('');
}

/** `mailrecover_run_last_exit_code{host="mx1",command="backup"}` is `mailrecover.run_last_exit_code[mx1,backup]`. */
export function itemKey(name: string, labels: Readonly<Record<string, string>>): string {
  const parameters = Object.values(labels).map((value) => (/[,"[\] ]/.test(value) ? `"${value.replaceAll('"', '\\"')}"` : value));
  return `${name.replace('_', '.')}${parameters.length === 0 ? '' : `[${parameters.join(',')}]`}`;
}

function quoted(text: string): string {
  return /^[^\s"\\]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
