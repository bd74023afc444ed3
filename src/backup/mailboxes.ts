/** Which mailboxes a backup reads, and which of them did not change. */
import type { Finding } from '../errors/finding.ts';
import { byBytes } from '../repository/catalog/percent.ts';
import { toBytes } from '../store/bytes.ts';
import { locate } from '../store/links.ts';
import { hasView, type StoreFormat } from '../store/capture.ts';
import { findMailboxes } from '../store/mailboxes.ts';
import { lockMethods, type LockMethods } from '../store/mbox/locks.ts';
import { findMboxes } from './mboxes.ts';
import { expandBytes, fixedPart, parsePattern } from '../store/pattern.ts';
import type { LiveArea, LiveAreaName } from '../store/live.ts';
import { lstatIfThere, micros } from '../store/stat.ts';
import type { ImapSource } from '../store/imap/types.ts';
import type { SystemSource } from '../store/system/capture.ts';
import { SYSTEM, SYSTEM_AREAS, SYSTEM_ROOTS } from '../store/system/types.ts';
import type { MailboxState, Signature } from './state/state.ts';

/** One mail store of this host, as the configuration has it. */
export interface StoreSource {
  name: string;
  /** How mail lies there; `maildir` where it is absent. */
  format?: StoreFormat;
  /** Where mailboxes lie: a pattern with Dovecot's variables; for accounts of an IMAP server a name for messages. */
  path: string;
  /** Accounts of IMAP servers, by the names of their mailboxes; nothing lies on this host then. */
  imap?: readonly { mailbox: string; source: ImapSource }[];
  /** Whose mailbox it is, for a pattern without variables. */
  mailbox?: string;
  /** Where Dovecot keeps control files, if not with the mail. */
  control?: string;
  /** Where INBOX lies by itself, how mboxes are locked, and for how many seconds a lock is waited for (mbox). */
  inbox?: string;
  locks?: readonly ('fcntl' | 'dotlock')[];
  lockTimeout?: number;
  /** The alternative storage (sdbox, mdbox). */
  alt?: string;
  /** Where indexes lie, if not with the mail: kept for formats that can't do without. */
  index?: string;
  /** Home directories, of which Sieve scripts are kept. */
  home?: string;
}

export interface SourceMailbox {
  mailbox: string;
  store: string;
  /** Of the mail; absent for the server itself. */
  format?: StoreFormat;
  /** How mboxes are locked. */
  locks?: LockMethods;
  areas: MailboxState['areas'];
  /** Where it is an account of an IMAP server. */
  imap?: ImapSource;
  /** Where it is no mailbox but the server itself. */
  system?: SystemSource;
}

/** What is kept of a home directory: Pigeonhole's places. */
const HOME_NAMES = new Set(['.dovecot.sieve', 'sieve', '.dovecot.lda-dupes']);

export function isHomeName(name: string): boolean {
  return HOME_NAMES.has(name);
}

function below(path: string, fixed: string): string {
  return path === fixed ? '' : path.slice(fixed === '/' ? 1 : fixed.length + 1);
}

