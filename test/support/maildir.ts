import { closeSync, fchownSync, fchmodSync, futimesSync, lchownSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeMail, type Mail, type MailWishes } from './mail.ts';
import { Random } from './random.ts';
import { encodeUtf7 } from './utf7.ts';

export type Layout = 'maildir++' | 'fs';

export interface Owner {
  uid: number;
  gid: number;
}

export interface TreeOptions {
  /** Where the tree is written; made where it does not exist. */
  root: string;
  users: string[];
  /** In all mailboxes together; the first users have most of it. */
  messages: number;
  seed?: string;
  layout?: Layout;
  /** Where a mailbox lies below `root`, with %d and %n; `%d/%n/Maildir` by default. */
  pattern?: string;
  /** IMAP names (UTF-8, `/` between levels) beside INBOX, which gets the larger part. */
  folders?: string[];
  /** Also write what Dovecot keeps beside mail: uidlist, keywords, subscriptions, uidvalidity; true by default. */
  control?: boolean;
  owner?: Owner;
  /** Wishes for all messages: sizes, shared attachments … */
  mail?: MailWishes;
  /** Sees each message when it has been written. */
  onMessage?: (placed: Placed) => void;
}

/** One message as it lies in a tree. */
export interface Placed {
  user: string;
  /** IMAP name. */
  folder: string;
  uid: number;
  path: string;
  /** File name up to the colon. */
  base: string;
  /** The letters after `:2,`. */
  flags: string;
  mail: Mail;
}

export interface Tree {
  root: string;
  users: string[];
  /** Path of each user's mailbox. */
  mailboxes: Map<string, string>;
  folders: number;
  messages: number;
  bytes: number;
}

export const FOLDERS = [
  'Sent',
  'Drafts',
  'Trash',
  'Archive',
  'Archive/2024',
  'Archive/2025',
  'Projects/Neubau Süd',
  '受信済み',
  'Lists & News',
];
export const KEYWORDS = ['$Forwarded', 'NonJunk', '$label1', 'Junk'];
const HOST = 'mx1';

interface Folder {
  user: string;
  name: string;
  path: string;
  uids: string[];
  keywords: boolean;
}

/**
 * Writes mailboxes with made mail: the same tree for the same seed. Base names, flags, keywords, dates
 * and UIDs are as Dovecot leaves them after years of use; about one message in fifty is still in `new`.
 */
export function writeTree(options: TreeOptions): Tree {
  const seed = options.seed ?? 'tree';
  const random = new Random(`tree ${seed}`);
  const tree: Tree = { root: options.root, users: options.users, mailboxes: new Map(), folders: 0, messages: 0, bytes: 0 };
  const folders = options.users.map((user) => makeMailbox(tree, user, options));
  const span = 6 * 365 * 86_400;
  const newest = Date.UTC(2026, 9, 1) / 1000;
  for (let index = 0; index < options.messages; index++) {
    const mailbox = folders[Math.floor(random.float() ** 1.6 * folders.length)] ?? [];
    const folder = random.chance(0.45) ? mailbox[0] : mailbox[Math.floor(random.float() ** 1.5 * mailbox.length)];
    if (folder === undefined) throw new RangeError('a tree needs at least one user');
    const age = (1 - (index + random.float()) / options.messages) ** 1.5;
    const mail = makeMail(seed, index, { to: folder.user, ...options.mail, date: Math.floor(newest - age * span) * 1000 });
    const placed = placeMessage(folder.path, folder.name, folder.user, folder.uids.length + 1, mail, random, options);
    folder.uids.push(placed.base);
    folder.keywords ||= /[a-z]/.test(placed.flags);
    tree.messages++;
    tree.bytes += mail.bytes.length;
    options.onMessage?.(placed);
  }
  if (options.control ?? true) for (const mailbox of folders) writeControl(mailbox, random, options);
  return tree;
}

function makeMailbox(tree: Tree, user: string, options: TreeOptions): Folder[] {
  const root = join(options.root, expandPattern(options.pattern ?? '%d/%n/Maildir', user));
  tree.mailboxes.set(user, root);
  return ['INBOX', ...(options.folders ?? FOLDERS)].map((name) => {
    const path = folderPath(root, name, options.layout ?? 'maildir++');
    for (const part of ['cur', 'new', 'tmp']) makeDirectory(join(path, part), options.owner);
    if (path !== root && (options.layout ?? 'maildir++') === 'maildir++') writeOwned(join(path, 'maildirfolder'), '', options.owner);
    tree.folders++;
    return { user, name, path, uids: [], keywords: false };
  });
}

