/** A lock that keeps two runs on this host from using the same directory at once. */
import { createHash, randomBytes } from 'node:crypto';
import { linkSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../errors/error.ts';
import { isoNow } from './clock.ts';
import { CLAIM, type Holder, type LockFiles, type Outcome, releaseSteps, takeSteps } from './lock-steps.ts';
import { isAlive as isRunning, thisProcess } from './process-identity.ts';

/** Ids of the locks that this process holds: it knows of itself better than by its number. */
const HELD = new Set<string>();

/** What the file of a lock holds; files of versions before had no more than the first four. */
interface Stored extends Partial<Holder> {
  boot?: string;
}

/**
 * Takes the lock at `path`; one whose process is gone is taken over. It works on every file system that has link(2), NFS included, for processes
 * of one host; a lock of another host is never taken over.
 * @param what which command holds it, for the message that another run gets
 * @returns gives the lock back
 * @throws MailrecoverError `locked`, naming the process that holds it
 */
export function takeLock(path: string, what: string): () => void {
  const { pid, started, boot } = thisProcess();
  const mine: Holder & Stored = {
    pid,
    start: started,
    since: isoNow(),
    what,
    id: randomBytes(12).toString('hex'),
    machine: hostname(),
    boot,
  };
  const files = filesAt(path);
  let outcome: Outcome;
  HELD.add(mine.id);
  try {
    outcome = toEnd(takeSteps(files, `.${pid}-${randomBytes(4).toString('hex')}`, mine));
  } catch (error) {
    HELD.delete(mine.id);
    throw ioError(error, 'take the lock', path);
  }
  if (outcome.taken)
    return () => {
      try {
        toEnd(releaseSteps(files, mine));
      } catch {
        // What this run did is done all the same, and the next one takes over a lock that nobody holds.
      }
      HELD.delete(mine.id);
    };
  HELD.delete(mine.id);
  if (outcome.by === undefined)
    throw new MailrecoverError('locked', 'other runs took the lock at the same moment', { hint: 'run the command again' });
  throw heldBy(outcome.by, path);
}

/** Which process holds the lock at `path`, and since when; undefined where none does that is alive. */
export function lockHolder(path: string): { pid: number; since: string; what: string } | undefined {
  const holder = readHolder(path);
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

function toEnd<T>(steps: Generator<string, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

function filesAt(path: string): LockFiles {
  return {
    write: (suffix, holder) => writeFileSync(path + suffix, JSON.stringify(holder), { mode: 0o600 }),
    link: (from, to) => {
      try {
        linkSync(path + from, path + to);
        return true;
      } catch (error) {
        // What tidies the directory may have taken it for a leftover.
        if (systemCode(error) === 'ENOENT') return undefined;
        if (systemCode(error) !== 'EEXIST') throw error;
        // Over NFS an answer may be lost, and the call made again finds its own link.
        return isSameFile(path + from, path + to);
      }
    },
    rename: (from, to) => {
      try {
        renameSync(path + from, path + to);
        return true;
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error;
        return false;
      }
    },
    remove: (suffix) => rmSync(path + suffix, { force: true }),
    read: (suffix) => readHolder(path + suffix),
    isAlive,
    claims: () => {
      const name = basename(path);
      return readdirSync(dirname(join(path))).flatMap((each) => (each.startsWith(name + CLAIM) ? [each.slice(name.length)] : []));
    },
  };
}

function isSameFile(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => lstatSync(path, { throwIfNoEntry: false }));
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

/** What nobody could have written whole is of a process that is dead: a file gets its name when it is whole. */
function readHolder(path: string): (Holder & Stored) | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const id = createHash('sha256').update(text).digest('hex').slice(0, 24);
  const { pid = 0, start = '', since = '', what = '', ...others } = parsed(text);
  return { id, ...others, pid, start, since, what };
}

function parsed(text: string): Stored {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function isAlive({ pid, start, machine, boot, id }: Holder & Stored): boolean {
  const here = thisProcess();
  // What another host holds can't be known from here.
  if (boot !== undefined && boot !== here.boot) return machine !== undefined && machine !== hostname();
  if (pid === here.pid && start === here.started) return HELD.has(id);
  return isRunning({ pid, started: start, boot: here.boot });
}

function heldBy({ what, since, pid, machine }: Holder, path: string): MailrecoverError {
  const far = machine !== undefined && machine !== hostname();
  return new MailrecoverError('locked', `'${what}' has been running since ${since} as process ${pid}${far ? ` on ${machine}` : ''}`, {
    hint: far
      ? `wait until it has ended; if that host is gone for good, remove '${path}'`
      : 'wait until it has ended; a lock whose process is gone is taken over by itself',
    subject: path,
  });
}
