/**
 * What this host remembers of its last backup: a cache. Losing it costs reading all mail once more, and no second upload.
 * The index is replaced in one step and names every other file with its checksum, so a half-written state is noticed, never believed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeCacheDirectory, replaceFile, writeDurable } from '../../system/files.ts';
import type { Area, CatalogKind } from '../../repository/catalog/model.ts';
import type { ObjectRef } from '../../repository/snapshot/text.ts';
import type { LiveArea } from '../../store/live.ts';
import type { ImapCursor } from '../../store/imap/types.ts';
import { areasIn, areasOut } from './format.ts';

const VERSION = 5;

export interface PackState extends ObjectRef {
  tags: ObjectRef;
  /** Decompressed bytes. */
  raw: number;
  /** How many entries it holds, where that is known. */
  entries?: number;
  /** How many messages and file parts of the newest snapshot lie in it. */
  live: number;
  /** Keys of the mailboxes whose content it was written for, while it is small enough to be merged with others. */
  mailboxes?: string[];
}

export interface CatalogState extends ObjectRef {
  kind: CatalogKind;
}

/** A directory (without size) or a file whose stat must be unchanged for the mailbox to be unchanged. */
export type Signature = [area: number, path: string, mtime: number, ctime: number, ino: number, size?: number];

export interface MailboxState {
  mailbox: string;
  store: string;
  /** Area names and roots, in the order that signatures count them. */
  areas: {
    area: Area;
    root: string;
    path: string;
    /** The one file of it that belongs to the mailbox. */
    file?: string;
  }[];
  /**
   * {@link Signature}s as JSON: most mailboxes are looked at once, and written down again as they are. Absent while something in it must be
   * looked at again whatever its time stamps say.
   */
  signatures?: string;
  file: string;
  check: number;
  counts: { folders: number; messages: number; bytes: number };
  /** Of an account of an IMAP server: how far it was read. */
  imap?: ImapCursor;
  /** Something in it could not be read. */
  partial?: true;
}

export interface StateIndex {
  version: number;
  repository: string;
  /** Id of the snapshot that this state is of. */
  snapshot: string | undefined;
  sequence: number;
  catalogs: CatalogState[];
  /** By number; null where a pack is no longer known. */
  packs: (PackState | null)[];
  /** Files with known entries, oldest first. */
  tables: string[];
  mailboxes: MailboxState[];
  /** When everything was last listed and stat-ed, milliseconds since 1970. */
  deepAt: number;
}

export function emptyIndex(repository: string): StateIndex {
  return { version: VERSION, repository, snapshot: undefined, sequence: 0, catalogs: [], packs: [], tables: [], mailboxes: [], deepAt: 0 };
}

/** So many mailboxes are written at once. */
const TOGETHER = 500;

/** A line for all but the mailboxes, then one for each: JSON without blanks between, a tab, and its signatures as they are. At the end a checksum. */
function* indexPieces({ mailboxes, ...rest }: StateIndex): Generator<Buffer> {
  const first = Buffer.from(`${JSON.stringify(rest)}\n`);
  let check = crc32(first);
  yield first;
  for (let at = 0; at < mailboxes.length; at += TOGETHER) {
    const lines = mailboxes
      .slice(at, at + TOGETHER)
      .map(({ signatures = '', ...mailbox }) => `${JSON.stringify(mailbox)}\t${signatures}\n`);
    const piece = Buffer.from(lines.join(''));
    check = crc32(piece, check);
    yield piece;
  }
  yield Buffer.from(`${check}\n`);
}

function parseIndex(text: string): StateIndex {
  const first = text.indexOf('\n');
  const rest = JSON.parse(text.slice(0, first)) as Omit<StateIndex, 'mailboxes'>;
  const mailboxes: MailboxState[] = [];
  for (let at = first + 1; at < text.length;) {
    const end = text.indexOf('\n', at);
    const tab = text.indexOf('\t', at);
    const mailbox = JSON.parse(text.slice(at, tab)) as MailboxState;
    if (tab + 1 < end) mailbox.signatures = text.slice(tab + 1, end);
    mailboxes.push(mailbox);
    at = end + 1;
  }
  return { ...rest, mailboxes };
}

/** Bytes of a table of known entries, as its name says. */
export function tableSize(name: string): number {
  return Number(/-(\d+)\.known$/.exec(name)?.[1]);
}

export function mailboxKey(mailbox: Pick<MailboxState, 'store' | 'mailbox'>): string {
  return `${mailbox.store}\0${mailbox.mailbox}`;
}

/** Thrown where mailboxes that did not change are needed whole, and what is kept of them is damaged. */
export class DamagedState extends Error {
  readonly keys: ReadonlySet<string>;

  constructor(keys: ReadonlySet<string>) {
    super('the local state is damaged');
    this.name = 'DamagedState';
    this.keys = keys;
  }
}

/** The state of one repository on this host. */
export class StateDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    for (const folder of ['mailboxes', 'tables', 'runs', 'pending', 'imap']) makeCacheDirectory(join(path, folder));
  }

  file(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** The index, or undefined where there is none that can be believed. */
  load(repository: string): StateIndex | undefined {
    try {
      const bytes = readFileSync(this.file('index.json'));
      const end = bytes.lastIndexOf(10, bytes.length - 2) + 1;
      const body = bytes.subarray(0, end);
      if (Number(bytes.toString('latin1', end)) !== crc32(body)) return undefined;
      const index = parseIndex(body.toString('utf8'));
      return index.version === VERSION && index.repository === repository && index.tables.every((name) => this.#holdsTable(name))
        ? index
        : undefined;
    } catch {
      return undefined;
    }
  }

  /** A table's name says how long it is, so that one that was cut short is noticed. */
  #holdsTable(name: string): boolean {
    return statSync(this.file('tables', name), { throwIfNoEntry: false })?.size === tableSize(name);
  }

  /** Keeps a table of known entries, durably: with a part of it gone, mail would be stored twice. @returns its name */
  async saveTable(table: Buffer): Promise<string> {
    const sha = createHash('sha256').update(table).digest('hex');
    const name = `${sha.slice(0, 20)}-${randomBytes(4).toString('hex')}-${table.length}.known`;
    await writeDurable(this.file('tables', name), table);
    return name;
  }

  save(index: StateIndex): void {
    replaceFile(this.file('index.json'), indexPieces(index));
  }

  /** Keeps what was read of a mailbox under a name of its own. */
  saveMailbox(name: string, areas: readonly LiveArea[]): { file: string; check: number } {
    const bytes = areasOut(areas);
    replaceFile(this.file('mailboxes', name), bytes);
    return { file: name, check: crc32(bytes) };
  }

  /** What was read of a mailbox, in the order of its areas; undefined where the file is not the one that was kept. */
  loadMailbox(state: MailboxState): LiveArea[] | undefined {
    try {
      const bytes = readFileSync(this.file('mailboxes', state.file));
      return crc32(bytes) === state.check ? areasIn(bytes) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Removes files that the index does not name. */
  tidy(index: StateIndex): void {
    const keep: Record<string, Set<string>> = {
      mailboxes: new Set(index.mailboxes.map((mailbox) => mailbox.file)),
      tables: new Set(index.tables),
      pending: new Set(),
      imap: new Set(),
    };
    for (const [folder, names] of Object.entries(keep))
      for (const name of readdirSync(this.file(folder))) if (!names.has(name)) rmSync(this.file(folder, name), { force: true });
  }
}
