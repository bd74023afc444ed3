import type { KnownRun } from '../backup/all-runs.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { suggest } from '../errors/suggest.ts';
import { READING_EXIT_CODES, REPOSITORY } from './shared.ts';
import { timeOf } from './time-option.ts';
import { tell } from '../report/text/tell.ts';
import { stateText } from './state-text.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

const GOOD: readonly string[] = ['ok', 'warning', 'running'];

export default defineCommand({
  name: 'history',
  summary: 'list the runs of this host, or of all, and how they ended',
  description: [
    'Lists what ran here, newest last: backups, restores, verifications and all else that changes or proves something. Each run is written down before it does anything, so that one that was killed, or that a power cut ended, is listed as incomplete.',
    'The repository keeps a copy without names of mailboxes or files, which needs no key: with --all-hosts, --host or --repository the runs of other hosts are listed from it, on any host that can read it.',
  ],
  arguments: {},
  options: {
    limit: { kind: 'number', value: 'N', description: 'list the newest N runs; 0 lists all', default: 20, min: 0 },
    command: { kind: 'list', value: 'COMMAND', description: "list the runs of these commands only, such as backup or 'key add'" },
    failed: { kind: 'flag', description: 'list only runs that did not end well' },
    outcome: {
      kind: 'choice',
      value: 'STATE',
      choices: ['ok', 'warning', 'partial', 'failed', 'running', 'incomplete'],
      description: 'list only runs that ended so',
    },
    since: { kind: 'text', value: 'TIME', description: 'list only runs that began at or after this time' },
    allHosts: { kind: 'flag', description: 'list the runs of all hosts that write into the repository' },
    host: { kind: 'text', value: 'HOST', description: 'list the runs of this host, as the repository tells them' },
    ...REPOSITORY,
  },
  examples: [
    { command: 'mailrecover history', says: 'See how the last runs ended.' },
    { command: 'mailrecover history --command backup --failed --limit 0', says: 'Find every backup that did not end well.' },
    { command: 'mailrecover history --all-hosts --since 2026-11-20', says: 'See what ran anywhere since a day.' },
  ],
  exitCodes: { 0: 'the history was listed, whatever it says', 1: 'the history could not be read', ...READING_EXIT_CODES },
  json: {
    runs: 'the runs, oldest first',
    'runs[].id': 'identifies the run',
    'runs[].command': 'the command',
    'runs[].arguments': 'the command line; empty for runs of other hosts',
    'runs[].host': 'where it ran',
    'runs[].startedAt': 'when it began',
    'runs[].finishedAt': 'when it ended; absent for runs that have not, or were killed',
    'runs[].state': 'ok, warning, partial or failed; running; or incomplete for a run that was killed',
    'runs[].exitCode': 'the exit code; absent like finishedAt',
    'runs[].counts': 'the counts of its result',
    'runs[].findings': 'how many findings of each severity it had',
    'runs[].codes': 'the codes of its warnings and errors',
    'runs[].error': 'code and message of the error that ended it; of other hosts the code alone',
    'runs[].subject': 'what it was about, such as the snapshot',
    'runs[].version': 'the version of mailrecover that ran',
    'runs[].published': 'whether it stands in the repository, too; of this host only',
  },
  async run(context, _args, options): Promise<CommandResult> {
    const since = timeOf('--since', options.since, 'start');
    for (const name of options.command) await checkCommand(name);
    const findings: Finding[] = [];
    const everywhere = options.allHosts || options.host !== undefined || options.repository !== undefined;
    const known = everywhere ? await ofAllHosts(context, options, findings) : await ofThisHost(context);
    if (options.host !== undefined) checkHost(options.host, known);
    const chosen = known
      .filter(({ host }) => options.host === undefined || host === options.host)
      .filter(({ command }) => options.command.length === 0 || options.command.includes(command))
      .filter(({ state }) => options.outcome === undefined || state === options.outcome)
      .filter(({ state }) => !options.failed || !GOOD.includes(state))
      .filter(({ startedAt }) => since === undefined || Date.parse(startedAt) >= since);
    const runs = options.limit === 0 ? chosen : chosen.slice(-options.limit);
    return {
      outcome: findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
      counts: { runs: runs.length },
      findings,
      fields: { runs },
      render: (text) => renderRuns(runs, chosen.length, text),
    };
  },
});

async function ofThisHost(context: CommandContext): Promise<KnownRun[]> {
  const { state } = await context.config();
  const { readRuns } = await import('../report/history.ts');
  return readRuns(state);
}

async function ofAllHosts(context: CommandContext, options: { repository: string | undefined }, findings: Finding[]): Promise<KnownRun[]> {
  const [{ placeOf }, { openRepository }, { allRuns }, { ownKey }] = await Promise.all([
    import('./from-config.ts'),
    import('../repository/repository.ts'),
    import('../backup/all-runs.ts'),
    import('./choose-snapshot.ts'),
  ]);
  const place = await placeOf(context, { repository: options.repository });
  await openRepository(place.target);
  // What ran here belongs to the repository of the configuration.
  const state = options.repository === undefined ? place.state : undefined;
  return allRuns(place.target, state, [await ownKey(place), ...place.trust], findings);
}

/** @throws MailrecoverError `not-found` */
function checkHost(host: string, runs: readonly KnownRun[]): void {
  const hosts = [...new Set(runs.map((run) => run.host))];
  if (hosts.includes(host)) return;
  const meant = suggest(host, hosts);
  throw new MailrecoverError(
    'not-found',
    `no run of host '${host}' is known${hosts.length === 0 ? '' : `, only of: ${hosts.join(', ')}`}`,
    {
      hint: meant === undefined ? 'a host writes its history into the repository when a backup ends' : `did you mean --host ${meant}?`,
      subject: host,
    },
  );
}

/** @throws MailrecoverError `usage` */
async function checkCommand(name: string): Promise<void> {
  const { registry } = await import('./index.ts');
  const names = registry.names();
  if (names.includes(name)) return;
  const meant = suggest(name, names);
  throw new MailrecoverError('usage', `there is no command '${name}'`, {
    hint: meant === undefined ? "'mailrecover --help' lists the commands" : `did you mean --command '${meant}'?`,
    subject: name,
  });
}

function renderRuns(runs: readonly KnownRun[], total: number, text: TextHelpers): string {
  const { empty, head: titles, earlier } = text.words.commands.history;
  if (runs.length === 0) return empty;
  const hosts = new Set(runs.map(({ host }) => host)).size > 1;
  const rows = runs.map((run) => [
    text.time(run.startedAt),
    ...(hosts ? [run.host] : []),
    run.command,
    stateText(run.state, text),
    run.finishedAt === undefined ? '' : text.duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt)),
    run.subject?.['snapshot']?.slice(0, 12) ?? '',
    run.error === undefined ? (run.codes?.join(', ') ?? '') : tell(run.error.message, text),
  ]);
  const { started, host, command, state, took, snapshot, said } = titles;
  const head = [started, ...(hosts ? [host] : []), command, state, took, snapshot, said];
  const table = text.table(rows, { head, right: [hosts ? 4 : 3] });
  const left = total - runs.length;
  return left === 0 ? table : `${text.dim(earlier(text.number(left)))}\n${table}`;
}
