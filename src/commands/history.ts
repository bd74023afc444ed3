import type { Run } from '../report/history.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'history',
  summary: 'list the runs of this host and how they ended',
  description: [
    'Lists what ran here, newest last: backups, restores, verifications and all else that changes or proves something. Each run is written down before it does anything, so that one that was killed, or that a power cut ended, is listed as incomplete.',
  ],
  arguments: {},
  options: {
    limit: { kind: 'number', value: 'N', description: 'list the newest N runs; 0 lists all', default: 20, min: 0 },
    command: { kind: 'text', value: 'COMMAND', description: 'list the runs of one command only' },
    failed: { kind: 'flag', description: 'list only runs that did not end well' },
  },
  examples: [
    { command: 'mailrecover history', says: 'See how the last runs ended.' },
    { command: 'mailrecover history --command backup --failed --limit 0', says: 'Find every backup that did not end well.' },
  ],
  exitCodes: { 0: 'the history was listed, whatever it says', 1: 'the history could not be read' },
  json: {
    runs: 'the runs, oldest first',
    'runs[].id': 'identifies the run',
    'runs[].command': 'the command',
    'runs[].arguments': 'the command line',
    'runs[].host': 'where it ran',
    'runs[].startedAt': 'when it began',
    'runs[].finishedAt': 'when it ended; absent for runs that have not, or were killed',
    'runs[].state': 'ok, warning, partial or failed; running; or incomplete for a run that was killed',
    'runs[].exitCode': 'the exit code; absent like finishedAt',
    'runs[].counts': 'the counts of its result',
    'runs[].findings': 'how many findings of each severity it had',
    'runs[].error': 'code and message of the error that ended it',
    'runs[].subject': 'what it was about, such as the snapshot',
  },
  async run(context, _args, options): Promise<CommandResult> {
    const { state } = await context.config();
    const { readRuns } = await import('../report/history.ts');
    const chosen = readRuns(state)
      .filter((run) => options.command === undefined || run.command === options.command)
      .filter((run) => !options.failed || !['ok', 'warning', 'running'].includes(run.state));
    const runs = options.limit === 0 ? chosen : chosen.slice(-options.limit);
    return {
      outcome: 'ok',
      counts: { runs: runs.length },
      fields: { runs },
      render: (text) => (runs.length === 0 ? 'no runs' : renderRuns(runs, text)),
    };
  },
});

function renderRuns(runs: readonly Run[], text: TextHelpers): string {
  const rows = runs.map((run) => [
    text.time(run.startedAt),
    run.command,
    stateText(run.state, text),
    run.finishedAt === undefined ? '' : text.duration(Date.parse(run.finishedAt) - Date.parse(run.startedAt)),
    run.subject?.['snapshot']?.slice(0, 12) ?? '',
    run.error?.message ?? '',
  ]);
  return text.table(rows, { head: ['started', 'command', 'state', 'took', 'snapshot', 'error'], right: [3] });
}

function stateText(state: string, text: TextHelpers): string {
  if (state === 'ok') return text.green(state);
  return state === 'running' ? text.cyan(state) : state === 'warning' ? text.yellow(state) : text.red(state);
}
