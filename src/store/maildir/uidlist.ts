import type { ByteString } from '../bytes.ts';
import { baseName } from './names.ts';

/** What `dovecot-uidlist` says. */
export interface Uidlist {
  /** 3, or 1 as Dovecot before 1.0 wrote it. */
  version: number;
  uidValidity: number;
  /** The UID that the next message gets: what the header says, or one more than the highest UID where that is more. */
  nextUid: number;
  /** The mailbox's GUID, 32 hex digits. */
  guid: string | undefined;
  /** UID of each message, by base name. */
  uids: Map<ByteString, number>;
  /** The last line had no end: it was being written. Dovecot does not read it either. */
  torn: boolean;
  /** The first thing that is wrong; Dovecot would throw such a file away and give new UIDs. */
  damage: UidlistDamage | undefined;
}

export interface UidlistDamage {
  /** From 1. */
  line: number;
  message: string;
}

const MAX_UID = 0xffff_fffe;

/**
 * Reads a `dovecot-uidlist` by the rules of Dovecot's maildir-uidlist.c. What stands behind a damaged line is read all
 * the same. Never throws.
 * @returns undefined where even the header is not one: the file says nothing about any UID
 */
export function parseUidlist(content: Buffer): Uidlist | undefined {
  const text = content.toString('latin1');
  const headerEnd = text.indexOf('\n');
  const list = parseHeader(headerEnd < 0 ? '' : text.slice(0, headerEnd));
  if (list === undefined) return undefined;

  let line = 1;
  let last = 0;
  let at = headerEnd + 1;
  for (let end = text.indexOf('\n', at); end >= 0; at = end + 1, end = text.indexOf('\n', at)) {
    line++;
    const record = parseRecord(text, at, end, list.version);
    const problem = record === undefined ? 'not a record' : record.uid <= last ? `UID ${record.uid} after UID ${last}` : undefined;
    if (problem !== undefined && list.damage === undefined) list.damage = { line, message: problem };
    if (record === undefined) continue;
    // Of two lines with one name the later counts, and nothing is wrong: a client's rename made a message look expunged
    // for a moment, and it was given a new UID (maildir_uidlist_next, "Duplicate file entry").
    list.uids.delete(record.base);
    list.uids.set(record.base, record.uid);
    last = Math.max(last, record.uid);
  }
  list.torn = at < text.length;
  if (list.nextUid <= last) list.nextUid = last + 1;
  return list;
}

function parseHeader(line: string): Uidlist | undefined {
  const list: Uidlist = { version: 3, uidValidity: 0, nextUid: 0, guid: undefined, uids: new Map(), torn: false, damage: undefined };
  const old = /^1 (\d{1,10}) (\d{1,10})/.exec(line);
  if (old !== null) {
    list.version = 1;
    list.uidValidity = Number(old[1]);
    list.nextUid = Number(old[2]);
  } else if (line.startsWith('3 ')) {
    for (const field of line.slice(2).split(' ')) {
      const value = field.slice(1);
      // Other letters are extensions that a reader keeps and does not understand.
      if (field.startsWith('V') && /^\d{1,10}$/.test(value)) list.uidValidity = Number(value);
      else if (field.startsWith('N') && /^\d{1,10}$/.test(value)) list.nextUid = Number(value);
      else if (field.startsWith('G')) {
        if (/^[0-9a-f]{32}$/i.test(value)) list.guid = value.toLowerCase();
        else list.damage = { line: 1, message: 'the GUID is not one' };
      }
    }
  } else return undefined;
  const valid = (n: number): boolean => n > 0 && n <= 0xffff_ffff;
  return valid(list.uidValidity) && valid(list.nextUid) ? list : undefined;
}

/** `<uid> :<name>`, `<uid> S123 W130 :<name>` (version 3), `<uid> <name>` (version 1); the name may carry flags. */
function parseRecord(text: string, start: number, end: number, version: number): { uid: number; base: ByteString } | undefined {
  let at = start;
  let uid = 0;
  for (; at < end; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    uid = uid * 10 + digit;
    if (uid > MAX_UID) return undefined;
  }
  if (uid === 0 || text.charCodeAt(at) !== 0x20) return undefined;

  let name = at;
  while (name < end && text.charCodeAt(name) === 0x20) name++;
  if (version === 3) {
    // Extension fields have a key that is a capital letter, and end with a space; the field that begins with a colon is
    // the name.
    while (name < end && text.charCodeAt(name) !== 0x3a) {
      const key = text.charCodeAt(name);
      if (key < 0x41 || key > 0x5a) return undefined;
      const space = text.indexOf(' ', name);
      if (space < 0 || space >= end) return undefined;
      name = space;
      while (name < end && text.charCodeAt(name) === 0x20) name++;
    }
    name++;
  }
  if (name >= end) return undefined;
  const base = baseName(text.slice(name, end));
  return base === '' || base.includes('/') ? undefined : { uid, base };
}
