/** Messages that were fetched by this run, or by one that was cut off: their bytes are stored, so they are not fetched again. */
import { appendFileSync, readFileSync } from 'node:fs';
import type { ByteString } from '../bytes.ts';

export interface FetchedMessage {
  sha: string;
  size: number;
  /** Bytes with CRLF at the ends of all lines. */
  virtual: number;
  /** Where it is stored; unknown for one of an earlier run. */
  place?: number;
}

type Line = [dir: ByteString, uidValidity: number, uid: number, sha: string, size: number, virtual: number];

function keyOf(dir: ByteString, uidValidity: number, uid: number): string {
  return `${dir}\0${uidValidity}\0${uid}`;
}

/** A cache: where it can't be read or written, messages are fetched again. */
export class FetchJournal {
  readonly #path: string | undefined;
  readonly #known = new Map<string, FetchedMessage>();

  /** @param path undefined keeps it in memory */
  constructor(path: string | undefined, of: string) {
    this.#path = path;
    if (path === undefined) return;
    const lines = readLines(path);
    if (lines[0] !== JSON.stringify(of)) {
      this.#write(`${JSON.stringify(of)}\n`, 'w');
      return;
    }
    for (const line of lines.slice(1)) {
      try {
        const [dir, uidValidity, uid, sha, size, virtual] = JSON.parse(line) as Line;
        this.#known.set(keyOf(dir, uidValidity, uid), { sha, size, virtual });
      } catch {
        // Cut short when the run was killed.
      }
    }
  }

  get(dir: ByteString, uidValidity: number, uid: number): FetchedMessage | undefined {
    return this.#known.get(keyOf(dir, uidValidity, uid));
  }

  add(dir: ByteString, uidValidity: number, messages: readonly (FetchedMessage & { uid: number })[]): void {
    const lines: string[] = [];
    for (const { uid, ...message } of messages) {
      this.#known.set(keyOf(dir, uidValidity, uid), message);
      lines.push(`${JSON.stringify([dir, uidValidity, uid, message.sha, message.size, message.virtual] satisfies Line)}\n`);
    }
    this.#write(lines.join(''), 'a');
  }

  #write(text: string, flag: 'a' | 'w'): void {
    if (this.#path === undefined || text === '') return;
    try {
      appendFileSync(this.#path, text, { mode: 0o600, flag });
    } catch {
      // A full disk: the mail matters more.
    }
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1);
  } catch {
    return [];
  }
}
