/** The messages that a host accepted, put together from what its log said line by line. */
import type { LedgerEvent } from './store.ts';

export interface Accepted {
  /** Postfix's queue id. */
  queue: string;
  /** When it was accepted, UTC. */
  at: string;
  /** Message-ID with its angle brackets; absent where none was logged. */
  id?: string;
  /** The envelope sender, empty for a bounce; absent where the host died before that was logged: nobody knows whether it was accepted. */
  from?: string;
  /** Who it was from, and for whom, as Postfix asked before it accepted it. */
  asked?: { from: string; to: string[] };
  size?: number;
  recipients: Map<string, { at: string; status: string; local: boolean }>;
  /** Nothing of it is in the queue any more. */
  gone: boolean;
}

/**
 * One for each queue id; events may come twice, and in any order.
 * @param copied of this time the copies are here, UTC: what had left the queue before that is forgotten at once
 */
export function acceptedFrom(events: Iterable<LedgerEvent>, copied = ''): Accepted[] {
  const all = new Map<string, Accepted>();
  for (const event of events) {
    const { queue, at } = event;
    const one: Accepted = all.get(queue) ?? { queue, at, recipients: new Map(), gone: false };
    all.set(queue, one);
    if (at < one.at) one.at = at;
    if (event.event === 'id') one.id = event.id;
    else if (event.event === 'from') Object.assign(one, { from: event.from, size: event.size });
    else if (event.event === 'gone') {
      one.gone = true;
      if (at < copied && [...one.recipients.values()].every((each) => each.at < copied)) all.delete(queue);
    } else if (event.event === 'taking') one.asked = { from: event.from, to: event.to };
    else {
      const before = one.recipients.get(event.to);
      if (before === undefined || before.at <= at) one.recipients.set(event.to, { at, status: event.status, local: event.local });
    }
  }
  return [...all.values()];
}

export interface LostMessage {
  queue: string;
  at: string;
  id: string | null;
  /** Null where it is not known. */
  from: string | null;
  /** Recipients that did not get it, as far as known. */
  to: string[];
  /**
   * `mailbox`: it lay in a mailbox that was not copied any more; `queue`: it had not been delivered; `incoming`: it was about to be accepted, and nobody knows
   * whether its sender still heard that it was.
   */
  lay: 'mailbox' | 'queue' | 'incoming';
}

/** Logs of the old form tell whole seconds, cut off: what is of the same second may have come later. */
export function toSecond(time: string): string {
  return time.slice(0, '2026-01-01T00:00:00'.length);
}

/** Time that a transaction may take between the header and its end. */
const OPEN_MS = 10_000;
/** The same after Postfix asked: filters (milters) have their say then. */
const ASKED_MS = 60_000;

/**
 * Which of them are not on this host.
 * @param since only what was accepted later, UTC; of what is older the copies are here
 * @param until when the ledger ends, UTC
 * @param here mailboxes of this host that hold a message, by its Message-ID; a mailbox is named as its user
 */
export function lostOf(
  all: readonly Accepted[],
  since: string,
  until: string,
  here: ReadonlyMap<string, ReadonlySet<string>>,
): LostMessage[] {
  const copied = toSecond(since);
  return all
    .flatMap((one): LostMessage[] => {
      const { queue, at, id, from, asked, recipients, gone } = one;
      // A transaction that never came to its end: the queue manager would have said something of it.
      if (from === undefined && Date.parse(at) < Date.parse(until) - (asked === undefined ? OPEN_MS : ASKED_MS)) return [];
      const places = id === undefined ? undefined : here.get(id);
      const base = { queue, at, id: id ?? null, from: from ?? asked?.from ?? null };
      const waiting = gone ? [] : [...recipients].filter(([, { status }]) => status === 'deferred').map(([to]) => to);
      if (waiting.length > 0) return [{ ...base, to: waiting, lay: 'queue' }];
      if (recipients.size === 0 && !gone)
        return places === undefined ? [{ ...base, to: asked?.to ?? [], lay: from === undefined ? 'incoming' : 'queue' }] : [];
      const delivered = [...recipients]
        .filter(([, { status, local, at: when }]) => status === 'sent' && local && when >= copied)
        .map(([to]) => to);
      const lacking = delivered.filter((to) => places === undefined || !(places.has(to) || places.size >= delivered.length));
      return lacking.length === 0 ? [] : [{ ...base, to: lacking, lay: 'mailbox' }];
    })
    .toSorted((a, b) => a.at.localeCompare(b.at));
}
