/**
 * What was put into a mailbox of a service: a line for each message, on the disk before the next one is sent. It is never put there again, also where its owner moved or deleted it
 * since. What a crash kept from being written down is found by comparing with the server.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createHash } from 'node:crypto';
import { ioError } from '../../errors/error.ts';
import type { WantedFolder, WantedMessage } from '../../restore/imap/wanted.ts';
import { now } from '../../system/clock.ts';
import { appendDurable, ifPresent, makeDirectory } from '../../system/files.ts';
import { parseIfWhole } from '../../system/kept.ts';

interface Line {
  /** Name of the folder in the snapshot. */
  folder: string;
  /** SHA-256 of its bytes as they were stored. */
  sha: string;
  /** What was sent for it; 0 where it was there already. */
  bytes: number;
  /** Milliseconds since 1970. */
  at: number;
}

const DAY_MS = 24 * 3600 * 1000;

/** One directory for each service; files are named after mailboxes, whatever stands in their names. */
function ledgerPath(state: string, service: string, mailbox: string): string {
  return join(state, 'standby', 'fill', service, `${createHash('sha256').update(mailbox).digest('hex').slice(0, 32)}.jsonl`);
}

export class Ledger {
  readonly #path: string;
  readonly #lines: Line[];

  private constructor(path: string, lines: Line[]) {
    [this.#path, this.#lines] = [path, lines];
  }

  /** @throws MailrecoverError `io` */
  static async open(state: string, service: string, mailbox: string): Promise<Ledger> {
    const path = ledgerPath(state, service, mailbox);
    await makeDirectory(dirname(path));
    let text: string | undefined;
    try {
      text = await ifPresent(() => readFile(path, 'utf8'));
    } catch (error) {
      throw ioError(error, 'read', path);
    }
    const lines = (text ?? '').split('\n').flatMap((line) => (parseIfWhole(line) as Line | undefined) ?? []);
    // A torn line must not swallow the next one.
    if (text !== undefined && text !== '' && !text.endsWith('\n')) appendDurable(path, '\n');
    return new Ledger(path, lines);
  }

  /** Whether anything was ever put there. */
  get begun(): boolean {
    return this.#lines.length > 0;
  }

  wasThere(folder: WantedFolder, message: WantedMessage, bytes: number): void {
    const line: Line = { folder: folder.name, sha: message.state.sha, bytes, at: now() };
    appendDurable(this.#path, `${JSON.stringify(line)}\n`);
    this.#lines.push(line);
  }

  /** Bytes that were sent in the 24 hours before now. */
  get sentToday(): number {
    const since = now() - DAY_MS;
    return this.#lines.reduce((sum, { at, bytes }) => sum + (at > since ? bytes : 0), 0);
  }

  /** When a message of so many bytes fits into a day's share again, milliseconds since 1970. */
  fitsAt(size: number, day: number): number {
    const bytes = Math.min(size, day) - (day - this.sentToday);
    let freed = 0;
    for (const line of this.#lines) {
      if (line.at <= now() - DAY_MS) continue;
      freed += line.bytes;
      if (freed >= bytes) return line.at + DAY_MS;
    }
    return now();
  }

  /** The messages that were never put there. One that was moved since, on the old host, is known by its bytes: first in its own folder, then in any. */
  due(folders: readonly WantedFolder[]): Set<WantedMessage> {
    const placed = new Map<string, number>();
    const anywhere = new Map<string, number>();
    const more = (counts: Map<string, number>, key: string, by: number): void => void counts.set(key, (counts.get(key) ?? 0) + by);
    for (const { folder, sha } of this.#lines) {
      more(placed, `${folder}\0${sha}`, 1);
      more(anywhere, sha, 1);
    }
    const due = new Set<WantedMessage>();
    for (const folder of folders)
      for (const message of folder.messages) {
        const { sha } = message.state;
        const key = `${folder.name}\0${sha}`;
        if ((placed.get(key) ?? 0) === 0) {
          due.add(message);
          continue;
        }
        more(placed, key, -1);
        more(anywhere, sha, -1);
      }
    for (const message of due) {
      const { sha } = message.state;
      if ((anywhere.get(sha) ?? 0) === 0) continue;
      more(anywhere, sha, -1);
      due.delete(message);
    }
    return due;
  }
}
