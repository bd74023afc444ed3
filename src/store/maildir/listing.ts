/** One listing of one directory of a store. */
import { closeSync, readdirSync, readlinkSync, type Dirent } from 'node:fs';
import { fsPath } from '../bytes.ts';
import type { LiveStat } from '../live.ts';
import { openDirectory, throughHandle } from '../reach.ts';
import { liveStat, lstatIfThere } from '../stat.ts';
import { contentsLeftOut, leftOut } from './leftout.ts';
import { flagsPart, isMessageName } from './names.ts';

export interface Listing {
  /** Taken before the names were read. */
  stat: LiveStat;
  /** Wall clock, microseconds, before the names were read. */
  at: number;
  directories: string[];
  files: string[];
  links: string[];
  /** Base names and flags, where the directory is `cur` or `new`. */
  readonly messages: ReadonlyMap<string, string>;
  /** Nothing changed here since the prior backup, by the directory's time stamps. */
  unchanged?: true;
  /** Sockets, devices and the like: named, not kept. */
  special: string[];
}

/** Whether a directory is `cur` or `new` of a Maildir folder. */
export function messageDirectory(path: string): 'cur' | 'new' | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name === 'cur' || name === 'new' ? name : undefined;
}

/** The folder that a directory's messages belong to: the parent of `cur` and `new`. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** Flags of messages: a few different ones, each kept once. */
type Flags = Map<string, string>;

function addMessage(messages: Map<string, string>, name: string, flags: Flags): void {
  const part = flagsPart(name);
  let kept = flags.get(part);
  if (kept === undefined) flags.set(part, (kept = part));
  messages.set(part === '' ? name : name.slice(0, -part.length), kept);
}

function sort(
  entry: Dirent,
  listing: Listing,
  addAsMessage: ((name: string) => void) | undefined,
  isLeftOut: (name: string, type: 'file' | 'directory') => boolean,
): void {
  const { name } = entry;
  if (entry.isDirectory()) {
    if (!isLeftOut(name, 'directory')) listing.directories.push(name);
  } else if (entry.isSymbolicLink()) {
    listing.links.push(name);
  } else if (!entry.isFile()) {
    listing.special.push(name);
  } else if (addAsMessage !== undefined && isMessageName(name)) {
    addAsMessage(name);
  } else if (!isLeftOut(name, 'file')) {
    listing.files.push(name);
  }
}

/**
 * Lists a directory.
 * @param full its absolute path
 * @param path its path below the area's root, which decides what its names mean
 * @param maildir whether `cur`, `new` and `tmp` mean what they mean in a Maildir
 * @param now wall clock in microseconds
 * @param isLeftOut which names are not kept
 * @returns undefined where it is not there
 * @throws the system's error where it can't be read
 */
export function listDirectory(
  full: string,
  path: string,
  maildir: boolean,
  now: () => number,
  isLeftOut: (name: string, type: 'file' | 'directory') => boolean = (name, type) => leftOut(name, type) !== undefined,
): Listing | undefined {
  const stats = lstatIfThere(full);
  if (stats === undefined || !stats.isDirectory()) return undefined;
  const messages = new Map<string, string>();
  const listing: Listing = { stat: liveStat(stats), at: now(), directories: [], files: [], links: [], messages, special: [] };
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (maildir && path !== '' && contentsLeftOut(name)) return listing;
  const holdsMessages = maildir && path !== '' && messageDirectory(path) !== undefined;
  const flags: Flags = new Map();
  const addAsMessage = holdsMessages ? (entry: string): void => addMessage(messages, entry, flags) : undefined;
  const fd = openDirectory(full);
  try {
    for (const entry of readdirSync(throughHandle(fd), { withFileTypes: true, encoding: 'latin1' }))
      sort(entry, listing, addAsMessage, isLeftOut);
  } finally {
    closeSync(fd);
  }
  return listing;
}

/** Where a symbolic link leads, as a byte string. */
export function readLink(full: string): string {
  return readlinkSync(fsPath(full), { encoding: 'latin1' });
}
