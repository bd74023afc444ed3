/** What catalogs say, as plain data. Names are binary strings (see percent.ts). */

export interface Owned {
  /** Permission bits, e.g. 0o600. */
  mode: number;
  user: string;
  group: string;
  /** Microseconds since 1970. */
  mtime: number;
}

/** Part of a file's content: an entry's SHA-256 (hex) and the number of the pack that holds it. */
export interface Part {
  sha: string;
  pack: number;
}

export interface FileState extends Owned {
  size: number;
  parts: Part[];
}

export interface LinkState {
  to: string;
  user: string;
  group: string;
  mtime: number;
}

export interface MessageState extends Owned {
  in: 'cur' | 'new';
  /** What follows the base name: empty, or from the `:` on. */
  flags: string;
  size: number;
  sha: string;
  pack: number;
  /** Where the message is more than one entry: those after the first, in order. Only in views. */
  rest?: Part[];
}

/** Changes to a message whose bytes stay: only in deltas. */
export interface MessagePatch {
  in?: 'cur' | 'new';
  flags?: string;
  pack?: number;
}

/** One directory of a section. In a delta the maps hold null for what is gone, and patches. */
export interface Dir {
  /** Absent in a delta where the directory's own attributes did not change. */
  own?: Owned;
  /** In a delta: the directory was removed before what else is said of it. */
  reset?: boolean;
  /** In a delta: it is gone; nothing else is said of it. */
  gone?: boolean;
  files: Map<string, FileState | null>;
  links: Map<string, LinkState | null>;
  /** By base name. */
  messages: Map<string, MessageState | MessagePatch | null>;
}

/** Whether a catalog says all, or what changed since the ones before it. */
export type CatalogKind = 'base' | 'delta';

/**
 * The areas of a mailbox, and those of the server itself (docs/format.md). `view` is no tree of files: it says which messages the files of the other areas hold,
 * where those hold several each. The folders in it are directories as in a Maildir of the layout `fs`.
 */
export const AREAS = ['mail', 'control', 'home', 'alt', 'index', 'inbox', 'view', 'files', 'queue', 'dumps', 'facts'] as const;
export type Area = (typeof AREAS)[number];

/** One area of one mailbox. */
export interface Section {
  mailbox: string;
  store: string;
  area: Area;
  root: string;
  /** As in {@link Dir}. */
  reset?: boolean;
  gone?: boolean;
  /** By path below the root; the root itself is ''. */
  dirs: Map<string, Dir>;
}

/** A directory whose maps hold no nulls or patches: what {@link applySection} leaves. */
export interface FullDir extends Dir {
  own: Owned;
  files: Map<string, FileState>;
  links: Map<string, LinkState>;
  messages: Map<string, MessageState>;
}

export interface FullSection extends Section {
  dirs: Map<string, FullDir>;
}

export function emptyDir(): Dir {
  return { files: new Map(), links: new Map(), messages: new Map() };
}

/** Sections are ordered, and known, by this key: byte order of (store, mailbox, area). */
export function sectionKey(section: Pick<Section, 'store' | 'mailbox' | 'area'>): string {
  return `${section.store}\0${section.mailbox}\0${section.area}`;
}

export function isFullMessage(message: MessageState | MessagePatch): message is MessageState {
  return 'sha' in message;
}
