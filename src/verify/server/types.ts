import type { Finding } from '../../errors/finding.ts';
import type { ByteString } from '../../store/bytes.ts';
import type { StoreFormat } from '../../store/capture.ts';
import type { FolderLayout } from '../../store/maildir/layout.ts';
import type { Progress } from '../../system/progress.ts';

/** What the catalog says of one message, and the server has to show. */
export interface ExpectedMessage {
  /** The file name up to the first `:`. */
  base: ByteString;
  /** As dovecot-uidlist has it; absent for a message that no server has numbered yet. */
  uid?: number;
  /** System flags (`\Seen`) and keywords (`$Forwarded`); a letter that dovecot-keywords does not name is `unknown-0` …, as Dovecot shows it. */
  flags: readonly string[];
  /** INTERNALDATE, that is the mtime in whole seconds since 1970. */
  internalDate: number;
  /** Bytes as stored. */
  size: number;
  /** Lower-case hex, of the bytes as stored. */
  sha256: string;
  /** Compressed or encrypted on disk: what is served is compared only in what the file does not decide. */
  opaque?: boolean;
  /** Where its bytes lie in the scratch copy, where files hold several messages. */
  body?: MessageBody;
  /** As X-GUID shows it, where the file's name does not say. */
  guid?: string;
}

/** The bytes of a message, put together from pieces of a file. */
export interface MessageBody {
  /** Absolute. */
  path: ByteString;
  /** Bytes, in order; the whole file where it is absent. */
  ranges?: readonly { at: number; length: number }[];
}

export interface ExpectedFolder {
  /** IMAP name in UTF-8, with the mailbox's separator; `INBOX` for the mailbox's root. */
  name: string;
  /** Directory below `mailPath`, `''` for INBOX; worked out from the name where it is absent. */
  dir?: ByteString;
  /** The first UID that was never given away, as dovecot-uidlist has it. */
  uidNext?: number;
  uidValidity?: number;
  messages: readonly ExpectedMessage[];
}

export interface ExpectedMailbox {
  /** As its users know it: `alice@example.org`. */
  mailbox: string;
  /** Absolute: the Maildir's root in the scratch copy. */
  mailPath: ByteString;
  /** Absolute: where the control files lie in the scratch copy, when not beside the mail. */
  controlPath?: ByteString;
  /** `maildir` where it is absent. */
  format?: StoreFormat;
  /** Absolute: other trees of the mailbox in the scratch copy. */
  altPath?: ByteString;
  /** The file of INBOX, where it lies by itself. */
  inboxPath?: ByteString;
  indexPath?: ByteString;
  /** With `separator`, `utf8` and the others below: how its folders lie, as in store/maildir/layout.ts. */
  layout: FolderLayout['layout'];
  separator: string;
  utf8: boolean;
  prefix?: string;
  inbox?: boolean;
  escape?: string;
  folders: readonly ExpectedFolder[];
}

export interface ServerInput {
  /** Absolute: the directory that holds the restored tree. All of the tree may be changed by the server, nothing else. */
  scratch: string;
  /** Absolute: an own, empty directory for what the server writes beside the mail. It is empty again afterwards. */
  work: string;
  mailboxes: AsyncIterable<ExpectedMailbox> | Iterable<ExpectedMailbox>;
  /** Which part of the mailboxes is opened, above 0 and up to 1; all of them by default, and always at least one. */
  sample?: number;
  signal?: AbortSignal;
  progress: Progress;
  /** Other programs than those that PATH, /usr/sbin and /usr/local/sbin hold. */
  dovecot?: { dovecot?: string; doveconf?: string };
  /** How many mailboxes are open at a time; 4 by default. */
  sessions?: number;
}

export interface ServerCounts {
  /** Opened. */
  mailboxes: number;
  /** Expected in them. */
  messages: number;
  /** Served, and compared in everything that can be. */
  compared: number;
  /** Served, but not as expected. */
  mismatched: number;
  /** Expected, but not served. */
  missing: number;
  /** Served, but not expected. */
  unexpected: number;
}

export interface ServerReport {
  counts: ServerCounts;
  findings: Finding[];
  /** From the start of the server to the first login with an open INBOX; absent where there was no mailbox. */
  firstLoginMs?: number;
  /** From the start of the server until everything was compared. */
  completeMs: number;
  canary: { delivered: boolean; fetched: boolean };
  /** The server as it named itself: `2.3.19.1`. */
  version: string;
  /** Whether it ran in a network namespace of its own. */
  isolated: boolean;
  /** Processes and paths of the server that could not be removed. */
  leftovers: string[];
}
