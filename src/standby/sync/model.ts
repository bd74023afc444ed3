/** What goes between the two hosts of a synchronisation, as plain data. Names are byte strings (store/bytes.ts); times are microseconds since 1970. */
import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import type { ByteString } from '../../store/bytes.ts';
import type { LedgerPart } from '../ledger/source.ts';
import type { Noted } from '../ledger/store.ts';
import type { Finding } from '../../errors/finding.ts';
import type { DialCounts, DialRequest } from '../dial/model.ts';
import type { BoxFormat } from './place.ts';

/** The trees of a mailbox that are kept alike on both hosts. */
export const SYNCED_AREAS = ['mail', 'control', 'home'] as const;
export type SyncedArea = (typeof SYNCED_AREAS)[number];

export interface MailboxName {
  store: string;
  mailbox: ByteString;
}

/** Whose a mailbox is: names of user and group, and the mode of its root. */
export interface OwnerNames {
  user: string;
  group: string;
  mode: number;
}

export interface OwnedMailbox extends MailboxName {
  owner: OwnerNames;
}

/** A message as it lies in a folder: its base name is what it is known by, all else may change. */
export interface MessageCut {
  /** Directory of its folder, below the root of the mail. */
  dir: ByteString;
  base: ByteString;
  in: 'cur' | 'new';
  /** From the `:` on. */
  flags: ByteString;
  size: number;
  /** IMAP's INTERNALDATE. */
  mtime: number;
}

/** A file beside the messages: control files, subscriptions, Sieve. */
export interface FileCut {
  area: SyncedArea;
  path: ByteString;
  mode: number;
  mtime: number;
  /** SHA-256 in hex. */
  sha: string;
}

/** What Dovecot says of a mailbox that it copies itself, beside its messages. These stand in the cut with the GUID of their folder as `dir` and `GUID.UID` as `base`. */
export interface BoxFacts {
  format: BoxFormat;
  folders: { name: string; guid: string; uidValidity: number; nextUid: number }[];
  /** Sorted. */
  subscriptions: string[];
}

/** A mailbox as it was at one moment. */
export interface MailboxCut extends OwnedMailbox {
  /** When its reading began, by the clock of its host, UTC. */
  at: string;
  dirs: { area: SyncedArea; path: ByteString; mode: number }[];
  files: FileCut[];
  links: { area: SyncedArea; path: ByteString; to: ByteString }[];
  messages: MessageCut[];
  /** The snapshot that it comes from, where it is of no live host. */
  snapshot?: string;
  /** Where Dovecot copies it: directories, files and links are those of its Sieve scripts alone then. */
  box?: BoxFacts;
  /** Stands for all times of its directories and files; equal as long as nothing changed. Absent where they prove nothing yet. */
  print?: string;
}

/** What the host that is written to has of a mailbox already, so that it need not be sent again. */
export interface Held {
  /** {@link MailboxCut.print} of what was taken over last, where that was whole. */
  print?: string;
  /** Only the print is given: whoever finds something changed asks for the rest. */
  brief?: true;
  /** Size and time of messages, by {@link messageKey}. */
  messages: [key: string, size: number, mtime: number][];
  /** The same of messages that lie ready to be taken over, by {@link stagedKey}. */
  staged: [key: string, size: number, mtime: number][];
  /** SHA-256 of files, those that lie ready included. */
  files: string[];
}

/** A piece of content on its way: a message, or a file by its SHA-256. */
export type Piece = { key: string; mtime: number; sha: string };

/** By what a message is known within its mailbox. */
export function messageKey(dir: ByteString, base: ByteString): string {
  return `${dir}/${base}`;
}

/** A short name for the key of a message. */
export function stagedKey(key: string): string {
  return createHash('sha256').update(key, 'latin1').digest('hex').slice(0, 32);
}

/** What was, or would be, done in a mailbox. */
export interface SyncCounts {
  added: number;
  /** Messages whose flags, or place in `new` or `cur`, changed. */
  reflagged: number;
  removed: number;
  /** Messages that were there and are nobody's: set aside by `--adopt`. */
  setAside: number;
  files: number;
  bytes: number;
}

export const NOTHING: Readonly<SyncCounts> = { added: 0, reflagged: 0, removed: 0, setAside: 0, files: 0, bytes: 0 };

export interface TakeOver {
  counts: SyncCounts;
  findings: Finding[];
  /** What Dovecot copied is not what the cut says: the mailbox changed meanwhile, or not all of it came. */
  differs?: { lacking: number };
}

/** A folder beside its messages. */
export interface FolderFacts {
  dir: ByteString;
  uidValidity: number;
  nextUid: number;
  guid?: string;
  /** Names of keywords by the number that file names give them. */
  keywords: [number: number, name: string][];
}

