/** The state of a mailbox as a merge sees it. */
import type { ByteString } from '../../store/bytes.ts';

export interface MessageState {
  /** Absent while no server has given it one. */
  uid?: number;
  /** IMAP flags and keywords. */
  flags: readonly string[];
  size: number;
  /** Microseconds since 1970: IMAP's INTERNALDATE. */
  mtime: number;
}

export interface FolderState {
  /** 0 where no server has opened it. */
  uidValidity: number;
  nextUid: number;
  /** By base name. */
  messages: ReadonlyMap<ByteString, MessageState>;
}

/** Folders by their directories. */
export type MailboxState = ReadonlyMap<ByteString, FolderState>;
