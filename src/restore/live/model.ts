/** What a restore into a running server will do, as plain data: it is shown, written down, carried out and undone. Names are byte strings. */
import type { ByteString } from '../../store/bytes.ts';

export type LiveMode = 'missing' | 'folder' | 'replace';

/** A message that is put back, under a new base name: so the server gives it a new UID. */
export interface Add {
  base: string;
  sha: string;
  /** Name of the pack that the catalog names. */
  pack: string;
  size: number;
  /** Microseconds since 1970: IMAP's INTERNALDATE. */
  mtime: number;
  /** IMAP flags and keywords. */
  flags: string[];
  /** Place of its snapshot in {@link LivePlan.snapshots}. */
  source: number;
}

/** A message that came after the snapshot, and is set aside by `replace`. */
export interface Removal {
  base: string;
  /** The base name under which an undo puts it back. */
  back: string;
}

/** A message whose flags were others in the snapshot. */
export interface FlagChange {
  base: string;
  /** Flags parts of file names. */
  from: string;
  to: string;
  /** Keywords that the folder has no letter for; added by name. */
  add: string[];
}

export interface FolderPlan {
  /** Directory below the mailbox's root. */
  dir: string;
  /** IMAP name on the server. */
  name: string;
  /** Name of the folder in the snapshot, where it goes into another. */
  from?: string;
  /** Whether it is not there yet. */
  create: boolean;
  adds: Add[];
  removals: Removal[];
  flags: FlagChange[];
  /** A snapshot has seen higher UIDs than the server knows of: it must give none of them again. */
  minNextUid?: number;
  /** How many of the wanted messages are there already. */
  present: number;
  /** How many of them lie in another folder by now and are left there, by that folder's IMAP name. */
  moved: Record<string, number>;
}

export interface MailboxPlan {
  store: string;
  mailbox: string;
  /** Where the mail really lies. */
  root: string;
  /** Where control files lie, if not with the mail. */
  control?: string;
  layout: 'maildir++' | 'fs';
  folders: FolderPlan[];
}

/** A folder that lies elsewhere than where it was in the snapshot keeps this order: INBOX first, then as the snapshot has them. */
export interface LivePlan {
  version: 1;
  /** Names the run: its directory in the state, and the directories beside the mailboxes. */
  id: string;
  /** UTC. */
  made: string;
  /** `merge`: what another host has, by `standby failback`; it comes out of no repository. */
  mode: LiveMode | 'merge';
  /** What was asked for, so that the same command takes an interrupted run up. */
  asked: string;
  repository: string;
  /** Ids. */
  snapshots: string[];
  mailboxes: MailboxPlan[];
  /** Mailboxes that are no Maildir: Dovecot itself puts the messages there. */
  served?: ServedMailbox[];
}

/** What is brought back into one of them; what only a Maildir has stays empty. */
export interface ServedMailbox {
  store: string;
  mailbox: string;
  folders: FolderPlan[];
  /** Name of the new folder that everything goes into, by `folder`. */
  tree?: string;
}

/** All mailboxes of a plan, however they are reached. */
export function mailboxesOf({
  mailboxes,
  served = [],
}: Pick<LivePlan, 'mailboxes' | 'served'>): { mailbox: string; folders: FolderPlan[] }[] {
  return [...mailboxes, ...served];
}

export interface LiveCounts {
  mailboxes: number;
  folders: number;
  added: number;
  bytes: number;
  present: number;
  moved: number;
  setAside: number;
  reflagged: number;
}

export function countsOf(plan: Pick<LivePlan, 'mailboxes' | 'served'>): LiveCounts {
  const mailboxes = mailboxesOf(plan);
  const folders = mailboxes.flatMap((mailbox) => mailbox.folders);
  const sum = (of: (folder: FolderPlan) => number): number => folders.reduce((total, folder) => total + of(folder), 0);
  return {
    mailboxes: mailboxes.length,
    folders: folders.filter(changes).length,
    added: sum(({ adds }) => adds.length),
    bytes: sum(({ adds }) => adds.reduce((total, { size }) => total + size, 0)),
    present: sum(({ present }) => present),
    moved: sum(({ moved }) => Object.values(moved).reduce((total, count) => total + count, 0)),
    setAside: sum(({ removals }) => removals.length),
    reflagged: sum(({ flags }) => flags.length),
  };
}

/** The plan of a folder in which nothing is to be done yet. @param from the folder of the snapshot, where that has another name */
export function emptyFolder(dir: ByteString, name: string, from: string | undefined): FolderPlan {
  return { dir, name, ...(from === undefined ? {} : { from }), create: false, adds: [], removals: [], flags: [], present: 0, moved: {} };
}

/** Whether anything is to be done in a folder. */
export function changes({ adds, removals, flags, create, minNextUid }: FolderPlan): boolean {
  return create || minNextUid !== undefined || adds.length + removals.length + flags.length > 0;
}
