/**
 * The lock on a repository for what removes things from it (forget, prune, erase) or relies on what lies there (copy). Backups take none.
 * Each holder puts an object of its own and then looks who else is there, so that no conditional write is needed. The object is
 * written anew, with a counter, every period: a lock is stale when its counter stood still for two periods on the clock of whoever
 * looks, or when its process on this host is dead.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { MailrecoverError } from '../../errors/error.ts';
import { isoNow, monotonic, sleep } from '../../system/clock.ts';
import { isAlive, thisProcess, type ProcessIdentity } from '../../system/process-identity.ts';
import type { Target } from '../target.ts';

/** How often a holder shows that it is alive, milliseconds. */
export const LOCK_PERIOD = 15_000;

const PATH = /^locks\/([0-9a-f]{32})\.json$/;

export function isLockPath(path: string): boolean {
  return PATH.test(path);
}

export interface LockHolder extends ProcessIdentity {
  /** The system's own name of the host that holds it: the name in the configuration may be shared. */
  machine: string;
  host: string;
  /** Which command. */
  what: string;
  /** UTC. */
  since: string;
  counter: number;
  /** How often it counts on, milliseconds. */
  period: number;
}

export interface FoundLock {
  path: string;
  /** undefined where the object can't be read. */
  holder: LockHolder | undefined;
}

/** The locks that lie there. */
export async function listLocks(target: Target): Promise<FoundLock[]> {
  const found: FoundLock[] = [];
  for await (const { path } of target.list('locks')) if (isLockPath(path)) found.push({ path, holder: await readHolder(target, path) });
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function readHolder(target: Target, path: string): Promise<LockHolder | undefined> {
  try {
    const holder = JSON.parse((await target.get(path)).toString('utf8')) as Omit<LockHolder, 'period'> & { period?: unknown };
    if (typeof holder.pid !== 'number' || typeof holder.counter !== 'number') return undefined;
    const period = typeof holder.period === 'number' ? Math.min(60_000, Math.max(200, holder.period)) : LOCK_PERIOD;
    return { ...holder, period };
  } catch (error) {
    if (error instanceof MailrecoverError && error.code !== 'not-found' && error.code !== 'damage') throw error;
    return undefined;
  }
}

export interface Judged extends FoundLock {
  state: 'alive' | 'stale';
  /** Why it counts as that. */
  because: string;
}

/** Whether locks are held. Those whose process is on this host are judged at once; others are watched for two of their periods. */
export async function judgeLocks(target: Target, locks: readonly FoundLock[]): Promise<Judged[]> {
  const period = Math.max(...locks.map(({ holder }) => holder?.period ?? LOCK_PERIOD));
  const judged: Judged[] = [];
  const unsure: FoundLock[] = [];
  for (const lock of locks) {
    const { holder } = lock;
    if (holder !== undefined && isHere(holder)) {
      const alive = isAlive(holder);
      judged.push({
        ...lock,
        state: alive ? 'alive' : 'stale',
        because: alive ? 'its process runs on this host' : 'its process on this host is dead',
      });
    } else unsure.push(lock);
  }
  const begun = monotonic();
  while (unsure.length > 0 && monotonic() - begun < 2 * period) {
    await sleep(Math.min(1000, period / 4));
    for (const lock of unsure.slice()) {
      const holder = await readHolder(target, lock.path);
      const gone = (await target.size(lock.path)) === undefined;
      if (!gone && holder?.counter === lock.holder?.counter) continue;
      unsure.splice(unsure.indexOf(lock), 1);
      if (!gone) judged.push({ ...lock, holder, state: 'alive', because: 'its counter goes on' });
    }
  }
  for (const lock of unsure)
    judged.push({ ...lock, state: 'stale', because: `its counter stood still for ${Math.round((2 * period) / 1000)} s` });
  return judged.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Whether the holder's process can be looked up here: the same boot of the same system. */
function isHere(holder: LockHolder): boolean {
  return holder.machine === hostname() && (holder.boot === thisProcess().boot || holder.boot === '');
}

export function describeHolder({ holder, path }: FoundLock): string {
  return holder === undefined
    ? `'${path}', which can not be read`
    : `'${holder.what}' on ${holder.machine} (process ${holder.pid}) since ${holder.since}`;
}

export interface LockOptions {
  host: string;
  what: string;
  /** Milliseconds. */
  period?: number;
}

export interface HeldLock {
  /** Throws `locked` where somebody took the lock away: nothing more may be removed then. */
  confirm(): Promise<void>;
  /** Gives it back. */
  release(): Promise<void>;
}

/**
 * Takes the lock; stale ones of others are removed.
 * @throws MailrecoverError `locked`, naming who holds it
 */
export async function lockRepository(target: Target, { host, what, period = LOCK_PERIOD }: LockOptions): Promise<HeldLock> {
  const path = `locks/${randomBytes(16).toString('hex')}.json`;
  const holder: LockHolder = { ...thisProcess(), machine: hostname(), host, what, since: isoNow(), counter: 0, period };
  const write = async (): Promise<void> => {
    await target.put(path, Buffer.from(`${JSON.stringify(holder)}\n`));
  };
  await write();
  let writing = Promise.resolve();
  let failure: unknown;
  const refresh = async (): Promise<void> => {
    holder.counter++;
    // One that somebody took away is not put back.
    if ((await target.size(path)) !== undefined) await write();
  };
  const timer = setInterval(() => {
    writing = writing.then(refresh).catch((error: unknown) => {
      failure = error;
    });
  }, period);
  timer.unref();
  const release = async (): Promise<void> => {
    clearInterval(timer);
    await writing;
    await target.remove(path).catch(() => undefined);
  };
  const confirm = async (): Promise<void> => {
    if (failure === undefined && (await target.size(path)) !== undefined) return;
    throw new MailrecoverError('locked', 'the lock on the repository was taken away from this run, so it stopped', {
      hint: "run it again; see who is there: 'mailrecover unlock'",
      subject: path,
      ...(failure === undefined ? {} : { cause: failure }),
    });
  };
  try {
    const others = (await listLocks(target)).filter((lock) => lock.path !== path);
    for (const lock of await judgeLocks(target, others)) {
      if (lock.state === 'stale') {
        await target.remove(lock.path).catch(() => undefined);
        continue;
      }
      throw new MailrecoverError('locked', `the repository is locked by ${describeHolder(lock)}`, {
        hint: "wait until it has ended, or look closer: 'mailrecover unlock'",
        subject: lock.path,
      });
    }
    await confirm();
    return { confirm, release };
  } catch (error) {
    await release();
    throw error;
  }
}
