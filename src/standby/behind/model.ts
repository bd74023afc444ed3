/** Bringing the history of mailboxes back behind what they have received since, as plain data. Names are byte strings. */
import type { ByteString } from '../../store/bytes.ts';

/** One folder of the history. */
export interface BehindFolder {
  dir: ByteString;
  /** IMAP name. */
  name: string;
  messages: number;
  bytes: number;
  /** When its newest message came, microseconds since 1970; 0 where it is empty. */
  newest: number;
}

export interface BehindMailbox {
  store: string;
  mailbox: ByteString;
  /** Asked for before the others. */
  first: boolean;
  folders: BehindFolder[];
}

export interface BehindPlan {
  version: 1;
  id: string;
  /** UTC. */
  made: string;
  /** What was asked for, so that the same command takes an interrupted run up. */
  asked: string;
  repository: string;
  snapshot: string;
  /** UTC: mail that came later is not in it. */
  snapshotTime: string;
  mailboxes: BehindMailbox[];
}

/** A folder of the plan, by its places. */
export interface Unit {
  mailbox: number;
  folder: number;
}

export type BehindEntry =
  /** The messages lie ready beside the mailbox; those named are lost. */
  | ({ did: 'staged'; lost: string[] } & Unit)
  /** The mail of the folder is about to get UIDs from here on. */
  | ({ did: 'lifting'; floor: number } & Unit)
  /** It has them, and no client is left that knows others. */
  | ({ did: 'lifted'; floor: number; uidValidity: number } & Unit)
  /** The folder has its history. `messages` came back, milliseconds since the one before. */
  | ({ did: 'served'; at: string; messages: number; bytes: number; milliseconds: number } & Unit)
  /** It had its history before. */
  | ({ did: 'present' } & Unit)
  /** All of a mailbox is back. */
  | { did: 'complete'; mailbox: number }
  | { did: 'done' };

/** A short name for a folder of the plan. */
export function unitKey({ mailbox, folder }: Unit): string {
  return `${mailbox}.${folder}`;
}
