/** A message of an account as a file of a Maildir. */
import { createHash } from 'node:crypto';
import type { ByteString } from '../bytes.ts';
import type { LiveStat } from '../live.ts';

/** Who owns what lies nowhere: whoever runs the backup. */
const OWNER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

export interface MessageName {
  uid: number;
  /** Seconds since 1970. */
  received: number;
  size: number;
  /** Bytes with CRLF at the ends of all lines. */
  virtual: number;
}

/** A base name that no other message of the account has: servers may give the same UIDs in each folder. */
export function baseOf(dir: ByteString, uidValidity: number, { uid, received, size, virtual }: MessageName): ByteString {
  const folder = createHash('sha256').update(dir, 'latin1').digest('hex').slice(0, 12);
  return `${Math.max(0, received)}.V${uidValidity}U${uid}F${folder}.imap,S=${size},W=${virtual}`;
}

/** What {@link baseOf} put into the name; undefined for other names. */
export function partsOfName(base: ByteString): { uid: number; uidValidity: number; virtual: number } | undefined {
  const match = /^\d+\.V(\d+)U(\d+)F[0-9a-f]{12}\.imap,S=\d+,W=(\d+)$/.exec(base);
  return match === null ? undefined : { uidValidity: Number(match[1]), uid: Number(match[2]), virtual: Number(match[3]) };
}

/** How many bytes a message has when every line ends with CRLF. */
export function virtualSize(content: Buffer): number {
  let size = content.length;
  for (let at = content.indexOf(0x0a); at >= 0; at = content.indexOf(0x0a, at + 1)) if (content[at - 1] !== 0x0d) size++;
  return size;
}

/**
 * The stat of a message. What the server itself calls it by (EMAILID of RFC 8474, X-GM-MSGID of Gmail) stands, hashed to 96 bits, in place of
 * the inode and the time of birth: as with files, two with the same ones are the same message under another name.
 */
export function messageStat(size: number, received: number, identity: string | undefined): LiveStat {
  const [ino, birth] = identity === undefined ? [0, 0] : identityNumbers(identity);
  return { mode: 0o600, ...OWNER, size, mtime: received * 1e6, ctime: 0, ino, birth };
}

function identityNumbers(identity: string): [number, number] {
  const hash = createHash('sha256').update(identity).digest();
  return [hash.readUIntBE(0, 6), hash.readUIntBE(6, 6)];
}

/** The same for what it stands for: undefined where the server gave no name. */
export function identityKey({ ino, birth }: Pick<LiveStat, 'ino' | 'birth'>): string | undefined {
  return ino === 0 && birth === 0 ? undefined : `${ino} ${birth}`;
}

/** The stat of a directory or a control file that was made at that time. @param at microseconds since 1970 */
export function madeStat(mode: number, size: number, at: number): LiveStat {
  return { mode, ...OWNER, size, mtime: at, ctime: at, birth: 0, ino: 0 };
}
