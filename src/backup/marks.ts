/** What a backup must know of a repository before it relies on what lies there: marks of prune, and whether it was called gone. */
import { MailrecoverError } from '../errors/error.ts';
import { readRecords, textOf, type StoredRecord } from '../repository/care/record.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import { hostFingerprint, type HostKey } from '../repository/signing.ts';
import { isApproved, decisionsOf } from '../repository/retention/decisions.ts';
import { markOf, viewMarks, type MarkView } from '../repository/prune/marks.ts';

export interface Care extends MarkView {
  /** What the snapshot before is out of the ordinary for, and nobody approved. */
  inherited: string[];
}

/**
 * Reads what prune marked, and what people decided. To be called after the newest own snapshot was read, and before
 * anything else of the repository is.
 */
export async function readCare(
  { target }: Repository,
  key: HostKey,
  trust: readonly string[],
  newest: StoredSnapshot | undefined,
  dryRun: boolean,
): Promise<Care> {
  const own = hostFingerprint(key.publicHex);
  // Where its snapshots were only copied so far, nobody waited for it: from now on it writes here.
  for (const { fields, path } of dryRun ? [] : await readRecords(target, ['copy']))
    if (textOf(fields, 'chain') === own) await target.remove(path);
  const records = await readRecords(target, ['mark', 'gone', 'approve']);
  const isCalledGone = records.some((record) => callsGone(record, own, newest));
  const marks = records.filter(({ kind }) => kind === 'mark').map(markOf);
  // Nobody waits for a host that was called gone.
  const view = viewMarks(isCalledGone ? marks.map((mark) => ({ ...mark, hosts: new Set<string>() })) : marks, own, newest);
  const believed = new Set([key.publicHex, ...trust]);
  const isWaiting = newest?.anomalies !== undefined && !isApproved(newest, decisionsOf(records, believed).approvals, believed);
  return { ...view, inherited: isWaiting ? (newest.anomalies ?? []) : [] };
}

/** A host that made a snapshot since is not gone. */
function callsGone({ kind, fields }: StoredRecord, own: string, newest: StoredSnapshot | undefined): boolean {
  return (
    kind === 'gone' &&
    textOf(fields, 'chain') === own &&
    !(typeof fields['sequence'] === 'number' && fields['sequence'] < (newest?.sequence ?? 0))
  );
}

/**
 * Just before the commit: whether this host was called gone while it was at work, so that nobody waited for it.
 * @throws MailrecoverError `failed`
 */
export async function refuseCalledGone(
  { target }: Repository,
  key: HostKey,
  newest: StoredSnapshot | undefined,
  care: Care,
): Promise<void> {
  const own = hostFingerprint(key.publicHex);
  const known = new Set(care.marks.filter(({ hosts }) => !hosts.has(own)).map(({ id }) => id));
  const records = await readRecords(target, ['gone', 'mark']);
  if (!records.some((record) => callsGone(record, own, newest))) return;
  const isNew = records.some(({ kind, id }) => kind === 'mark' && !known.has(id));
  if (!isNew) return;
  throw new MailrecoverError('failed', 'this host was called gone while it made a backup', {
    hint: "run the backup again; and find out who ran 'mailrecover prune --gone'",
  });
}
