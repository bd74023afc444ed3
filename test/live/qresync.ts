/** A client that synchronises by QRESYNC, and keeps what it was told. */
import assert from 'node:assert/strict';
import type { Imap } from '../support/imap.ts';

/** What a client that synchronises by QRESYNC knows: flags by UID. */
export class Cache {
  uidValidity = 0;
  highest = 0n;
  messages = new Map<number, string>();

  /** Synchronises as RFC 7162 section 3.2.5 has it, and nothing beyond that but a FETCH of UIDs it has not seen. */
  async synchronise(client: Imap, folder: string): Promise<void> {
    await client.command('UNSELECT').catch(() => undefined);
    const next = Math.max(0, ...this.messages.keys()) + 1;
    const known = this.messages.size === 0 ? '' : ` ${[...this.messages.keys()].join(',')}`;
    const parameters = this.uidValidity === 0 ? '(CONDSTORE)' : `(QRESYNC (${this.uidValidity} ${this.highest}${known}))`;
    const { untagged } = await client.command(`SELECT "${folder}" ${parameters}`);
    const { uidValidity } = this;
    this.#take(untagged.map((each) => each.text));
    const from = this.uidValidity === uidValidity ? next : 1;
    const fetched = await client.command(`UID FETCH ${from}:* (FLAGS MODSEQ)`);
    this.#take(fetched.untagged.map((each) => each.text));
  }

  #take(lines: readonly string[]): void {
    for (const line of lines) {
      const validity = /UIDVALIDITY (\d+)/.exec(line);
      if (validity !== null && Number(validity[1]) !== this.uidValidity) {
        this.messages.clear();
        this.uidValidity = Number(validity[1]);
      }
      const highest = /HIGHESTMODSEQ (\d+)/.exec(line);
      if (highest !== null) {
        assert.ok(BigInt(highest[1] ?? 0) >= this.highest, 'HIGHESTMODSEQ went back');
        this.highest = BigInt(highest[1] ?? 0);
      }
      const vanished = /^\* VANISHED (?:\(EARLIER\) )?([\d:,]+)/.exec(line);
      for (const range of vanished?.[1]?.split(',') ?? []) {
        const [first = 0, last = first] = range.split(':').map(Number);
        for (let uid = first; uid <= last; uid++) this.messages.delete(uid);
      }
      const flags = /^\* \d+ FETCH .*\bUID (\d+) FLAGS \(([^)]*)\)/.exec(line);
      if (flags !== null)
        this.messages.set(
          Number(flags[1]),
          (flags[2] ?? '')
            .split(' ')
            .filter((flag) => flag !== '\\Recent' && flag !== '')
            .sort()
            .join(' '),
        );
    }
  }
}

/** What a client that sees the folder for the first time is told. */
export async function truth(client: Imap, folder: string): Promise<Map<number, string>> {
  const fresh = new Cache();
  await fresh.synchronise(client, folder);
  return fresh.messages;
}
