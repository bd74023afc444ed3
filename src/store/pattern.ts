import { MailrecoverError } from '../errors/error.ts';
import { type ByteString, toBytes } from './bytes.ts';
import { parseVariable, type VariablePart } from './variables.ts';

/** A piece of a path component: bytes that stand for themselves, or a variable. */
export type Part = { kind: 'literal'; bytes: ByteString } | ({ kind: 'variable' } & VariablePart);

/** One level of a pattern. `literal` is its name when it holds no variable. */
export interface Component {
  parts: readonly Part[];
  literal: ByteString | undefined;
}

/** A mail path with Dovecot's variables, as {@link parsePattern} reads it. */
export interface Pattern {
  /** As it was written. */
  text: string;
  components: readonly Component[];
  /** How many components stand before the first with a variable. */
  fixed: number;
  /** Whether the pattern has variables at all; one without is the path of a single mailbox. */
  hasVariables: boolean;
}

/**
 * Reads an absolute path with Dovecot's variables: `%u` `%n` `%d`, `%{user}` `%{username}` `%{domain}`,
 * `%{user|domain|lower}`, lower-casing `%Ln`, prefixes such as `%1n` and `%{user|substr(0,1)}`, and `%%` for a percent
 * sign (https://doc.dovecot.org/latest/core/settings/variables.html).
 * @throws {MailrecoverError} `config` for what is no such path; the message says which part of it
 */
export function parsePattern(text: string): Pattern {
  const fail = (why: string, hint?: string): never => {
    throw new MailrecoverError('config', `mail path '${text}': ${why}`, { subject: text, ...(hint === undefined ? {} : { hint }) });
  };
  if (text.startsWith('~') || /^%(h|\{home\})/.test(text)) {
    fail('it begins with a home directory', 'write the path of the home directories instead, e.g. /home/%u/Maildir');
  }
  if (!text.startsWith('/')) fail('it is not absolute', 'begin it with /');
  if (text.includes('\0')) fail('it holds a null byte');

  const components = splitPath(text).map((part): Component => {
    const parts = parseParts(part, fail);
    const [only] = parts;
    const literal = parts.length === 1 && only?.kind === 'literal' ? only.bytes : undefined;
    if (literal === '.' || literal === '..') fail(`it holds '${literal}'`);
    return { parts, literal };
  });
  if (components.length === 0) fail('it names the root directory');

  const first = components.findIndex((component) => component.literal === undefined);
  const hasVariables = first >= 0;
  const whole = components.flatMap((c) => c.parts).filter((p) => p.kind === 'variable' && p.length === undefined && p.offset === 0);
  if (hasVariables && !whole.some((p) => p.kind === 'variable' && p.name !== 'domain')) {
    fail('it does not say which mailbox', 'name the user by %u or %n, e.g. /var/vmail/%d/%n/Maildir');
  }
  return { text, components, fixed: hasVariables ? first : components.length - 1, hasVariables };
}

/**
 * The directory before the first component with a variable, as a byte string: `/var/vmail` for
 * `/var/vmail/%d/%n/Maildir`. For a pattern without variables it is the directory that holds the mailbox.
 */
export function fixedPart(pattern: Pattern): ByteString {
  return `/${pattern.components
    .slice(0, pattern.fixed)
    .map((component) => component.literal ?? '')
    .join('/')}`;
}

/**
 * The path of one user's mail, as a byte string.
 * @throws {MailrecoverError} `usage` when the name does not make a safe path (`..`, a slash, no domain where the pattern wants one)
 */
export function expand(pattern: Pattern, user: string): ByteString {
  const path = expandBytes(pattern, toBytes(user));
  if (path !== undefined) return path;
  throw new MailrecoverError('usage', `mailbox '${user}' has no place in '${pattern.text}'`, {
    subject: user,
    hint: 'name the mailbox in full, as in alice@example.org',
  });
}

/** {@link expand} for a name in bytes; undefined where it makes no safe path. */
export function expandBytes(pattern: Pattern, user: ByteString): ByteString | undefined {
  let path = '';
  for (const component of pattern.components) {
    const name = component.literal ?? component.parts.map((part) => expandPart(part, user)).join('');
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return undefined;
    path += `/${name}`;
  }
  return path;
}

/** The value of one part for a user: variables as Dovecot fills them in (the domain begins after the first `@`). */
export function expandPart(part: Part, user: ByteString): ByteString {
  if (part.kind === 'literal') return part.bytes;
  const at = user.indexOf('@');
  const value =
    part.name === 'user' || (part.name === 'local' && at < 0)
      ? user
      : part.name === 'local'
        ? user.slice(0, at)
        : at < 0
          ? ''
          : user.slice(at + 1);
  return shorten(part, part.lower ? lowerAscii(value) : value);
}

/** Lower-cases ASCII letters only, byte by byte, as Dovecot does. */
export function lowerAscii(bytes: ByteString): ByteString {
  return bytes.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function shorten(part: VariablePart, value: ByteString): ByteString {
  if (part.offset === 0 && part.length === undefined) return value;
  return value.slice(part.offset, part.length === undefined ? undefined : part.offset + part.length);
}

/** Splits at slashes, but not inside of `%{…}`; empty components (doubled or final slashes) are dropped. */
function splitPath(text: string): string[] {
  return text.match(/(?:%\{[^}]*\}|[^/])+/g) ?? [];
}

function parseParts(component: string, fail: (why: string, hint?: string) => never): Part[] {
  const parts: Part[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') parts.push({ kind: 'literal', bytes: toBytes(literal) });
    literal = '';
  };
  for (let at = 0; at < component.length;) {
    const percent = component.indexOf('%', at);
    if (percent < 0) {
      literal += component.slice(at);
      break;
    }
    literal += component.slice(at, percent);
    if (component[percent + 1] === '%') {
      literal += '%';
      at = percent + 2;
      continue;
    }
    const variable = parseVariable(component.slice(percent), fail);
    flush();
    parts.push({ kind: 'variable', ...variable.part });
    at = percent + variable.consumed;
  }
  flush();
  return parts;
}
