/** What Postfix asks a policy service, and what is answered (SMTPD_POLICY_README): lines of `name=value`, an empty one at the end. */
import { isoNow, monotonic } from '../../system/clock.ts';
import type { Taking } from './taking.ts';

export const CARRY_ON = 'action=DUNNO\n\n';

/** A request by the names of its attributes; the last of a name counts. */
export type PolicyRequest = ReadonlyMap<string, string>;

/** No request is longer. */
const MAX_BYTES = 64 * 1024;

/**
 * Takes whole requests off the front of what came.
 * @returns undefined where this can be no request of Postfix
 */
export function takeRequests(text: string): { requests: PolicyRequest[]; rest: string } | undefined {
  const parts = text.split('\n\n');
  const rest = parts.pop() ?? '';
  if (rest.length > MAX_BYTES) return undefined;
  const requests = parts.map((part) => new Map(part.split('\n').map((line) => splitAt(line, line.indexOf('=')))));
  return requests.every((request) => request.get('request') === 'smtpd_access_policy') ? { requests, rest } : undefined;
}

function splitAt(line: string, at: number): [string, string] {
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}

/** Transactions that have recipients and no end yet; most of those that never come to one are gone within this time. */
const OPEN_MS = 3600 * 1000;
const MAX_OPEN = 10_000;
const MAX_RECIPIENTS = 1000;

/** The recipients of transactions under way: with several of them none is told at the end of the message. */
export class Transactions {
  readonly #open = new Map<string, { since: number; to: string[] }>();

  /** @returns the message that Postfix is about to accept, where that is what it asks */
  take(request: PolicyRequest): Taking | undefined {
    const of = (name: string): string => request.get(name) ?? '';
    const instance = of('instance');
    if (of('protocol_state') === 'RCPT') this.#add(instance, of('recipient'));
    if (of('protocol_state') !== 'END-OF-MESSAGE') return undefined;
    const to = this.#open.get(instance)?.to ?? (of('recipient') === '' ? [] : [of('recipient')]);
    this.#open.delete(instance);
    // Before a filter that hands it on to another smtpd: that one has the queue file, and asks, too.
    if (of('queue_id') === '') return undefined;
    return { event: 'taking', queue: of('queue_id'), at: isoNow(), from: of('sender'), to, size: Number(of('size')) || 0 };
  }

  #add(instance: string, recipient: string): void {
    const open = this.#open.get(instance) ?? { since: monotonic(), to: [] };
    if (open.to.length < MAX_RECIPIENTS && !open.to.includes(recipient)) open.to.push(recipient);
    this.#open.set(instance, open);
    for (const [key, { since }] of this.#open) {
      if (this.#open.size <= MAX_OPEN && monotonic() - since < OPEN_MS) break;
      this.#open.delete(key);
    }
  }
}
