/** A live mail store as it was read: plain data, also kept between backups. Names are byte strings (bytes.ts). */

/** What identifies the bytes of a file without reading them, and its attributes. Times are microseconds since 1970. */
export interface LiveStat {
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  ctime: number;
  /** Birth time, 0 where the file system keeps none. */
  birth: number;
  ino: number;
}

/** A piece of content: its SHA-256 in hex, and a number by which the caller knows where it is stored. */
export interface StoredPart {
  sha: string;
  place: number;
}

export interface LiveMessage {
  in: 'cur' | 'new';
  /** What follows the base name: empty, or from the `:` on. */
  flags: string;
  stat: LiveStat;
  sha: string;
  place: number;
}

export interface LiveFile {
  stat: LiveStat;
  parts: StoredPart[];
  /** Whether an unchanged stat proves unchanged bytes: it was read long enough after its last change. */
  settled: boolean;
}

export interface LiveLink {
  to: string;
  stat: LiveStat;
}

export interface LiveDir {
  stat: LiveStat;
  /** As in {@link LiveFile}, for the names in it. */
  settled: boolean;
  files: Map<string, LiveFile>;
  links: Map<string, LiveLink>;
  /** Messages of this folder (in its `cur` and `new`), by base name. */
  messages: Map<string, LiveMessage>;
}

/** A tree of directories by path below its root; the root itself is ''. */
export interface LiveArea {
  dirs: Map<string, LiveDir>;
}

export interface ReadRequest {
  /** Absolute. */
  path: string;
  /** A message is one piece; a file may be cut into several, so that small changes to it stay small. */
  kind: 'message' | 'file';
}

export type ReadOutcome = { stat: LiveStat; parts: StoredPart[] } | { error: string };

/** Reads files, and stores what of their content is not stored yet. `error` holds a system code such as `ENOENT`. */
export type ContentReader = (requests: readonly ReadRequest[]) => Promise<ReadOutcome[]>;
