/** Locking mboxes as the programs that write them do: a lock of fcntl, and a `.lock` file beside the mbox. */
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
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

function makeDotlock(path: string, isRetry = false): 'locked' | 'held' | 'impossible' {
  let fd: number;
  try {
    fd = openSync(fsPath(path), 'wx', 0o600);
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    // A directory in which we may not write: the other lock has to do.
    if (code !== 'EEXIST') return 'impossible';
    if (isRetry || !isLeftOver(path)) return 'held';
    removeDotlock(path);
    return makeDotlock(path, true);
  }
  try {
    // As Dovecot writes it (file-dotlock.c): whoever finds it left over sees whether its owner lives.
    writeSync(fd, `${process.pid}:${hostname()}`);
  } finally {
    closeSync(fd);
  }
  return 'locked';
}

/** Whether the process of this host that made a lock is dead: such locks are taken away by all that know them, or one that was killed would stop the mail. */
function isLeftOver(path: string): boolean {
  let text: string;
  try {
    text = readFileSync(fsPath(path), 'utf8');
  } catch {
    return false;
  }
  const [, pid = '', host] = /^(\d{1,10}):([^\s:]+)\s*$/.exec(text) ?? [];
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}

function removeDotlock(path: string): void {
  try {
    unlinkSync(fsPath(path));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
