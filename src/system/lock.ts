/** A lock that keeps two runs on this host from using the same directory at once. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { ioError, MailrecoverError, systemCode } from '../errors/error.ts';
import { isoNow } from './clock.ts';

/** When a process started, in ticks since boot (proc(5), /proc/pid/stat, field 22): with its number it names a process for good. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

interface Holder {
  pid: number;
  start: string;
  since: string;
  what: string;
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/**
 * Takes the lock at `path`; one whose process is gone is taken over.
 * @param what which command holds it, for the message that another run gets
 * @returns gives the lock back
 * @throws MailrecoverError `locked`, naming the process that holds it
 */
export function takeLock(path: string, what: string): () => void {
  const mine: Holder = { pid: process.pid, start: startOf(process.pid) ?? '', since: isoNow(), what };
  // Written whole before it gets its name: nobody ever reads a lock that does not say yet whose it is.
  const written = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      writeFileSync(written, JSON.stringify(mine), { mode: 0o600 });
      try {
        linkSync(written, path);
        return () => release(path, mine);
      } catch (error) {
        // What tidies the directory may have taken it for a leftover.
        if (systemCode(error) === 'ENOENT') continue;
        if (systemCode(error) !== 'EEXIST') throw error;
      }
      const holder = readHolder(path);
      if (holder !== undefined && startOf(holder.pid) === holder.start) throw heldBy(holder, path);
      takeAway(path);
    }
  } catch (error) {
    throw ioError(error, 'take the lock', path);
  } finally {
    rmSync(written, { force: true });
  }
  throw new MailrecoverError('locked', 'another run took the lock at the same moment', { hint: 'run the command again' });
}

/** Which process holds the lock at `path`, and since when; undefined where none does that is alive. */
export function lockHolder(path: string): { pid: number; since: string; what: string } | undefined {
  const holder = readHolder(path);
  return holder !== undefined && startOf(holder.pid) === holder.start ? holder : undefined;
}

function heldBy({ what, since, pid }: Holder, path: string): MailrecoverError {
  return new MailrecoverError('locked', `'${what}' has been running since ${since} as process ${pid}`, {
    hint: 'wait until it has ended; a lock whose process is gone is taken over by itself',
    subject: path,
  });
}

/**
 * Takes away a lock whose process is gone. Another run may have done so at the same moment and hold the lock already: it is moved aside first, and put
 * back where it turns out to be a living one.
 */
function takeAway(path: string): void {
  const aside = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  const holder = readHolder(aside);
  try {
    if (holder !== undefined && startOf(holder.pid) === holder.start) linkSync(aside, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Removes our lock, and no other. */
function release(path: string, { pid, start, since }: Holder): void {
  const holder = readHolder(path);
  if (holder?.pid !== pid || holder.start !== start || holder.since !== since) return;
  try {
    rmSync(path, { force: true });
  } catch {
    // What this run did is done all the same, and the next one takes over a lock whose process is gone.
  }
}