/** A state of a mailbox that both hosts had in common, as one of them has written it down. */
export interface Taken {
  version: 1;
  epoch: number;
  /** Counts on within an epoch: of two states that of the later epoch is the newer, then the one with the higher number. */
  number: number;
  cut: MailboxCut;
  folders: FolderFacts[];
  /** The print of the mailbox on the host that was written to, once it was found to be what the cut says. */
  own?: string;
  /** What Dovecot's dsync remembers of both hosts, in its own words. */
  dsync?: string;
}

/** Where mailboxes are read: the active host, or a snapshot. */
export interface Source {
  mailboxes(): Promise<{ mailboxes: OwnedMailbox[]; findings: Finding[] }>;
  /** The accounts of the active host by name; undefined where nobody can list them. */
  accounts(): Promise<readonly string[] | undefined>;
  /** What the active host accepted since the last time; undefined where it has no log that can be read. */
  accepted(): Promise<LedgerPart | undefined>;
  /** The other host has written that down. */
  acceptedTaken(part: Pick<LedgerPart, 'cursor'>): Promise<void>;
  /** The last state of a mailbox that this host knows to have been on the other host, too. */
  common(name: MailboxName): Promise<Taken | undefined>;
  /**
   * Reads one mailbox; what `held` does not have is handed to `take` meanwhile.
   * @returns `unchanged` where nothing changed since the print in `held`; `changed` where something did, and that is all that `held` says; `gone` where the mailbox is not there
   */
  read(
    name: MailboxName,
    held: Held,
    take: (piece: Piece, content: Uint8Array) => Promise<void>,
    options: { contents: boolean },
  ): Promise<{ cut: MailboxCut; findings: Finding[] } | 'unchanged' | 'changed' | 'gone'>;
  /**
   * Starts Dovecot's dsync on the host that is read, for a mailbox whose cut has a `box`. It ends with its connection.
   * @param how `merge`: that host is written to as well, so it asks itself whether it may be
   */
  dsync(name: MailboxName, how?: 'merge'): Promise<Ends>;
}

/** The two ways of a connection. */
export interface Ends {
  readable: Readable;
  writable: Writable;
}

export interface CommitOptions {
  dryRun: boolean;
  /** Messages that nobody here knows of are set aside, rather than being a reason to refuse. */
  adopt: boolean;
  /** Take over even where most of a mailbox would go. */
  allowLoss: boolean;
  /** Dovecot looks at every message, rather than at what it believes to have changed. */
  full?: boolean;
}

/** Where mailboxes are written: the host that is not active. Every call that changes something checks the epoch. */
export interface Sink {
  /** @param whole all of it, though a print would do as long as nothing changed */
  open(name: OwnedMailbox, whole: boolean): Promise<Held>;
  /** Lays content ready beside the mailbox. */
  stage(name: MailboxName, piece: Piece, content: Uint8Array): Promise<void>;
  /**
   * Makes the mailbox what the cut says.
   * @param dsync connects with Dovecot on the host that is read; needed where the cut has a `box`, unless it is a dry run
   */
  commit(cut: MailboxCut, options: CommitOptions, dsync?: () => Promise<Ends>): Promise<TakeOver>;
  /**
   * Takes what a mailbox of this host holds for known: all of it was merged into the mail of the active host, and may go.
   * @returns a finding where the mailbox is no longer what the cut says
   */
  accept(cut: MailboxCut, number: number): Promise<Finding | undefined>;
  /** Leaves UIDs out in all folders, since the last ones of the active host are not known @returns in how many */
  leaveUids(): Promise<number>;
  /** Begins mailboxes anew that are not current, or says what would be done */
  dial(request: DialRequest, dryRun: boolean): Promise<DialCounts>;
  /** Takes that back, as long as nobody has used them. */
  undial(run: string): Promise<void>;
  /** Waits until nobody else writes here: whoever began before the epoch changed has seen that it did. @throws MailrecoverError `locked` where that takes too long */
  quiet(): Promise<void>;
  /**
   * How far behind each mailbox is; written down durably.
   * @param all the mailboxes of the active host, once all of them were looked at
   * @returns those that are no longer among them; of these nothing is kept
   */
  note(lag: readonly MailboxLag[], all?: readonly MailboxName[]): Promise<MailboxName[]>;
  /** Writes down which accounts the active host has. */
  noteAccounts(names: readonly string[]): Promise<void>;
  /** Writes down what the active host accepted, durably. */
  noteAccepted(noted: Noted): Promise<void>;
}

/** How far a mailbox of the standby is behind. */
export interface MailboxLag extends MailboxName {
  /** The active host's time of the state that the standby has; absent where it has none yet. */
  syncedAt?: string;
  /** When that was looked at last, by the same clock. */
  checkedAt: string;
  /** Messages that are known to be on the active host, and are not on the standby yet. */
  behind: number;
  /** Why the last attempt did not succeed: a code of findings. */
  trouble?: string;
}
