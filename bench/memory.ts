import { readFileSync, readdirSync } from 'node:fs';

/** How the memory figures are come by, for the report. */
export const HOW = 'resident memory of all processes of the tree added up, every 50 ms, or the largest high-water mark of one of them';

/** Looking holds up what is looked at, and takes a processor that it could use: more often would be measured, too. */
const SAMPLE_MS = 50;
/** Finding new processes costs more than looking at known ones, so it is done every so many samples. */
const RESCAN = 5;

/** Watches the resident memory of some processes and all that they start. */
export class TreeWatch {
  #roots: number[];
  #known: number[];
  #peak = 0;
  #turns = 0;
  #timer: NodeJS.Timeout;

  constructor(roots: number[]) {
    this.#roots = roots;
    this.#known = roots;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** Ends the watch; gives the peak in bytes. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#peak;
  }

  #sample(): void {
    if (this.#turns++ % RESCAN === 0) this.#known = descendants(this.#roots);
    let sum = 0;
    for (const pid of this.#known) {
      const { now, most } = resident(pid);
      sum += now;
      this.#peak = Math.max(this.#peak, most);
    }
    this.#peak = Math.max(this.#peak, sum);
  }
}

/** Bytes resident now, and at most so far; zeros when the process is gone. */
function resident(pid: number): { now: number; most: number } {
  const status = tryRead(`/proc/${pid}/status`);
  const field = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return { now: field('VmRSS'), most: field('VmHWM') };
}

function descendants(roots: number[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = tryRead(`/proc/${pid}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = [...roots];
  for (let index = 0; index < found.length; index++) found.push(...(children.get(found[index] ?? 0) ?? []));
  return found;
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
