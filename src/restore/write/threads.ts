/** What the main thread and its writing threads say to each other. */
import type { ErrorCode } from '../../errors/codes.ts';

/** A file that gets an entry's bytes: path, then mode, uid, gid (-1: leave), mtime in microseconds. */
export type Destination = [path: string, mode: number, uid: number, gid: number, mtime: number];

export interface PackJob {
  id: number;
  pack: string;
  bytes: Uint8Array;
  /** Files to write, by SHA-256. */
  write: [sha: string, destinations: Destination[]][];
  /** Entries to hand back: parts of files that have several. */
  keep: string[];
  /** Whether files may be there already, from a run that was interrupted. */
  resume: boolean;
}

export interface PackResult {
  id: number;
  /** Entries that the pack does not hold, or holds damaged. */
  missing: { sha: string; damaged: boolean }[];
  kept: [sha: string, content: Uint8Array][];
  files: number;
  bytes: number;
  /** Milliseconds since 1970 when the first file of this job was complete; 0 where none was written. */
  firstAt: number;
  /** What ended the job early. */
  error?: { code: ErrorCode; message: string; hint: string | undefined; subject: string | undefined };
}

export interface WriterSetup {
  /** Secret keys of the identities, PKCS #8 in DER; undefined for a repository in clear. */
  identities: Uint8Array[] | undefined;
}
