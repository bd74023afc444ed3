/** A lock that keeps two runs on this host from using the same directory at once. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
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
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const fd = openSync(path, 'wx', 0o600);
      writeSync(fd, JSON.stringify(mine));
      closeSync(fd);
      return () => {
        try {
          rmSync(path, { force: true });
        } catch {
          // What this run did is done all the same, and the next one takes over a lock whose process is gone.
        }
      };
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw ioError(error, 'take the lock', path);
    }
    const holder = readHolder(path);
    if (holder !== undefined && startOf(holder.pid) === holder.start) {
      throw new MailrecoverError('locked', `'${holder.what}' has been running since ${holder.since} as process ${holder.pid}`, {
        hint: 'wait until it has ended; a lock whose process is gone is taken over by itself',
        subject: path,
      });
    }
    rmSync(path, { force: true });
  }
  throw new MailrecoverError('locked', 'another run took the lock at the same moment', { hint: 'run the command again' });
}