/** A pattern with %d (domain), %n (name before the @) and %u (both), filled in. */
export function expandPattern(pattern: string, user: string): string {
  const [name = '', domain = ''] = user.split('@');
  return pattern.replace(/%d/g, domain).replace(/%n/g, name).replace(/%u/g, user);
}

/** Where a folder lies in a mailbox. */
export function folderPath(mailbox: string, name: string, layout: Layout): string {
  if (name === 'INBOX') return mailbox;
  const parts = name.split('/').map(encodeUtf7);
  return layout === 'fs' ? join(mailbox, ...parts) : join(mailbox, `.${parts.join('.')}`);
}

function placeMessage(path: string, folder: string, user: string, uid: number, mail: Mail, random: Random, options: TreeOptions): Placed {
  const fresh = random.chance(0.02);
  const base = baseName(mail, random);
  const flags = fresh ? '' : randomFlags(random, folder);
  const file = join(path, fresh ? 'new' : 'cur', fresh ? base : `${base}:2,${flags}`);
  writeMessage(file, mail.bytes, mail.date, options.owner);
  return { user, folder, uid, path: file, base, flags, mail };
}

/** A base name as Dovecot makes it: time, process, host, size on disk and size with CRLF. */
export function baseName(mail: Mail, random: Random, host = HOST): string {
  const time = `${mail.date / 1000}.M${random.int(1_000_000)}P${1000 + random.int(60_000)}`;
  return `${time}.${host},S=${mail.bytes.length},W=${mail.bytes.length + countLines(mail.bytes)}`;
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === 10) lines++;
  return lines;
}

function randomFlags(random: Random, folder: string): string {
  const letters: string[] = [];
  if (folder === 'Drafts') letters.push('D');
  if (random.chance(0.06)) letters.push('F');
  if (random.chance(0.2)) letters.push('R');
  if (random.chance(0.85)) letters.push('S');
  if (random.chance(0.01)) letters.push('T');
  KEYWORDS.forEach((_, index) => {
    if (random.chance(0.04)) letters.push(String.fromCharCode(97 + index));
  });
  return letters.join('');
}

/** Writes one message file, mode 0600, with its date (milliseconds) as mtime. */
export function writeMessage(path: string, bytes: Uint8Array, date: number, owner?: Owner): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, bytes);
    if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
    futimesSync(file, date / 1000, date / 1000);
  } finally {
    closeSync(file);
  }
}

/** Makes a directory and its parents, mode 0700, all that are new with this owner. */
export function makeDirectory(path: string, owner?: Owner): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined || owner === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) lchownSync(made, owner.uid, owner.gid);
}

function writeOwned(path: string, text: string, owner: Owner | undefined): void {
  writeFileSync(path, text);
  const file = openSync(path, 'r+');
  fchmodSync(file, 0o600);
  if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
  closeSync(file);
}

/** What Dovecot 2.3 keeps beside the mail of one mailbox; the first folder is INBOX. */
function writeControl(folders: Folder[], random: Random, options: TreeOptions): void {
  const [inbox] = folders;
  if (inbox === undefined) return;
  const validity = 1_700_000_000 + random.int(50_000_000);
  const hexadecimal = (validity + folders.length).toString(16);
  writeOwned(join(inbox.path, 'dovecot-uidvalidity'), hexadecimal, options.owner);
  writeOwned(join(inbox.path, `dovecot-uidvalidity.${hexadecimal}`), '', options.owner);
  const subscribed = folders.slice(1).map(({ name }) => `${name.split('/').map(encodeUtf7).join('\t')}\n`);
  writeOwned(join(inbox.path, 'subscriptions'), `V\t2\n\n${subscribed.join('')}`, options.owner);
  folders.forEach((folder, index) => {
    const lines = folder.uids.map((base, uid) => `${uid + 1} :${base}\n`);
    const header = `3 V${validity + index} N${folder.uids.length + 1} G${random.hex(32)}\n`;
    writeOwned(join(folder.path, 'dovecot-uidlist'), header + lines.join(''), options.owner);
    if (folder.keywords)
      writeOwned(join(folder.path, 'dovecot-keywords'), KEYWORDS.map((word, number) => `${number} ${word}\n`).join(''), options.owner);
  });
}