function join(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

/** Another area of a mailbox, where a pattern names one and it is there. */
function otherArea(area: LiveAreaName, text: string | undefined, user: string, prefix: string, findings: Finding[]): MailboxState['areas'] {
  if (text === undefined) return [];
  const pattern = parsePattern(text);
  const place = locate(pattern, user, findings);
  const expanded = place === undefined && area === 'alt' ? expandBytes(pattern, user) : undefined;
  // It is made when the first mail is moved there, which may be while the mailbox is read.
  if (expanded !== undefined) return [{ area, path: expanded, root: join(prefix, '.alt', below(expanded, fixedPart(pattern))) }];
  return place === undefined ? [] : [{ area, path: place.real, root: join(prefix, `.${area}`, below(place.path, fixedPart(pattern))) }];
}

/**
 * Finds the mailboxes of a store.
 * @param prefix what stands before its roots in snapshots: its name where there are several stores, else nothing
 */
export async function storeMailboxes(
  source: StoreSource,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<{ mailboxes: SourceMailbox[]; findings: Finding[] }> {
  if (source.imap !== undefined) return { mailboxes: accounts(source.name, source.imap, prefix), findings: [] };
  const { format = 'maildir' } = source;
  const locks = format === 'mbox' ? lockMethods(source.locks, source.lockTimeout) : undefined;
  const { areas: found, findings } = await (format === 'mbox'
    ? findMboxes(source, prefix, signal)
    : findDirectories(source, prefix, signal));
  const mailboxes = Array.from(found, ([user, areas]): SourceMailbox => {
    const other = (area: LiveAreaName, pattern: string | undefined): MailboxState['areas'] =>
      otherArea(area, pattern, user, prefix, findings);
    const view = hasView(format)
      ? [
          ...other('alt', source.alt),
          ...other('index', source.index),
          { area: 'view' as const, path: '', root: areas.find(({ area }) => area === 'mail')?.root ?? prefix },
        ]
      : [];
    return {
      mailbox: user,
      store: source.name,
      format,
      ...(locks === undefined ? {} : { locks }),
      areas: [...areas, ...other('control', source.control), ...other('home', source.home), ...view],
    };
  });
  return { mailboxes: mailboxes.sort((a, b) => byBytes(a.mailbox, b.mailbox)), findings };
}

/** Accounts of IMAP servers. Their mail lies nowhere, and shows in snapshots as a Maildir below their names. */
function accounts(store: string, listed: NonNullable<StoreSource['imap']>, prefix: string): SourceMailbox[] {
  return listed
    .map(({ mailbox, source }): SourceMailbox => {
      const at = mailbox.lastIndexOf('@');
      const levels = at > 0 ? [mailbox.slice(at + 1), mailbox.slice(0, at)] : [mailbox];
      const plain = levels.map((level) => toBytes(level.replaceAll(/[/\0]/g, '_').replace(/^\.+$/, '_')));
      const { host, port } = source.account;
      const area = { area: 'mail' as const, path: toBytes(`imap://${host}:${port}/`), root: join(prefix, ...plain, 'Maildir') };
      return { mailbox: toBytes(mailbox), store, imap: source, areas: [area] };
    })
    .sort((a, b) => byBytes(a.mailbox, b.mailbox));
}

/** Mailboxes that are a directory each. */
async function findDirectories(
  source: StoreSource,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<{ areas: Map<string, MailboxState['areas']>; findings: Finding[] }> {
  const { mailboxes, findings } = await findMailboxes(parsePattern(source.path), {
    ...(source.mailbox === undefined ? {} : { mailbox: source.mailbox }),
    ...(signal === undefined ? {} : { signal }),
  });
  const areas = mailboxes.map(({ mailbox, real, relative }): [string, MailboxState['areas']] => [
    toBytes(mailbox),
    [{ area: 'mail', path: real, root: join(prefix, relative) }],
  ]);
  return { areas: new Map(areas), findings };
}

/** The server itself, as one more mailbox of a store that no configuration can name. */
export function systemMailbox(system: SystemSource): SourceMailbox {
  return { mailbox: SYSTEM, store: SYSTEM, areas: SYSTEM_AREAS.map((area) => ({ area, path: '/', root: SYSTEM_ROOTS[area] })), system };
}

/** The stats that prove that a mailbox did not change, or undefined while some of them prove nothing yet. */
export function signaturesOf(mailbox: SourceMailbox, areas: readonly LiveArea[]): string | undefined {
  const signatures: Signature[] = [];
  for (const [number, area] of areas.entries()) {
    if (mailbox.areas[number]?.area === 'view') continue;
    for (const [path, dir] of area.dirs) {
      // A directory of others' files, too, says nothing.
      if (mailbox.areas[number]?.file === undefined) {
        // What lies in a Maildir's tmp is in no snapshot, and each delivery changes it.
        if (/(?:^|\/)tmp$/.test(path) && area.dirs.has(`${path.slice(0, -3)}cur`)) continue;
        if (!dir.settled) return undefined;
        signatures.push([number, path, dir.stat.mtime, dir.stat.ctime, dir.stat.ino]);
      }
      for (const [name, file] of dir.files) {
        // An empty marker; where it comes or goes, its directory changes.
        if (file.fixed === true || (name === 'maildirfolder' && file.stat.size === 0)) continue;
        if (!file.settled) return undefined;
        signatures.push([number, path === '' ? name : `${path}/${name}`, file.stat.mtime, file.stat.ctime, file.stat.ino, file.stat.size]);
      }
    }
  }
  return JSON.stringify(signatures);
}

/** Whether nothing changed in a mailbox since its signatures were taken: stats only, no listing. */
export function isUntouched(state: MailboxState, now: SourceMailbox): boolean {
  if (state.signatures === undefined || state.areas.length !== now.areas.length) return false;
  for (const [index, area] of state.areas.entries()) {
    const other = now.areas[index];
    if (other === undefined || other.area !== area.area || other.path !== area.path || other.root !== area.root || other.file !== area.file)
      return false;
  }
  return (JSON.parse(state.signatures) as Signature[]).every(([area, path, mtime, ctime, ino, size]) => {
    const root = state.areas[area]?.path ?? '';
    const stats = lstatIfThere(path === '' ? root : `${root}/${path}`);
    return (
      stats !== undefined &&
      stats.ino === ino &&
      micros(stats.mtimeMs) === mtime &&
      micros(stats.ctimeMs) === ctime &&
      (size === undefined || stats.size === size)
    );
  });
}

/**
 * Calls back for every place that an area's content lies in, with how many messages or parts lie there: once for all that
 * follow each other, since a mailbox lies in few packs, in the order in which it was read.
 */
export function eachPlace(area: LiveArea, visit: (place: number, count: number) => void): void {
  let last = -1;
  let count = 0;
  const add = (place: number): void => {
    if (place !== last && count > 0) {
      visit(last, count);
      count = 0;
    }
    last = place;
    count++;
  };
  for (const dir of area.dirs.values()) {
    for (const message of dir.messages.values()) {
      add(message.place);
      for (const part of message.rest ?? []) add(part.place);
    }
    for (const file of dir.files.values()) for (const part of file.parts) add(part.place);
  }
  if (count > 0) visit(last, count);
}

/** Folders and messages of an area. @param isView whether all directories in it are folders */
export function countArea(area: LiveArea, isView: boolean): { folders: number; messages: number; bytes: number } {
  const counts = { folders: 0, messages: 0, bytes: 0 };
  for (const [path, dir] of area.dirs) {
    if (isView || area.dirs.has(path === '' ? 'cur' : `${path}/cur`)) counts.folders++;
    counts.messages += dir.messages.size;
    for (const message of dir.messages.values()) counts.bytes += message.size ?? message.stat.size;
  }
  return counts;
}
