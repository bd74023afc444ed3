/** An empty mailbox with the folders, the subscriptions and the filters of another one. */
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { ioError, systemCode } from '../../errors/error.ts';
import { namesIn } from '../../restore/live/aside.ts';
import { controlPath, folderPath } from '../../restore/live/look.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { lstatIfThere } from '../../store/stat.ts';
import type { MailboxPlace } from '../sync/place.ts';

/** What goes along: rights, names of keywords, filters, and what says that UIDVALIDITY grows. Sizes and indexes would be of mail that is not there. */
const KEPT =
  /^(maildirfolder|subscriptions|dovecot-acl(-list)?|dovecot-keywords|dovecot-uidvalidity(\.[0-9a-f]+)?|\.dovecot\.(sieve|svbin))$/;
const MAX_FILE = 16 * 1024 * 1024;

/**
 * @param from the mailbox @param to where its likeness is made; nothing lies there
 * @param lists content of the lists of UIDs, by directory of the folder
 */
export function buildEmpty(from: MailboxPlace, to: MailboxPlace, lists: ReadonlyMap<ByteString, string>): void {
  try {
    directoryLike(from.root, to.root);
    if (from.control !== undefined && to.control !== undefined) directoryLike(from.control, to.control);
    copySome(from.root, to.root);
    if (from.control !== undefined && to.control !== undefined) copySome(from.control, to.control);
    if (lstatIfThere(`${from.root}/sieve`)?.isDirectory() === true) copyAll(`${from.root}/sieve`, `${to.root}/sieve`);
    // What lies above goes first.
    for (const [dir, list] of [...lists].toSorted(([a], [b]) => a.length - b.length)) {
      const [path, control] = [folderPath(from, dir), controlPath(from, dir)];
      levels(from.root, to.root, dir);
      for (const name of ['cur', 'new', 'tmp']) directoryLike(`${path}/${name}`, `${folderPath(to, dir)}/${name}`, path);
      copySome(path, folderPath(to, dir));
      const lies = controlPath(to, dir);
      if (from.control !== undefined && to.control !== undefined) {
        levels(from.control, to.control, control.slice(from.control.length + 1));
        copySome(control, lies);
      }
      const like = lstatIfThere(`${control}/dovecot-uidlist`);
      fileLike(`${lies}/dovecot-uidlist`, Buffer.from(list, 'latin1'), like ?? lstatSync(fsPath(path)));
    }
  } catch (error) {
    throw systemCode(error) === undefined ? error : ioError(error, 'make an empty mailbox beside', displayBytes(from.root));
  }
}

interface Owned {
  uid: number;
  gid: number;
  mode: number;
}

function own(path: Buffer | string, { uid, gid, mode }: Owned, mask: number): void {
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
  chmodSync(path, mode & mask);
}

/** @param or what it is like where there is none of the name */
function directoryLike(from: ByteString, to: ByteString, or: ByteString = from): void {
  if (lstatIfThere(to) !== undefined) return;
  mkdirSync(fsPath(to));
  own(fsPath(to), lstatIfThere(from) ?? lstatSync(fsPath(or)), 0o7777);
}

/** Each level of a path, where it is not there yet. */
function levels(from: ByteString, to: ByteString, path: ByteString): void {
  let at = '';
  for (const name of path === '' ? [] : path.split('/')) {
    at += `/${name}`;
    directoryLike(from + at, to + at, from);
  }
}

function fileLike(path: ByteString, content: Uint8Array, like: Owned): void {
  writeFileSync(fsPath(path), content);
  own(fsPath(path), like, 0o666);
}

function copySome(from: ByteString, to: ByteString): void {
  for (const name of namesIn(from)) if (KEPT.test(name)) copyOne(`${from}/${name}`, `${to}/${name}`);
}

function copyAll(from: ByteString, to: ByteString): void {
  directoryLike(from, to);
  for (const name of namesIn(from)) {
    const stats = lstatIfThere(`${from}/${name}`);
    if (stats?.isDirectory() === true) copyAll(`${from}/${name}`, `${to}/${name}`);
    else copyOne(`${from}/${name}`, `${to}/${name}`);
  }
}

function copyOne(from: ByteString, to: ByteString): void {
  const stats = lstatIfThere(from);
  if (stats === undefined || lstatIfThere(to) !== undefined) return;
  if (stats.isSymbolicLink()) symlinkSync(readlinkSync(fsPath(from), { encoding: 'buffer' }), fsPath(to));
  else if (stats.isFile() && stats.size <= MAX_FILE) fileLike(to, readFileSync(fsPath(from)), stats);
}
