import { resolve } from 'node:path';
import type { KnownRun } from '../backup/all-runs.ts';
import type { Status } from '../backup/status.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Level, Metric } from '../report/metrics/model.ts';
import { NAGIOS, nagiosLine, type NagiosState, type PerformanceValue } from '../report/metrics/nagios.ts';
import { now } from '../system/clock.ts';
import { placeOf } from './from-config.ts';
import { READING_EXIT_CODES } from './shared.ts';
import { mailState } from './status/mail.ts';
import type { PlannedRuns } from './status/planned.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'metrics',
  summary: 'tell monitoring systems what status tells people',
  description: [
    'Prints the numbers behind `status` for a monitoring system: the text format of Prometheus (for the textfile collector of node_exporter), lines for zabbix_sender with low-level discovery, the answer of a discovery rule alone, or the one line of a Nagios or Icinga plugin.',
    'With --format nagios the exit code is that of a plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. That is the one exception from the exit codes of all other commands. The other formats end with 0 when the numbers were told, whatever they say.',
    'While the repository is out of reach, what this host knows of its own runs is told all the same, `mailrecover_status_known` is 0, and the exit code is 3.',
  ],
  arguments: {},
  options: {
    format: {
      kind: 'choice',
      value: 'FORMAT',
      choices: ['prometheus', 'zabbix', 'zabbix-hosts', 'zabbix-commands', 'nagios'],
      description: 'for whom',
      default: 'prometheus',
    },
    to: {
      kind: 'text',
      value: 'FILE',
      description: 'write into a file, which is replaced in one step, in place of standard output',
      complete: 'file',
    },
    zabbixHost: {
      kind: 'text',
      value: 'NAME',
      description: "the host as Zabbix knows it; by default '-', the one that zabbix_sender is told",
      default: '-',
    },
  },
  examples: [
    {
      command: 'mailrecover metrics --to /var/lib/prometheus/node-exporter/mailrecover.prom',
      says: 'Write for node_exporter, every few minutes from cron or a timer.',
    },
    { command: 'mailrecover metrics --format zabbix | zabbix_sender -c /etc/zabbix/zabbix_agentd.conf -i -', says: 'Send to Zabbix.' },
    { command: 'mailrecover metrics --format nagios', says: 'Answer Nagios or Icinga.' },
  ],
  exitCodes: {
    0: 'the numbers were told; with --format nagios: OK',
    1: 'they could not be told; with --format nagios: WARNING',
    3: 'the repository is out of reach, only runs were told; with --format nagios: UNKNOWN',
    ...READING_EXIT_CODES,
  },
  json: {
    'metrics[].{name,help,samples}': 'the numbers, as Prometheus would get them; not with --format nagios',
    'metrics[].samples[].{labels,value}': 'each value, and what it is of',
    path: 'the file that was written',
    'plugin.{state,exit,line}': 'with --format nagios: what the plugin says',
  },
  async run(context, _args, options): Promise<CommandResult> {
    if (options.format === 'nagios') return plugin(context);
    const { metrics, findings } = await collect(context);
    const text = await textOf(metrics, options.format, options.zabbixHost);
    if (options.to !== undefined) {
      const { writeDurable } = await import('../system/files.ts');
      await writeDurable(resolve(options.to), text, 0o644);
    }
    const told: Pick<CommandResult, 'outcome' | 'findings'> = { outcome: findings.length === 0 ? 'ok' : 'partial', findings };
    if (options.to === undefined) return { ...told, fields: { metrics }, output: text };
    const path = resolve(options.to);
    return { ...told, fields: { metrics, path }, artifacts: [{ kind: 'metrics', path }], render: (text) => text.say`written to ${path}` };
  },
});

async function textOf(metrics: readonly Metric[], format: string, host: string): Promise<string> {
  if (format === 'prometheus') return (await import('../report/metrics/prometheus.ts')).prometheusText(metrics);
  const { zabbixDiscovery, zabbixLines } = await import('../report/metrics/zabbix.ts');
  if (format === 'zabbix') return zabbixLines(metrics, host);
  return `${zabbixDiscovery(metrics, format === 'zabbix-hosts' ? 'host' : 'command')}\n`;
}

