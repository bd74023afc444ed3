/** The keys by which servers are known: `known_hosts` files as in sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT", or one pinned key. */
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';

/** How the key of a server is judged. */
export interface HostKeyPolicy {
  /** The one key that is right: `SHA256:…`, or a line as in a `.pub` file. It makes files unnecessary. */
  pinned?: string | undefined;
  /** The files to look in; by default the user's and the system's. */
  files?: readonly string[] | undefined;
}

interface Server {
  host: string;
  port: number;
}

interface KnownKey {
  type: string;
  /** Base64 as in the file, without padding. */
  key: string;
  revoked: boolean;
  where: string;
}

const DEFAULT_FILES = [
  join(homedir(), '.ssh', 'known_hosts'),
  join(homedir(), '.ssh', 'known_hosts2'),
  '/etc/ssh/ssh_known_hosts',
  '/etc/ssh/ssh_known_hosts2',
];
const SSH_PORT = 22;

/** `SHA256:…`, as `ssh-keygen -lf` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${unpadded(createHash('sha256').update(key).digest('base64'))}`;
}

/** The type that stands in the first field of a key blob (RFC 4253, section 6.6). */
function typeOf(key: Buffer): string {
  const length = key.length >= 4 ? key.readUInt32BE(0) : 0;
  return key.toString('latin1', 4, 4 + Math.min(length, 64));
}

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '');
}

/** How known_hosts names a server: with its port unless that is 22. */
function knownName({ host, port }: Server): string {
  return port === SSH_PORT ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function fits(patterns: string, name: string): boolean {
  if (patterns.startsWith('|1|')) {
    const [, , salt = '', hash = ''] = patterns.split('|');
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
  }
  let found = false;
  for (const pattern of patterns.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!');
    const plain = (negated ? pattern.slice(1) : pattern).replace(/[.+^${}()|[\]\\]/g, '\\$&');
    if (!new RegExp(`^${plain.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

function readLines(file: string, required: boolean): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if (!required && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')) return [];
    throw new MailrecoverError('key', ioError(error, 'read the known hosts in', file).message, { subject: file, cause: error });
  }
}

function knownKeys(server: Server, files: readonly string[] | undefined): KnownKey[] {
  const name = knownName(server);
  const keys: KnownKey[] = [];
  for (const file of files ?? DEFAULT_FILES) {
    for (const [number, line] of readLines(file, files !== undefined).entries()) {
      const words = line.trim().split(/\s+/);
      const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
      const [patterns = '', type, key] = words;
      // An authority signs keys of servers; certificates are not understood here.
      if (marker === '@cert-authority' || patterns.startsWith('#') || type === undefined || key === undefined) continue;
      if (fits(patterns, name)) keys.push({ type, key: unpadded(key), revoked: marker === '@revoked', where: `${file}:${number + 1}` });
    }
  }
  return keys;
}

/** The types of keys that are known of a server, to be asked for first; none where nothing is known. */
export function knownTypes(server: Server, policy: HostKeyPolicy): string[] {
  if (policy.pinned !== undefined) {
    const [type, key] = policy.pinned.trim().split(/\s+/);
    return type !== undefined && key !== undefined ? [type] : [];
  }
  return [
    ...new Set(
      knownKeys(server, policy.files)
        .filter(({ revoked }) => !revoked)
        .map(({ type }) => type),
    ),
  ];
}

/**
 * Judges the key that a server shows.
 * @returns why it is not the server that is meant, or undefined where it is
 */
export function judgeHostKey(server: Server, key: Buffer, policy: HostKeyPolicy): MailrecoverError | undefined {
  const encoded = unpadded(key.toString('base64'));
  const shown = `${typeOf(key)} ${fingerprintOf(key)}`;
  const name = knownName(server);
  const changed = (expected: string): MailrecoverError =>
    new MailrecoverError('key', `the key of '${name}' is not the one that is known: it shows ${shown}, and ${expected}`, {
      subject: name,
      hint: 'somebody may stand between you and the server; ask its administrator before you take the new key',
    });
  if (policy.pinned !== undefined) {
    const words = policy.pinned.trim().split(/\s+/);
    const isPinned = words.length === 1 ? unpadded(words[0] ?? '') === fingerprintOf(key) : unpadded(words[1] ?? '') === encoded;
    return isPinned ? undefined : changed(`the configuration says ${words[0] ?? ''}`);
  }
  const known = knownKeys(server, policy.files);
  const revoked = known.find((each) => each.revoked && each.key === encoded);
  if (revoked !== undefined) return changed(`${revoked.where} says that this key is revoked`);
  const usable = known.filter((each) => !each.revoked);
  if (usable.some((each) => each.key === encoded)) return undefined;
  const [other] = usable;
  if (other !== undefined) return changed(`${other.where} has another`);
  const file = policy.files?.[0] ?? DEFAULT_FILES[0] ?? '';
  return new MailrecoverError('key', `the server '${name}' is not known: it shows the key ${shown}`, {
    subject: name,
    hint: `compare that with 'ssh-keygen -lf /etc/ssh/ssh_host_${keyFile(typeOf(key))}_key.pub' on the server, then add to ${file}: ${name} ${typeOf(key)} ${key.toString('base64')}`,
  });
}

function keyFile(type: string): string {
  if (type.startsWith('ecdsa')) return 'ecdsa';
  return type === 'ssh-ed25519' ? 'ed25519' : 'rsa';
}
