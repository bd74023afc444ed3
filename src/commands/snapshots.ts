import { MailrecoverError } from '../errors/error.ts';
import { suggest } from '../errors/suggest.ts';
import type { Target } from '../repository/target.ts';
import { placeOf } from './from-config.ts';
import { READING_EXIT_CODES, REPOSITORY } from './shared.ts';
import { defineCommand, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'snapshots',
  summary: 'list the snapshots',
  description: ['Lists the snapshots of the repository, newest last. It needs no key.'],
  arguments: {},
  options: {
    ...REPOSITORY,
    host: { kind: 'text', value: 'HOST', description: 'list the snapshots of one host only' },
    limit: { kind: 'number', value: 'N', description: 'list the newest N only; 0 lists all', default: 0, min: 0 },
  },
  examples: [
    { command: 'mailrecover snapshots', says: 'See what can be restored.' },
    { command: 'mailrecover snapshots --repository /mnt/backup/mail --json', says: 'Read a repository that was brought to another host.' },
  ],
  exitCodes: { 0: 'the snapshots were listed', 1: 'they could not be read', ...READING_EXIT_CODES },
  json: {
    'snapshots[].id': 'its id',
    'snapshots[].time': 'when it was made',
    'snapshots[].host': 'the host that made it',
    'snapshots[].outcome': 'complete or partial',
    'snapshots[].anomalies': 'what was out of the ordinary in it; absent where nothing was',
    'snapshots[].messages': 'how many messages it holds',
    'snapshots[].bytes': 'their bytes, each as often as it lies in a folder',
    'snapshots[].bytesStored': 'what it added to the repository, in bytes, itself included',
  },
  async run(context, _args, options): Promise<CommandResult> {
    const place = await placeOf(context, { repository: options.repository });
    const [{ openRepository }, { recentSnapshots }, { ownKey }] = await Promise.all([
      import('../repository/repository.ts'),
      import('../repository/resolve.ts'),
      import('./choose-snapshot.ts'),
    ]);
    await openRepository(place.target);
    const { snapshots, findings } = await recentSnapshots(place.target, {
      limit: options.limit,
      host: options.host,
      trusted: [await ownKey(place), ...place.trust],
    });
    if (snapshots.length === 0 && options.host !== undefined) await checkHost(place.target, options.host);
    const rows = snapshots.map(({ id, size, time, host, outcome, counts, added, anomalies }) => ({
      id,
      time,
      host,
      outcome,
      messages: counts.messages,
      bytes: counts.bytes,
      bytesStored: added.stored + size,
      ...(anomalies === undefined ? {} : { anomalies }),
    }));
    const damaged = findings.some(({ severity }) => severity === 'error');
    return {
      outcome: damaged ? 'partial' : findings.length > 0 ? 'warning' : 'ok',
      counts: { snapshots: rows.length },
      findings,
      fields: { snapshots: rows },
      render: (text) => renderSnapshots(rows, text),
    };
  },
});

/** @throws MailrecoverError `not-found` where others have written here, and this host has not */
async function checkHost(target: Target, host: string): Promise<void> {
  const { recentSnapshots } = await import('../repository/resolve.ts');
  const { snapshots } = await recentSnapshots(target, { limit: 0, trusted: [] });
  const hosts = [...new Set(snapshots.map((snapshot) => snapshot.host))];
  if (hosts.length === 0) return;
  throw new MailrecoverError('not-found', `there is no snapshot of host '${host}', only of: ${hosts.join(', ')}`, {
    hint: `name the host with --host ${suggest(host, hosts) ?? hosts[0] ?? ''}`,
    subject: host,
  });
}

interface SnapshotRow {
  id: string;
  time: string;
  host: string;
  outcome: string;
  messages: number;
  bytes: number;
  bytesStored: number;
  anomalies?: string[];
}

function renderSnapshots(rows: readonly SnapshotRow[], text: TextHelpers): string {
  const { empty, head, partial } = text.words.commands.snapshots;
  if (rows.length === 0) return empty(text.bold('mailrecover backup'));
  const cells = rows.map((row) => [
    text.bold(row.id.slice(0, 12)),
    text.time(row.time),
    row.host,
    text.number(row.messages),
    text.size(row.bytes),
    text.size(row.bytesStored),
    [...(row.outcome === 'complete' ? [] : [row.outcome === 'partial' ? partial : row.outcome]), ...(row.anomalies ?? [])]
      .map((word) => text.yellow(word))
      .join(', '),
  ]);
  return text.table(cells, { head: [head.snapshot, head.made, head.host, head.messages, head.size, head.added, ''], right: [3, 4, 5] });
}
