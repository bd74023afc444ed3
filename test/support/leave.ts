import { constants } from 'node:os';

/** Something that a test made and that must not stay: a directory, a mount, a server. */
export interface Leftover {
  /** Where it lies: what lies below another is undone before that one. */
  path: string;
  undo: () => void | Promise<void>;
  /** The same at once, without waiting, when the process ends before {@link undo} ran. */
  undoNow: () => void;
}

const leftovers = new Set<Leftover>();
let installed = false;

/** Has something undone at the latest when the process ends, also by a signal that can be caught. */
export function keepTrack(leftover: Leftover): Leftover {
  leftovers.add(leftover);
  if (!installed) {
    installed = true;
    process.on('exit', leave);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        leave();
        process.exit(128 + constants.signals[signal]);
      });
    }
  }
  return leftover;
}

/** Undoes it, after all that lies below it. Once is enough: a second call does nothing. */
export async function undo(leftover: Leftover): Promise<void> {
  if (!leftovers.delete(leftover)) return;
  for (const other of [...leftovers].reverse()) if (other.path.startsWith(`${leftover.path}/`)) await undo(other);
  await leftover.undo();
}

function leave(): void {
  for (const leftover of [...leftovers].reverse()) {
    leftovers.delete(leftover);
    try {
      leftover.undoNow();
    } catch (error) {
      process.stderr.write(`unable to clean up ${leftover.path}: ${String(error)}\n`);
    }
  }
}
