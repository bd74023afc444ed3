/** What a backup of an account of an IMAP server works with. */
import type { ByteString } from '../bytes.ts';
import type { ImapAccount } from './account.ts';

export interface ImapSource {
  account: ImapAccount;
  /** Folders that are left out, `*` for any characters; `/` separates levels. */
  exclude: readonly string[];
}

/** How far a folder was read. */
export interface FolderCursor {
  /** Its name on the server. */
  path: string;
  uidValidity: number;
  uidNext: number;
  /** HIGHESTMODSEQ in decimal digits; empty where the server has none. */
  modseq: string;
  /** Names of keywords by their letter (the first is `a`); empty for a letter that is free. */
  keywords: string[];
  /** Base names of messages that were kept though the server no longer had them here: they may have been under way to another folder. */
  kept?: ByteString[];
}

/** How far an account was read. */
export interface ImapCursor {
  /** The server and the user: another one's UIDs mean nothing. */
  of: string;
  folders: Record<ByteString, FolderCursor>;
  /** Directories of subscribed folders, sorted. */
  subscribed: ByteString[];
}

export function cursorOf({ user, host, port }: ImapAccount): string {
  return `${user}@${host}:${port}`;
}
