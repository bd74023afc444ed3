/** Putting lists of UIDs together: those of a folder's history, and those of the mail that came before it was back. Pure. */
import type { ByteString } from '../../store/bytes.ts';
import { baseName } from '../../store/maildir/names.ts';
import { parseUidlist } from '../../store/maildir/uidlist.ts';

/** The highest UID that can be given. */
export const MAX_UID = 0xffff_fffe;

export interface UidLine {
  uid: number;
  /** What stands before the name: sizes and UIDLs that were kept, each with a space behind it. */
  extra: string;
}

export interface UidLines {
  uidValidity: number;
  /** The UID that the next message gets. */
  nextUid: number;
  guid: string | undefined;
  /** By base name. */
  lines: Map<ByteString, UidLine>;
}

/** Reads a `dovecot-uidlist` with what it says beside UIDs. @returns undefined where it says nothing about any UID */
export function readLines(content: Buffer): UidLines | undefined {
  const list = parseUidlist(content);
  if (list === undefined) return undefined;
  const { uidValidity, nextUid, guid, version, uids } = list;
  const lines = new Map<ByteString, UidLine>();
  for (const line of content.toString('latin1').split('\n').slice(1)) {
    const space = line.indexOf(' ');
    const uid = Number(line.slice(0, space));
    const rest = line.slice(space + 1).trimStart();
    // The field that begins with a colon is the name; version 1 has nothing but names.
    const at = version === 1 ? 0 : rest.startsWith(':') ? 1 : rest.indexOf(' :') + 2;
    const base = baseName(rest.slice(at));
    if (uids.get(base) === uid) lines.set(base, { uid, extra: version === 1 ? '' : rest.slice(0, at - 1) });
  }
  return { uidValidity, nextUid, guid, lines };
}

/**
 * What stands in the list of a folder once its history is back, by the rules of maildir-uidlist.c: UIDs ascend, each is given once.
 * @param lines those that come first win where two have the same UID
 */
export function composeUidlist(
  head: { uidValidity: number; nextUid: number; guid: string | undefined },
  lines: Iterable<readonly [base: ByteString, line: UidLine]>,
): string {
  const byUid = new Map<number, string>();
  for (const [base, { uid, extra }] of lines) if (!byUid.has(uid)) byUid.set(uid, `${uid} ${extra}:${base}\n`);
  const uids = [...byUid.keys()].sort((a, b) => a - b);
  const next = Math.max(head.nextUid, (uids.at(-1) ?? 0) + 1);
  const first = `3 V${head.uidValidity} N${next}${head.guid === undefined ? '' : ` G${head.guid}`}\n`;
  return first + uids.map((uid) => byUid.get(uid) ?? '').join('');
}

/** The list of a folder in which there is nothing yet. */
export function emptyUidlist(uidValidity: number, nextUid: number, guid: string): string {
  return composeUidlist({ uidValidity, nextUid, guid }, []);
}
