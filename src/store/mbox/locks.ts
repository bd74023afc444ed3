/** Locking mboxes as the programs that write them do: a lock of fcntl, and a `.lock` file beside the mbox. */
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { systemCode } from '../../errors/error.ts';
import { FileLocks } from '../../system/file-locks.ts';
import { fsPath } from '../bytes.ts';

export interface LockMethods {
  fcntl: boolean;
  dotlock: boolean;
  /** Milliseconds that are waited for a lock. */
  timeoutMs: number;
}

/** @param seconds for which a lock is waited for */
export function lockMethods(names: readonly ('fcntl' | 'dotlock')[] = ['fcntl', 'dotlock'], seconds = 60): LockMethods {
  return { fcntl: names.includes('fcntl'), dotlock: names.includes('dotlock'), timeoutMs: seconds * 1000 };
}

export type LockOutcome = 'locked' | 'held' | 'gone' | 'impossible';

/** Locks that are held together. Each is taken without waiting, so that nobody waits for us while we wait for another. */
export class MboxLocks {
  readonly #methods: LockMethods;
  readonly #files = new FileLocks();
  readonly #held = new Map<string, { dotlock: boolean; fcntl: boolean }>();

  constructor(methods: LockMethods) {
    this.#methods = methods;
  }

  /** @param path absolute byte string of an mbox */
  async tryLock(path: string): Promise<LockOutcome> {
    if (this.#held.has(path)) return 'locked';
    const got = { dotlock: false, fcntl: false };
    if (this.#methods.dotlock) {
      const outcome = makeDotlock(`${path}.lock`);
      if (outcome === 'held') return 'held';
      got.dotlock = outcome === 'locked';
    }
    if (this.#methods.fcntl) {
      const outcome = await this.#files.tryLock(path);
      got.fcntl = outcome === 'locked';
      if (outcome === 'held' || outcome === 'gone') {
        if (got.dotlock) removeDotlock(`${path}.lock`);
        return outcome;
      }
    }
    if (!got.dotlock && !got.fcntl) return 'impossible';
    this.#held.set(path, got);
    return 'locked';
  }

  async release(): Promise<void> {
    for (const [path, { dotlock, fcntl }] of this.#held) {
      if (fcntl) await this.#files.unlock(path);
      if (dotlock) removeDotlock(`${path}.lock`);
    }
    this.#held.clear();
  }

  async close(): Promise<void> {
    await this.release();
    this.#files.close();
  }
}

function makeDotlock(path: string): 'locked' | 'held' | 'impossible' {
  let fd: number;
  try {
    fd = openSync(fsPath(path), 'wx', 0o600);
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    // A directory in which we may not write: the other lock has to do.
    return code === 'EEXIST' ? 'held' : 'impossible';
  }
  try {
    // Whoever finds it left over sees whether its owner lives.
    writeSync(fd, `${process.pid}\n`);
  } finally {
    closeSync(fd);
  }
  return 'locked';
}

function removeDotlock(path: string): void {
  try {
    unlinkSync(fsPath(path));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
