/**
 * How messages of snapshots are named for people and scripts: `alice@example.org/9f86d081884c7d65-3a1f2b`. That is the mailbox, the
 * beginning of the SHA-256 of the bytes, and a sum over where they lay. The first two mean the same bytes in every snapshot, in
 * whatever folder; the last tells copies in one mailbox from each other. Each part but the hash may be left out.
 */
import { decodeName, encodeName, toBinary } from '../../repository/catalog/percent.ts';
import { displayBytes } from '../../store/bytes.ts';

const SHA_DIGITS = 16;
const FORM = /^(?:(.+)\/)?([0-9a-f]{8,64})(?:-([0-9a-f]{6}))?$/;

/** Where a message lies in a snapshot. All are byte strings. */
export interface MessagePlace {
  store: string;
  mailbox: string;
  /** Directory of the folder, below the mail root. */
  dir: string;
  base: string;
}

/** 24 bits of FNV-1a over the place: it need only tell a few copies apart, a hundred thousand times a second. */
export function placeSum({ store, dir, base }: Omit<MessagePlace, 'mailbox'>): number {
  let sum = 0x811c9dc5;
  for (const part of [store, dir, base]) {
    for (let at = 0; at < part.length; at++) sum = Math.imul(sum ^ part.charCodeAt(at), 0x01000193);
    sum = Math.imul(sum ^ 0x100, 0x01000193);
  }
  return (sum >>> 24) ^ (sum & 0xffffff);
}

export function formatMessageId(mailbox: string, sha: string, sum: number): string {
  return `${encodeName(mailbox)}/${sha.slice(0, SHA_DIGITS)}-${sum.toString(16).padStart(6, '0')}`;
}

/** The id of a message. @param sha 64 hex digits */
export function messageIdOf(place: MessagePlace, sha: string): string {
  return formatMessageId(place.mailbox, sha, placeSum(place));
}

export interface WantedMessage {
  /** As it was typed. */
  text: string;
  /** Byte string. */
  mailbox?: string;
  /** Beginning of the SHA-256. */
  sha?: string;
  sum?: number;
}

/** Reads an id; what is none may be the base name of a message's file. */
export function parseMessageId(text: string): WantedMessage {
  const [, mailbox, sha, sum] = FORM.exec(text) ?? [];
  if (sha === undefined) return { text };
  return {
    text,
    sha,
    ...(mailbox === undefined ? {} : { mailbox: decodeName(toBinary(mailbox)) ?? toBinary(mailbox) }),
    ...(sum === undefined ? {} : { sum: Number.parseInt(sum, 16) }),
  };
}

/**
 * How well a message fits: `exact` where nothing that was said is otherwise, `bytes` where only the place is another (it was moved
 * since), undefined where it is another message.
 */
export function fitOf(wanted: WantedMessage, place: MessagePlace, sha: string): 'exact' | 'bytes' | undefined {
  if (wanted.sha === undefined || !sha.startsWith(wanted.sha)) return wanted.text === displayBytes(place.base) ? 'exact' : undefined;
  if (wanted.mailbox !== undefined && wanted.mailbox !== place.mailbox) return undefined;
  return wanted.sum === undefined || wanted.sum === placeSum(place) ? 'exact' : 'bytes';
}
