/** What a call on the file system does, as the plans name it. */
export type Kind =
  | 'create' // open that makes or empties a file
  | 'write' // write, writev
  | 'truncate'
  | 'sync' // fsync and fdatasync, of files and directories
  | 'rename'
  | 'link' // also symlink
  | 'unlink' // also rmdir and rm
  | 'mkdir'
  | 'open' // for reading, or for writing what is there
  | 'read'
  | 'list' // readdir, opendir
  | 'stat';

/** The steps after which what lies on the disk differs. */
export const DURABLE: Kind[] = ['create', 'write', 'truncate', 'sync', 'rename', 'link', 'unlink', 'mkdir'];

interface Watch {
  /** Only calls on these paths and what lies below them count. Absolute. */
  under: string[];
  /** Only these calls count; {@link DURABLE} by default. */
  kinds?: Kind[];
  /** Of writes only those whose data hold all of these. */
  holding?: string[];
}

/** End the process as `kill -9` does when the call number `at` (from 1; 0 for never) is about to be made. */
export interface KillPlan extends Watch {
  do: 'kill';
  at: number;
  /** A write is done by half before. */
  torn?: boolean;
  /** Each call that counts leaves one letter in this file, so that its size after a run that was not killed is the number of calls. */
  counter: string;
}

/** Let the call number `at` (from 1; 0 for none) fail. */
export interface FailPlan extends Watch {
  do: 'fail';
  at: number;
  errno: 'EIO' | 'ENOSPC' | 'EACCES' | 'EROFS' | 'EDQUOT' | 'EMFILE' | 'ENOENT';
  /** All later ones, too. */
  forever?: boolean;
  counter: string;
}

/** Write each call that succeeded, with its data, into a file that {@link file://./../powercut.ts} reads. */
export interface TracePlan extends Watch {
  do: 'trace';
  file: string;
}

export type Plan = KillPlan | FailPlan | TracePlan;

/** The environment variable that hands plans to the process. */
export const PLAN_VARIABLE = 'MAILRECOVER_TEST_FS';

/** Environment of a process whose file system calls follow these plans. Node 24 or later. */
export function planned(...plans: Plan[]): Record<string, string> {
  const preload = new URL('fs.ts', import.meta.url).href;
  const cache = process.env['NODE_COMPILE_CACHE'];
  return {
    NODE_OPTIONS: `--import=${preload}`,
    [PLAN_VARIABLE]: JSON.stringify(plans),
    // Stripping the types of the preload takes as long as the rest of a run.
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
  };
}