interface Asked {
  status: Status;
  planned: PlannedRuns;
  findings: Finding[];
  level: Level;
}

async function ask(context: CommandContext): Promise<Asked> {
  const [{ statusOf }, config, place] = await Promise.all([import('./status.ts'), context.config(), placeOf(context)]);
  const { status, planned } = await statusOf(context, place, config, false);
  const findings = [...status.findings, ...planned.findings, ...(await mailState(context)).findings];
  const has = (severity: string): boolean => findings.some((finding) => finding.severity === severity);
  return { status, planned, findings, level: has('error') ? 'failed' : has('warning') ? 'warning' : 'ok' };
}

async function collect(context: CommandContext): Promise<{ metrics: Metric[]; findings: Finding[] }> {
  const [{ runMetrics, standbyMetrics, statusMetrics }, { programVersion }, { state }] = await Promise.all([
    import('./metrics/collect.ts'),
    import('../system/version.ts'),
    context.config(),
  ]);
  const { readLag } = await import('../standby/sync/lag.ts');
  const standby = standbyMetrics(readLag(state));
  try {
    const { status, planned, findings, level } = await ask(context);
    const metrics = [...statusMetrics(status, planned, findings, level), ...standby, ...runMetrics(status.runs, programVersion(), true)];
    return { metrics, findings: [] };
  } catch (error) {
    if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
    const { readRuns } = await import('../report/history.ts');
    const runs: KnownRun[] = readRuns(state);
    const { code, message, hint, subject } = error;
    const finding: Finding = {
      severity: 'error',
      code,
      message: `only what ran here is told: ${message}`,
      ...(hint === undefined ? {} : { hint }),
      ...(subject === undefined ? {} : { subject }),
    };
    return { metrics: [...standby, ...runMetrics(runs, programVersion(), false)], findings: [finding] };
  }
}

const STATES: Record<Level, NagiosState> = { ok: 'ok', warning: 'warning', failed: 'critical' };
/** Errors that are no trouble of the plugin, but of what it looks after. */
const CRITICAL: readonly string[] = ['no-repository', 'repository-format', 'damage', 'unreachable'];

/** What a plugin says and ends with; it never fails otherwise. */
async function plugin(context: CommandContext): Promise<CommandResult> {
  let state: NagiosState;
  let line: string;
  try {
    const asked = await ask(context);
    state = STATES[asked.level];
    line = nagiosLine(state, sentence(asked), performance(asked));
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    state = CRITICAL.includes(error.code) ? 'critical' : 'unknown';
    line = nagiosLine(state, error.message, []);
  }
  const exit = NAGIOS[state];
  return { outcome: exit === 0 ? 'ok' : 'failed', exit, fields: { plugin: { state, exit, line: line.trimEnd() } }, output: line };
}

function sentence({ status, findings, level }: Asked): string {
  const wanted = level === 'failed' ? 'error' : 'warning';
  const said = findings.filter(({ severity }) => severity === wanted);
  const [first] = said;
  if (first !== undefined) return `${first.message}${said.length > 1 ? ` (and ${said.length - 1} more)` : ''}`;
  const { host, newest, verified } = status;
  return `newest backup of ${host} ${newest?.time ?? 'never'}, last proved ${verified?.time ?? 'never'}`;
}

function performance({ status, planned }: Asked): PerformanceValue[] {
  const { ageSeconds, goals, verified, verifiedWhole, size, growth, newest } = status;
  const proofAge = verified === undefined ? undefined : Math.max(0, Math.round((now() - Date.parse(verified.time)) / 1000));
  return [
    { label: 'backup_age', value: ageSeconds, unit: 's', critical: goals.rpo?.goalSeconds },
    { label: 'proof_age', value: proofAge, unit: 's' },
    { label: 'restore_time', value: verifiedWhole?.seconds, unit: 's', critical: goals.rto?.goalSeconds },
    { label: 'messages', value: newest?.messages, unit: '' },
    { label: 'repository', value: size.bytes, unit: 'B' },
    { label: 'free', value: growth.free, unit: 'B' },
    { label: 'snapshots', value: status.snapshots, unit: '' },
    { label: 'missed_jobs', value: planned.missed.length, unit: '' },
  ];
}
