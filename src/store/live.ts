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
  readonly in: 'cur' | 'new';
  /** What follows the base name: empty, or from the `:` on. */
  readonly flags: string;
  readonly stat: LiveStat;
  readonly sha: string;
  readonly place: number;
  /** Where the message is more than one piece: those that follow the first, in order. */
  rest?: StoredPart[];
  /** Those of its stat, where they can be had without the others. */
  readonly ino?: number;
  readonly size?: number;
}

/** A message under another name than it had: the same content, of which nothing is made until it is asked for. */
export class RenamedMessage implements LiveMessage {
  readonly in: 'cur' | 'new';
  readonly flags: string;
  /** Its stat as it is now, where somebody looked. */
  readonly seen: LiveStat | undefined;
  /** The message as it was. */
  readonly was: LiveMessage;

  /** @param stat undefined where the name alone says that nothing else changed */
  constructor(where: 'cur' | 'new', flags: string, stat: LiveStat | undefined, was: LiveMessage) {
    this.in = where;
    this.flags = flags;
    const renamed = was instanceof RenamedMessage ? was : undefined;
    this.seen = stat ?? renamed?.seen;
    this.was = renamed?.was ?? was;
  }

  get stat(): LiveStat {
    return this.seen ?? this.was.stat;
  }

  get ino(): number {
    return this.seen?.ino ?? this.was.ino ?? this.was.stat.ino;
  }

  get size(): number {
    return this.seen?.size ?? this.was.size ?? this.was.stat.size;
  }

  get sha(): string {
    return this.was.sha;
  }

  get place(): number {
    return this.was.place;
  }
}

/** A message that a file of several holds (mbox, sdbox, mdbox). */
export interface LiveRecord {
  /** Where its record begins in the file, and the message in it. */
  at: number;
  /** Numbers of the file's parts that make up the message, in order. */
  parts: number[];
  /** Bytes of the message as they are stored. */
  size: number;
  /** When it was received: seconds since 1970. */
  received: number;
  /** 32 hex digits; empty where the file does not say. */
  guid: string;
  /** What an mbox says of it in its headers. */
  uid?: number;
  /** As in {@link LiveMessage}. */
  flags?: string;
  /** What the first message of an mbox says of all. */
  base?: { uidValidity: number; lastUid: number };
  /** A record that a mail reader keeps for itself: no message. */
  isInternal?: true;
}

export interface LiveFile {
  stat: LiveStat;
  parts: StoredPart[];
  /** The messages in it, where it holds several. */
  records?: LiveRecord[];
  /** It never changes as long as it has its name and its directory did not change. */
  fixed?: true;
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

/**
 * The trees that belong to a mailbox. `view` lies nowhere: it says which messages the files of the others hold, where those hold several each.
 */
const MAIL_AREAS = ['mail', 'alt', 'control', 'home', 'inbox', 'index', 'view'] as const;
export type LiveAreaName = (typeof MAIL_AREAS)[number];

/** Whether an area is of a mailbox, rather than of the server. */
export function isMailArea(area: string): area is LiveAreaName {
  return (MAIL_AREAS as readonly string[]).includes(area);
}

/** A tree of directories by path below its root; the root itself is ''. */
export interface LiveArea {
  dirs: Map<string, LiveDir>;
}

export interface ReadRequest {
  /** Absolute. */
  path: string;
  /** A message is one piece; a file may be cut into several, so that small changes to it stay small; one that holds messages is cut at them. */
  kind: 'message' | 'file' | CutKind;
  /** Bytes that were read already, for a `message` or a `file`: they are stored, whatever lies there by now. */
  given?: { content: Buffer; stat: LiveStat };
  /** In place of reading: asks where a message of this SHA-256 is stored. The outcome has no stat worth the name, or is `ENOENT`. */
  sought?: string;
}

/** Files that hold several messages, by how they are cut. */
export type CutKind = 'dbox' | 'mbox';

export type ReadOutcome = { stat: LiveStat; parts: StoredPart[]; records?: LiveRecord[] } | { error: string };

/** Reads files, and stores what of their content is not stored yet. `error` holds a system code such as `ENOENT`. */
export type ContentReader = (requests: readonly ReadRequest[]) => Promise<ReadOutcome[]>;
