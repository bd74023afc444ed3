import { READING_EXIT_CODES, REPOSITORY } from './shared.ts';
import { describeCommand, type TextHelpers } from './types.ts';

export const snapshots = describeCommand({
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
    'snapshots[].messages': 'how many messages it holds',
    'snapshots[].bytes': 'their bytes, each as often as it lies in a folder',
    'snapshots[].bytesStored': 'what it added to the repository',
  },
});

export interface SnapshotRow {
  id: string;
  time: string;
  host: string;
  outcome: string;
  messages: number;
  bytes: number;
  bytesStored: number;
}

export function renderSnapshots(rows: readonly SnapshotRow[], text: TextHelpers): string {
  if (rows.length === 0) return 'no snapshots';
  const cells = rows.map((row) => [
    text.bold(row.id.slice(0, 12)),
    text.time(row.time),
    row.host,
    text.number(row.messages),
    text.size(row.bytes),
    text.size(row.bytesStored),
    row.outcome === 'complete' ? '' : text.yellow(row.outcome),
  ]);
  return text.table(cells, { head: ['snapshot', 'made', 'host', 'messages', 'size', 'added', ''], right: [3, 4, 5] });
}
