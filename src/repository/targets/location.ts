/** How users name the place of a repository: as restic's users name theirs. */
import { isAbsolute, resolve } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';

export type Location =
  | { kind: 'local'; /** Absolute. */ path: string }
  | {
      kind: 'sftp';
      /** undefined: who runs the program. */
      user: string | undefined;
      host: string;
      port: number | undefined;
      /** Absolute, or relative to the directory in which the server puts the user. */
      path: string;
    }
  | {
      kind: 's3';
      /** `https://host[:port]` */
      endpoint: string;
      bucket: string;
      /** Without `/` at either end; '' for the whole bucket. */
      prefix: string;
    };

const FORMS = 'a path, sftp:user@host:/path, sftp://user@host:port/path, or s3:https://host/bucket/prefix';

function wrong(text: string, why: string): MailrecoverError {
  return new MailrecoverError('usage', `'${text}' names no repository: ${why}`, { hint: `name it as ${FORMS}`, subject: text });
}

/** Passwords do not belong into names, which stand in logs: whatever follows `user:` is not repeated. */
function refusePassword(text: string, user: string): void {
  if (!user.includes(':')) return;
  const shown = text.replace(user, `${user.slice(0, user.indexOf(':'))}:***`);
  throw new MailrecoverError('usage', `'${shown}' holds a password, and names of repositories are written into logs`, {
    hint: "name it without, and put a reference to the password into the configuration, as 'sftp: { password: file:/… }'",
    subject: shown,
  });
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong(text, "a '%' in it is not followed by two hexadecimal digits");
  }
}

/** `host`, `host:22`, `[::1]:22`. */
const HOST_PORT = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^:[\]/@\s]+))(?::(\d{1,5}))?$/;

function portOf(text: string, digits: string | undefined): number | undefined {
  if (digits === undefined) return undefined;
  const port = Number(digits);
  if (port < 1 || port > 65_535) throw wrong(text, `${digits} is not a port`);
  return port;
}

/** `sftp://user@host:port/path`; the path is absolute, or relative to the login directory as `/~/path`. */
function sftpUrl(text: string): Location {
  const match = /^sftp:\/\/(?:([^@/]*)@)?([^/]*)(\/.*)?$/is.exec(text);
  const [, user, authority = '', path = ''] = match ?? [];
  if (user !== undefined) refusePassword(text, user);
  const found = HOST_PORT.exec(authority);
  const host = found?.[1] ?? found?.[2];
  if (host === undefined) throw wrong(text, 'it names no host');
  const plain = decoded(text, path).replace(/^\/~\//, '');
  return place(text, user === undefined ? undefined : decoded(text, user), host, portOf(text, found?.[3]), plain);
}

/** `sftp:user@host:/path`; the path is relative to the login directory unless it begins with `/`. */
function sftpShort(text: string): Location {
  const match = /^sftp:(?:([^@/]*)@)?(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^:[\]/@\s]+)):(.*)$/is.exec(text);
  const [, user, six, name, path = ''] = match ?? [];
  if (user !== undefined) refusePassword(text, user);
  const host = six ?? name;
  if (host === undefined) throw wrong(text, "it lacks a host with ':' and the path behind it");
  return place(text, user, host, undefined, path.replace(/^~\//, ''));
}

function place(text: string, user: string | undefined, host: string, port: number | undefined, path: string): Location {
  if (user === '') throw wrong(text, "there is no user before the '@'");
  const kept = path
    .split('/')
    .filter((step) => step !== '' && step !== '.')
    .join('/');
  if (kept === '' && !path.startsWith('/')) throw wrong(text, 'it names no path');
  if (host.startsWith('-') || user?.startsWith('-') === true) throw wrong(text, "no name in it may begin with '-'");
  return { kind: 'sftp', user, host, port, path: path.startsWith('/') ? `/${kept}` : kept };
}

/** `s3:https://host/bucket/prefix`, `s3:host/bucket`, `s3://host/bucket`. */
function s3(text: string): Location {
  const rest = text.slice('s3:'.length).replace(/^\/\//, '');
  const match = /^(?:(https?):\/\/)?([^/]*)\/([^/]+)(?:\/(.*))?$/is.exec(rest);
  const [, scheme = 'https', authority = '', bucket, prefix = ''] = match ?? [];
  if (authority.includes('@')) refusePassword(text, authority.slice(0, authority.lastIndexOf('@')));
  if (!HOST_PORT.test(authority)) throw wrong(text, 'it names no host');
  if (bucket === undefined) throw wrong(text, 'it names no bucket');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket)) throw wrong(text, `'${bucket}' is no name of a bucket`);
  const steps = prefix.split('/').filter((step) => step !== '');
  if (steps.some((step) => step === '.' || step === '..' || !/^[A-Za-z0-9._ =@+-]+$/.test(step)))
    throw wrong(text, "its prefix may hold letters, digits, '.', '_', '-', '=', '@', '+' and '/'");
  return { kind: 's3', endpoint: `${scheme.toLowerCase()}://${authority}`, bucket, prefix: steps.join('/') };
}

