import { readFileSync } from 'node:fs';

/** What tells one process from every other, also from a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)); empty where there is no /proc. */
  started: string;
  /** The kernel's random id of this boot. */
  boot: string;
}

export function thisProcess(): ProcessIdentity {
  return identityOf(process.pid);
}

/** Of a process that runs; one that is gone already is never alive. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, started: startOf(pid) ?? '', boot: bootId() };
}

/** Whether that very process still runs on this host; a zombie does not. */
export function isAlive({ pid, started, boot }: ProcessIdentity): boolean {
  return boot === bootId() && started !== '' && startOf(pid) === started;
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the command may hold blanks and brackets: fields count from the last bracket on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}
