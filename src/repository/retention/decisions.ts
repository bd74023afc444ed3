/** What people decided: which snapshots are held, and which anomalies they looked at and approved. */
import { openWhole, sealPlain } from '../envelope.ts';
import type { Identity, Recipient } from '../age/keys.ts';
import { readRecords, textOf, type StoredRecord } from '../care/record.ts';
import type { Target } from '../target.ts';

export interface Hold {
  /** Id of its record. */
  id: string;
  /** The snapshot that is held; undefined where a mailbox is, and with it every snapshot. */
  snapshot: string | undefined;
  /** The mailbox's name, wrapped for the recipients, base64. */
  sealed: string | undefined;
  reason: string;
  host: string;
  time: string;
}

export interface Decisions {
  holds: Hold[];
  /** Ids of approved snapshots, with the keys that approved each. */
  approvals: Map<string, Set<string>>;
  /** Hosts that will not come back: the sequence that each had reached, by fingerprint of its key. */
  gone: Map<string, number>;
}

/** A mailbox's name as a record holds it: nobody reads it without an identity. */
export function sealMailbox(mailbox: string, recipients: readonly Recipient[] | undefined): string {
  return sealPlain(Buffer.from(mailbox, 'utf8'), recipients).toString('base64');
}

/** @throws MailrecoverError `key`, `damage` */
export function unsealMailbox(sealed: string, identities: readonly Identity[] | undefined, subject: string): string {
  return openWhole(Buffer.from(sealed, 'base64'), identities, subject).toString('utf8');
}

/**
 * What records decide. Anybody may hold; to release, to approve and to call a host gone takes a key that is believed.
 * @param believed public keys of this host and of those that it trusts
 */
export function decisionsOf(records: readonly StoredRecord[], believed: ReadonlySet<string>): Decisions {
  const held = new Map<string, Hold>();
  const holders = new Map<string, string>();
  const approvals = new Map<string, Set<string>>();
  const gone = new Map<string, number>();
  for (const record of records) {
    const { id, key, host, time, fields } = record;
    const snapshot = textOf(fields, 'snapshot');
    if (record.kind === 'hold') {
      const sealed = textOf(fields, 'mailbox');
      holders.set(id, key);
      held.set(id, {
        id,
        host,
        time,
        reason: textOf(fields, 'reason'),
        snapshot: snapshot === '' ? undefined : snapshot,
        sealed: sealed === '' ? undefined : sealed,
      });
    } else if (record.kind === 'approve') {
      for (const line of record.lines) {
        const approved = textOf(line, 'snapshot');
        approvals.set(approved, (approvals.get(approved) ?? new Set()).add(key));
      }
    } else if (record.kind === 'gone' && believed.has(key) && typeof fields['sequence'] === 'number') {
      const chain = textOf(fields, 'chain');
      gone.set(chain, Math.max(gone.get(chain) ?? 0, fields['sequence']));
    }
  }
  for (const { kind, key, fields } of records) {
    if (kind !== 'release') continue;
    const hold = held.get(textOf(fields, 'hold'));
    if (hold !== undefined && (believed.has(key) || holders.get(hold.id) === key)) held.delete(hold.id);
  }
  return { holds: [...held.values()].sort((a, b) => (a.time < b.time ? -1 : 1)), approvals, gone };
}

export async function readDecisions(target: Target, believed: ReadonlySet<string>): Promise<Decisions> {
  return decisionsOf(await readRecords(target, ['hold', 'release', 'approve', 'gone']), believed);
}

/** Whether somebody who is believed, or the host itself, approved of a snapshot; also of one in whose place it stands. */
export function isApproved(
  snapshot: { id: string; key: string; replaces?: string[] },
  approvals: Decisions['approvals'],
  believed: ReadonlySet<string>,
): boolean {
  return [snapshot.id, ...(snapshot.replaces ?? [])].some((id) =>
    [...(approvals.get(id) ?? [])].some((key) => key === snapshot.key || believed.has(key)),
  );
}
