import { hostname } from 'node:os';
import type { BackupOptions } from '../backup/options.ts';
import type { BackupReport } from '../backup/report.ts';
import { EXIT } from '../errors/codes.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { backupOptions } from './backup-options.ts';
import { READING_EXIT_CODES } from './shared.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'watch',
  summary: 'back up continuously, as mail arrives',
  description: [
    'Watches the mail stores and runs until it is told to stop. The content of a new message is in the repository seconds after it arrived; a snapshot, which also holds where messages lie and their flags, is made every interval, not for every message. Between two snapshots, content that is stored already is named by no snapshot yet: the next one names it and stores it no second time.',
    'Where the system gives out no more watches, and on network file systems, stores are scanned for changes instead, and that is said. It can be killed at any time. SIGTERM has it store what waits and make a last snapshot, if that takes no more than a few seconds.',
    "To have systemd run it, put a job with 'run: watch' and without 'at' into 'schedule'.",
  ],
  arguments: {},
  options: {
    interval: {
      kind: 'text',
      value: 'TIME',
      description: "between two snapshots, such as 10m, in place of 'interval' in the configuration",
    },
    scan: { kind: 'flag', description: 'scan for changes instead of watching' },
  },
  examples: [
    { command: 'mailrecover watch --quiet', says: 'Run in the foreground, as a service does.' },
    { command: 'mailrecover watch --interval 5m --events', says: 'Make a snapshot every five minutes, and see what happens.' },
  ],
  exitCodes: {
    0: 'it was told to stop, and did',
    1: 'it could not begin',
    ...READING_EXIT_CODES,
    12: 'the signing key of this host or the dedup secret can not be read',
  },
  json: {
    'counts.snapshots': 'snapshots that were made',
    'counts.messages': 'messages that were stored before a snapshot named them',
    'counts.bytesStored': 'bytes that were written to the repository',
    'counts.failures': 'snapshots that could not be made at once',
    scanning: 'whether stores were scanned in the end, rather than watched',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const config = await context.config();
    const intervalMs = options.interval === undefined ? config.watch.interval * 1000 : milliseconds(options.interval);
    const [{ watch }, { logToSystem, tellSystemd, watchdogPeriod }] = await Promise.all([
      import('../backup/watch/watch.ts'),
      import('../system/notify-systemd.ts'),
    ]);
    const findings = new Map<string, Finding>();
    // Also while a long snapshot is made; what waits for a server that says nothing has patience of its own.
    const alive = setInterval(() => void tellSystemd('WATCHDOG=1'), watchdogPeriod() ?? NEVER_MS);
    context.onEnd(() => clearInterval(alive));
    const report = await watch({
      backup: await backupOptions(context),
      intervalMs,
      delayMs: config.watch.delay * 1000,
      fullMs: config.watch.full * 1000,
      scanMs: config.watch.scanEvery * 1000,
      scan: options.scan,
      snapshot: (how) => recordedSnapshot(context, how),
      async onReady(watched) {
        context.progress.event('ready', { watched });
        await tellSystemd('--ready', '--status=watching');
      },
      onFinding(finding) {
        // One of a kind is enough at the end, and in the log.
        if (!findings.has(finding.code)) void logToSystem(`${finding.message}${finding.hint === undefined ? '' : `; ${finding.hint}`}`);
        findings.set(finding.code, finding);
        context.progress.event('finding', { ...finding });
        context.progress.phase(finding.message);
      },
      signal: context.signal,
    });
    const { scanning, ...counts } = report;
    const all = [...findings.values()];
    return {
      outcome: all.some(({ severity }) => severity !== 'info') ? 'warning' : 'ok',
      counts: { ...counts },
      findings: all,
      fields: { scanning },
      render: (text) =>
        text.pairs([
          [text.say`stopped`, text.say`as it was told`],
          [text.say`snapshots`, text.number(report.snapshots)],
          [text.say`stored`, text.say`${text.number(report.messages)} messages as they came, ${text.size(report.bytesStored)} in all`],
        ]),
    };
  },
});

/** Makes a snapshot that stands in the history like one of `backup`. */
async function recordedSnapshot(context: CommandContext, how: BackupOptions): Promise<BackupReport> {
  const config = await context.config();
  const [{ backup }, { beginRun }, { programVersion }] = await Promise.all([
    import('../backup/backup.ts'),
    import('../report/history.ts'),
    import('../system/version.ts'),
  ]);
  const run = beginRun(config.state, {
    command: 'backup',
    arguments: ['watch', ...(how.mailboxes ?? []).slice(0, 20).flatMap((name) => ['--mailbox', name])],
    host: config.host ?? hostname(),
    version: programVersion(),
  });
  try {
    const report = await backup(how);
    const findings: Record<string, number> = {};
    for (const { severity } of report.findings) findings[severity] = (findings[severity] ?? 0) + 1;
    run.end({
      outcome: report.outcome,
      exitCode: report.outcome === 'partial' ? EXIT.partial : EXIT.ok,
      counts: { ...report.counts },
      findings,
      ...(report.snapshot === undefined ? {} : { subject: { snapshot: report.snapshot } }),
    });
    context.progress.event('snapshot', { snapshot: report.snapshot, outcome: report.outcome, counts: report.counts });
    return report;
  } catch (error) {
    const known = error instanceof MailrecoverError;
    run.end({
      outcome: 'failed',
      exitCode: known ? error.exitCode : EXIT.failed,
      counts: {},
      findings: {},
      error: { code: known ? error.code : 'interrupted', message: error instanceof Error ? error.message : String(error) },
    });
    throw error;
  }
}

/** Longer than any timer: there is nobody to tell. */
const NEVER_MS = 2_000_000_000;

const UNIT: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function milliseconds(text: string): number {
  const match = /^([1-9]\d{0,5})([smhd])$/.exec(text);
  const unit = UNIT[match?.[2] ?? ''];
  if (match === null || unit === undefined)
    throw new MailrecoverError('usage', `'${text}' is no span of time`, { hint: 'a number and s, m, h or d, such as 10m' });
  return Number(match[1]) * unit;
}