/**
 * Reads a name. A relative path means one below the current directory; write `./a:b` where a path looks like another kind of place.
 * @throws MailrecoverError `usage`
 */
export function parseLocation(text: string): Location {
  if (text.includes('\0') || text.trim() === '') throw wrong(text.replaceAll('\0', ''), 'it is empty');
  if (/^sftp:\/\//i.test(text)) return sftpUrl(text);
  if (/^sftp:/i.test(text)) return sftpShort(text);
  if (/^s3:/i.test(text)) return s3(text);
  const scheme = /^([a-z][a-z0-9+.-]{1,15}):/i.exec(text)?.[1];
  if (scheme !== undefined) throw wrong(text, `there is no kind of place called '${scheme}'`);
  return { kind: 'local', path: resolve(text) };
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The name in its one usual spelling, without secrets: what {@link parseLocation} reads as the same place. */
export function formatLocation(location: Location): string {
  if (location.kind === 'local') return location.path;
  if (location.kind === 's3') return `s3:${location.endpoint}/${location.bucket}${location.prefix === '' ? '' : `/${location.prefix}`}`;
  const { user, host, port, path } = location;
  if (port === undefined) return `sftp:${user === undefined ? '' : `${user}@`}${bracketed(host)}:${path}`;
  const encoded = encodeURI(isAbsolute(path) ? path : `/~/${path}`);
  return `sftp://${user === undefined ? '' : `${encodeURIComponent(user)}@`}${bracketed(host)}:${port}${encoded}`;
}

/** A name as {@link formatLocation} spells it, from one that a user wrote. */
export function canonicalLocation(text: string): string {
  return formatLocation(parseLocation(text));
}

/** Whether two names mean places on the same server (or on this host): the credentials for the one may be told to the other. */
export function isSameServer(one: string, other: string): boolean {
  const [a, b] = [parseLocation(one), parseLocation(other)];
  if (a.kind === 'sftp' && b.kind === 'sftp') return a.host === b.host && a.port === b.port && a.user === b.user;
  if (a.kind === 's3' && b.kind === 's3') return a.endpoint === b.endpoint;
  return a.kind === b.kind;
}

/** A word for a POSIX shell. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,[\]~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * What to type to get a copy of a repository without mailrecover.
 * @param into the directory that the copy will be
 * @returns no line for a local directory
 */
export function fetchCommands(name: string, into: string): string[] {
  const location = parseLocation(name);
  if (location.kind === 'local') return [];
  if (location.kind === 's3') {
    const { endpoint, bucket, prefix } = location;
    return [`aws s3 sync --endpoint-url ${quoted(endpoint)} ${quoted(`s3://${bucket}/${prefix}`)} ${quoted(into)}`];
  }
  const { user, host, port, path } = location;
  const who = user === undefined ? '' : `${user}@`;
  return [`sftp -r${port === undefined ? '' : ` -P ${port}`} ${quoted(`${who}${bracketed(host)}:${path}`)} ${quoted(into)}`];
}
