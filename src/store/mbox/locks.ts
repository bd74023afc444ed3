/** Locking mboxes as the programs that write them do: a lock of fcntl, and a `.lock` file beside the mbox. */
import { closeSync, openSync, statSync, unlinkSync, utimesSync, writeSync } from 'node:fs';
import { systemCode } from '../../errors/error.ts';
import { FileLocks } from '../../system/file-locks.ts';
import { fsPath } from '../bytes.ts';

export interface LockMethods {
  fcntl: boolean;
  dotlock: boolean;
  /** Milliseconds that are waited for a lock. */
  timeoutMs: number;
}

export const DEFAULT_LOCKS: LockMethods = { fcntl: true, dotlock: true, timeoutMs: 60_000 };

/** A dotlock that nobody touched for so long is left over from a program that died (Dovecot's mbox_dotlock_change_timeout). */
const STALE_MS = 120_000;

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

  /** Touches the dotlocks, so that nobody takes them for left over. */
  refresh(): void {
    const time = new Date(Date.now());
    for (const [path, { dotlock }] of this.#held) if (dotlock) touch(`${path}.lock`, time);
  }

  async close(): Promise<void> {
    await this.release();
    this.#files.close();
  }
}

function touch(path: string, time: Date): void {
  try {
    utimesSync(fsPath(path), time, time);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

function makeDotlock(path: string): 'locked' | 'held' | 'impossible' {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const fd = openSync(fsPath(path), 'wx', 0o600);
      try {
        writeSync(fd, `${process.pid}\n`);
      } finally {
        closeSync(fd);
      }
      return 'locked';
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      // A directory in which we may not write: the other lock has to do.
      if (code !== 'EEXIST') return 'impossible';
      if (!isStale(path)) return 'held';
      removeDotlock(path);
    }
  }
  return 'held';
}

function isStale(path: string): boolean {
  const stats = statSync(fsPath(path), { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > STALE_MS;
}

function removeDotlock(path: string): void {
  try {
    unlinkSync(fsPath(path));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
