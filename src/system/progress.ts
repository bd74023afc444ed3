/** How long work tells how far it is. The command line draws it; rooms only call it. */
export interface Progress {
  /** Begins a phase (`reading`, `restoring` …), with what there is to do where that is known. */
  phase(name: string, total?: { items?: number; bytes?: number }): void;
  /** So many more items and bytes are done. */
  advance(items: number, bytes: number): void;
  /** A step for `--events`: a name and plain data, without secrets. */
  event(name: string, data?: Record<string, unknown>): void;
}

/** A progress that nobody watches. */
export const silentProgress: Progress = {
  phase() {},
  advance() {},
  event() {},
};
