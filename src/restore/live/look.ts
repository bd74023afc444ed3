/** What lies in a live Maildir mailbox right now. Reads names and sizes; bytes only where they are asked for. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, readdirSync, readFileSync, readSync, type Dirent } from 'node:fs';
import { ioError, systemCode } from '../../errors/error.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { type Keywords, parseKeywords } from '../../store/maildir/keywords.ts';
import { controlDir } from '../../store/maildir/layout.ts';
import { baseName, flagsPart, isMessageName } from '../../store/maildir/names.ts';
import { parseUidlist, type Uidlist } from '../../store/maildir/uidlist.ts';
import { FileOpener } from '../../store/reach.ts';
import { lstatIfThere } from '../../store/stat.ts';

export interface LiveMessage {
  in: 'cur' | 'new';
  /** From the `:` on. */
  flags: string;
}

/** The messages of a folder by base name. */
export type LiveFolder = Map<ByteString, LiveMessage>;

export interface LivePlace {
  /** Absolute, without links. */
  root: ByteString;
  control?: ByteString;
  layout: 'maildir++' | 'fs';
}

function entries(path: ByteString): Dirent[] {
  try {
    return readdirSync(fsPath(path), { withFileTypes: true, encoding: 'latin1' });
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw ioError(error, 'list', displayBytes(path));
  }
}

export function folderPath({ root }: LivePlace, dir: ByteString): ByteString {
  return dir === '' ? root : `${root}/${dir}`;
}

export function controlPath(place: LivePlace, dir: ByteString): ByteString {
  return place.control === undefined ? folderPath(place, dir) : `${place.control}/${controlDir(dir, place.layout)}`;
}

/** Whether there is a folder at this directory. */
export function isFolder(place: LivePlace, dir: ByteString): boolean {
  return lstatIfThere(`${folderPath(place, dir)}/cur`)?.isDirectory() === true;
}

/**
 * The messages of a folder. A message that is renamed while this looks may be missed by one listing: what is only in one of two is looked at
 * again, until two in a row agree on the names.
 */
export function listFolder(place: LivePlace, dir: ByteString): LiveFolder {
  let last = listOnce(place, dir);
  for (let look = 0; look < 20; look++) {
    const next = listOnce(place, dir);
    if (next.size === last.size && [...next.keys()].every((base) => last.has(base))) return next;
    // What one of both saw was there.
    last = next;
  }
  return new Map([...last, ...listOnce(place, dir)]);
}

function listOnce(place: LivePlace, dir: ByteString): LiveFolder {
  const folder: LiveFolder = new Map();
  for (const where of ['new', 'cur'] as const) {
    for (const entry of entries(`${folderPath(place, dir)}/${where}`)) {
      if (entry.isFile() && isMessageName(entry.name)) folder.set(baseName(entry.name), { in: where, flags: flagsPart(entry.name) });
    }
  }
  return folder;
}

/** Directories of all folders. */
export function folderDirs(place: LivePlace): ByteString[] {
  const found: ByteString[] = [];
  const walk = (dir: ByteString): void => {
    if (isFolder(place, dir)) found.push(dir);
    for (const entry of entries(folderPath(place, dir))) {
      if (!entry.isDirectory() || ['cur', 'new', 'tmp'].includes(entry.name)) continue;
      if (place.layout === 'fs') walk(dir === '' ? entry.name : `${dir}/${entry.name}`);
      else if (entry.name.startsWith('.') && isFolder(place, entry.name)) found.push(entry.name);
    }
  };
  walk('');
  return found;
}

/** Passes over a mailbox that does not come to rest. */
const MAX_PASSES = 5;

/**
 * All folders and their messages. A message that is moved while folders are listed may be seen in none of them; so they are listed again until two
 * passes see the same. In a mailbox that never comes to rest, what any pass saw counts as there: better one message too few comes back than one twice.
 */
export function listMailbox(place: LivePlace): Map<ByteString, LiveFolder> {
  const seen = listAll(place);
  for (let pass = 1; pass < MAX_PASSES; pass++) {
    let moved = false;
    for (const [dir, folder] of listAll(place)) {
      const before = seen.get(dir) ?? new Map<ByteString, LiveMessage>();
      for (const [base, message] of folder) {
        moved ||= !before.has(base);
        before.set(base, message);
      }
      moved ||= before.size > folder.size;
      seen.set(dir, before);
    }
    if (!moved) break;
  }
  return seen;
}

function listAll(place: LivePlace): Map<ByteString, LiveFolder> {
  return new Map(folderDirs(place).map((dir) => [dir, listFolder(place, dir)]));
}

export function messagePath(place: LivePlace, dir: ByteString, base: ByteString, message: LiveMessage): ByteString {
  return `${folderPath(place, dir)}/${message.in}/${base}${message.flags}`;
}

/** Reads files of a mailbox without being led elsewhere by links that were put in their place. */
export class LiveReader {
  readonly #opener = new FileOpener();

  close(): void {
    this.#opener.release();
  }

  #read<T>(path: ByteString, use: (fd: number) => T): T | undefined {
    let fd: number;
    try {
      fd = this.#opener.open(path);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(error) ?? '')) return undefined;
      throw ioError(error, 'read', displayBytes(path));
    }
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Does something with the file of a message, under whatever name it has by now: a client may change its flags at any time.
   * @returns undefined where the message is no longer in the folder
   */
  #current<T>(
    place: LivePlace,
    dir: ByteString,
    base: ByteString,
    message: LiveMessage,
    use: (path: ByteString) => T | undefined,
  ): T | undefined {
    let now: LiveMessage | undefined = message;
    for (let look = 0; look < 20 && now !== undefined; look++) {
      const result = use(messagePath(place, dir, base, now));
      if (result !== undefined) return result;
      now = listFolder(place, dir).get(base);
    }
    return undefined;
  }

  /** Bytes of a message's file; undefined where it is not there any more. */
  size(place: LivePlace, dir: ByteString, base: ByteString, message: LiveMessage): number | undefined {
    return this.#current(place, dir, base, message, (path) => lstatIfThere(path)?.size);
  }

  /** SHA-256 of a message's file in hex; undefined where it is not there any more. */
  sha(place: LivePlace, dir: ByteString, base: ByteString, message: LiveMessage): string | undefined {
    return this.#current(place, dir, base, message, (path) => this.#hash(path));
  }

  #hash(path: ByteString): string | undefined {
    return this.#read(path, (fd) => {
      const hash = createHash('sha256');
      const buffer = Buffer.allocUnsafe(256 * 1024);
      for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) hash.update(buffer.subarray(0, count));
      return hash.digest('hex');
    });
  }

  #content(path: ByteString): Buffer | undefined {
    return this.#read(path, (fd) => (fstatSync(fd).isFile() ? readFileSync(fd) : undefined));
  }

  /** Content of a control file of a folder; undefined where there is none. */
  controlFile(place: LivePlace, dir: ByteString, name: 'dovecot-keywords' | 'dovecot-uidlist'): Buffer | undefined {
    return this.#content(`${controlPath(place, dir)}/${name}`);
  }

  keywords(place: LivePlace, dir: ByteString): Keywords {
    const content = this.controlFile(place, dir, 'dovecot-keywords');
    return content === undefined ? new Map<number, string>() : parseKeywords(content);
  }

  uidlist(place: LivePlace, dir: ByteString): Uidlist | undefined {
    const content = this.controlFile(place, dir, 'dovecot-uidlist');
    return content === undefined ? undefined : parseUidlist(content);
  }
}
