/** The snapshot of logins: a passwd-file for Dovecot with what could be read, and emergency passwords for those whose hash nobody gives out. */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { Login, Logins } from '../model.ts';
import { SNAPSHOT_EMERGENCY as EMERGENCY, SNAPSHOT_READ as READ } from '../texts.ts';

export interface Issued {
  user: string;
  password: string;
}

export interface Snapshot {
  /** The file. */
  text: string;
  /** New passwords, which are told nobody but the administrator. */
  issued: Issued[];
  readable: number;
  emergency: string[];
  /** Users who could not log in without the directory. */
  uncovered: string[];
}

/** Without letters and digits that look alike. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 4;
const GROUP = 4;

/**
 * @param before the snapshot that lies on the standby; '' for none
 * @param issue whether those whose hash nobody can read get a password
 */
export function makeSnapshot(logins: Logins, before: string, issue: boolean): Snapshot {
  const old = parse(before);
  const inFiles = new Set(logins.inFiles);
  const read = new Map(logins.readable.map((login) => [login.user, login]));
  // A directory that does not answer now must not take away what it had told.
  if (logins.findings.length > 0)
    for (const login of old.read) if (!inFiles.has(login.user) && !read.has(login.user)) read.set(login.user, login);
  const users = new Set([...logins.users, ...read.keys()]);
  const emergency = new Map(
    old.emergency
      .filter(({ user }) => users.has(user) && !read.has(user) && !inFiles.has(user))
      .map((login) => [login.user, { ...login, rest: logins.others[login.user] ?? login.rest }]),
  );
  const issued: Issued[] = [];
  const bare = [...users].filter((user) => !inFiles.has(user) && !read.has(user) && !emergency.has(user)).sort();
  if (issue)
    for (const user of bare) {
      const password = newPassword();
      issued.push({ user, password });
      emergency.set(user, { user, hash: hashed(password), rest: logins.others[user] ?? '::::' });
    }
  return {
    text: lines(READ, [...read.values()]) + lines(EMERGENCY, [...emergency.values()]),
    issued,
    readable: read.size,
    emergency: [...emergency.keys()].sort(),
    uncovered: issue ? [] : bare,
  };
}

function lines(head: string, logins: readonly Login[]): string {
  if (logins.length === 0) return '';
  const sorted = logins.toSorted((a, b) => (a.user < b.user ? -1 : 1));
  return `${head}\n${sorted.map(({ user, hash, rest }) => `${user}:${hash}:${rest}\n`).join('')}`;
}

function parse(text: string): { read: Login[]; emergency: Login[] } {
  const found: { read: Login[]; emergency: Login[] } = { read: [], emergency: [] };
  let into = found.read;
  for (const line of text.split('\n')) {
    if (line === EMERGENCY) into = found.emergency;
    if (line === '' || line.startsWith('#')) continue;
    const [user = '', hash = '', ...rest] = line.split(':');
    into.push({ user, hash, rest: rest.join(':') });
  }
  return found;
}

/** 79 bits: a fast hash of it is as good as a slow one. */
function newPassword(): string {
  const letters = Array.from({ length: GROUPS * GROUP }, () => ALPHABET[randomInt(ALPHABET.length)] ?? '');
  return Array.from({ length: GROUPS }, (_, at) => letters.slice(at * GROUP, (at + 1) * GROUP).join('')).join('-');
}

/** Dovecot's scheme SSHA512: the digest of password and salt, then the salt, in base64. */
function hashed(password: string): string {
  const salt = randomBytes(16);
  const digest = createHash('sha512').update(password, 'utf8').update(salt).digest();
  return `{SSHA512}${Buffer.concat([digest, salt]).toString('base64')}`;
}
