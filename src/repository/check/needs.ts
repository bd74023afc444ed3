/** Whether every object that a snapshot names is there, with the size that it names; and what no snapshot names. */
import { STORE_AGAIN, STORE_MISSING } from './data.ts';
import type { Ledger } from './ledger.ts';
import type { Listing } from './listing.ts';
import { type CheckedSnapshots, type Need, newestHeads, type SnapshotHead } from './snapshots.ts';

/** Compares the snapshots' needs with what lies there. */
export function checkNeeds(listing: Listing, { needs }: CheckedSnapshots, ledger: Ledger): void {
  for (const [path, { size }] of needs) {
    const stored = listing.sizes.get(path);
    if (stored === undefined) ledger.missing(path, STORE_MISSING);
    else if (stored !== size) ledger.damaged(path, `has ${stored} bytes in place of ${size}`, { hint: STORE_AGAIN });
  }
}

/** Tells of what is there and belongs to nothing. None of it is damage. */
export function tellDebris(listing: Listing, { needs, superseded }: CheckedSnapshots, ledger: Ledger): void {
  const { findings } = ledger;
  const debris = [...listing.kinds].filter(
    ([path, kind]) => (kind === 'pack' || kind === 'tags' || kind === 'catalog') && !needs.has(path),
  );
  if (debris.length > 0) {
    const bytes = debris.reduce((sum, [path]) => sum + (listing.sizes.get(path) ?? 0), 0);
    const message = `${debris.length} objects of ${bytes} bytes are named by no snapshot: what backups that did not come to their end had stored, or what is no longer needed; 'mailrecover prune' removes it`;
    findings.push({ severity: 'info', code: 'debris', message });
  }
  if (superseded.size > 0) {
    const message = `${superseded.size} snapshots lie there in whose place others stand; 'mailrecover prune' removes them`;
    findings.push({ severity: 'info', code: 'replaced', message });
  }
  const { count, bytes } = listing.unfinished;
  if (count > 0) findings.push({ severity: 'info', code: 'unfinished', message: `${count} unfinished writes of ${bytes} bytes lie there` });
  for (const path of listing.unknown)
    findings.push({
      severity: 'warning',
      code: 'unknown-file',
      message: `'${path}' is no object of a repository`,
      hint: 'nothing reads it; move it away',
      subject: path,
    });
}

/** What to do about an object that only older snapshots need; undefined where the newest of a host needs it, too. */
export function hintForOld(need: Need | undefined, heads: readonly SnapshotHead[]): string | undefined {
  const newest = need === undefined ? undefined : heads[need.newest];
  if (need === undefined || newest === undefined || newestHeads(heads).includes(need.newest)) return undefined;
  const which =
    need.count === 1 ? `'mailrecover forget ${newest.id.slice(0, 12)}'` : `'mailrecover forget', up to ${newest.id.slice(0, 12)}`;
  return `newer snapshots do without it; put it back from another copy of the repository, or, where there is none, give up those that need it: ${which}`;
}

/** What it costs that an object is bad, as far as can be told without a key. */
export function costOf(need: Need | undefined, heads: readonly SnapshotHead[]): string {
  if (need === undefined) return 'no snapshot needs it';
  const newest = heads[need.newest];
  const which =
    newest === undefined
      ? ''
      : `${need.count === 1 ? ':' : ', the newest is'} ${newest.id.slice(0, 12)} of '${newest.host}' (${newest.time})`;
  const snapshots = `${need.count === 1 ? '1 snapshot needs it' : `${need.count} snapshots need it`}${which}`;
  if (need.kind === 'tags') return `${snapshots}; it costs no mail, only that its pack's content may be stored once more`;
  if (need.kind === 'pack' || newest === undefined) return snapshots;
  const { messages, mailboxes } = newest.counts;
  return `${snapshots}; without it they can not be restored, or only in part: the newest lists ${messages} messages in ${mailboxes} mailboxes`;
}
