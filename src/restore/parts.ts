/** Files of several parts while their parts come, in any order. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { fsPath } from '../store/bytes.ts';
import type { PlannedFile, Want } from './plan.ts';

/** Larger files lie on the disk while they are put together: dumps of databases may be larger than the memory. */
const IN_MEMORY = 32 * 1024 * 1024;

type Part = { bytes: Uint8Array } | { at: number; length: number };

interface Held {
  parts: (Part | undefined)[];
  missing: number;
  /** A file without a name, and where its next part goes. */
  spool: { fd: number; end: number } | undefined;
}

export class HeldParts {
  readonly #held = new Map<PlannedFile, Held>();

  /**
   * Takes a part of a file.
   * @param path where the file will lie: its directory is there
   * @param write gets the parts, one after the other, once all are there
   */
  take({ file, part }: Want, content: Uint8Array, path: string, write: (parts: Iterable<Uint8Array>) => void): void {
    const held = this.#held.get(file) ?? this.#begin(file, path);
    if (held.parts[part] === undefined) held.missing--;
    held.parts[part] = keep(held, content);
    if (held.missing > 0) return;
    file.partSizes = held.parts.map((each) => (each === undefined ? 0 : 'bytes' in each ? each.bytes.length : each.length));
    try {
      write(contentOf(held));
    } finally {
      this.#end(file, held);
    }
  }

  /** Lets go of files of which parts never came. */
  close(): void {
    for (const [file, held] of this.#held) this.#end(file, held);
  }

  #begin(file: PlannedFile, path: string): Held {
    const held: Held = { parts: Array.from({ length: file.parts.length }, () => undefined), missing: file.parts.length, spool: undefined };
    if (file.size > IN_MEMORY) held.spool = { fd: nameless(`${path}.${randomBytes(6).toString('hex')}`), end: 0 };
    this.#held.set(file, held);
    return held;
  }

  #end(file: PlannedFile, held: Held): void {
    this.#held.delete(file);
    if (held.spool !== undefined) closeSync(held.spool.fd);
  }
}

/** A file whose name is gone at once, so that a run that is killed leaves nothing of it. */
function nameless(path: string): number {
  const fd = openSync(fsPath(path), 'wx+', 0o600);
  unlinkSync(fsPath(path));
  return fd;
}

function keep({ spool }: Held, content: Uint8Array): Part {
  if (spool === undefined) return { bytes: content };
  const at = spool.end;
  for (let done = 0; done < content.length;) done += writeSync(spool.fd, content, done, content.length - done, at + done);
  spool.end += content.length;
  return { at, length: content.length };
}

function* contentOf({ parts, spool }: Held): Generator<Uint8Array> {
  for (const part of parts) {
    if (part === undefined) continue;
    if ('bytes' in part) yield part.bytes;
    else if (spool !== undefined) {
      const bytes = Buffer.allocUnsafe(part.length);
      for (let done = 0; done < part.length;) {
        const got = readSync(spool.fd, bytes, done, part.length - done, part.at + done);
        if (got === 0) break;
        done += got;
      }
      yield bytes;
    }
  }
}
