/** Files of settings for databases (Dovecot 2.3: `dovecot-sql.conf.ext`, `dovecot-ldap.conf.ext`). */
import { readFileSync } from 'node:fs';
import { ioError } from '../../../errors/error.ts';

/** `name = value`; a `\` at the end of a line goes on in the next one. */
export function settingsOf(path: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw ioError(error, 'read', path);
  }
  const settings = new Map<string, string>();
  for (const line of text.replace(/\\\n\s*/g, ' ').split('\n')) {
    const match = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match?.[1] !== undefined && !line.trimStart().startsWith('#')) settings.set(match[1], (match[2] ?? '').replace(/^"(.*)"$/, '$1'));
  }
  return settings;
}

/** Fills in the variables of a user (Dovecot: config_file variables): `%u`, `%n`, `%d`, with `%L` for lower case. */
export function fillIn(text: string, user: string, escape: (value: string) => string): string {
  const at = user.lastIndexOf('@');
  const [name, domain] = at < 0 ? [user, ''] : [user.slice(0, at), user.slice(at + 1)];
  const values: Record<string, string> = { u: user, n: name, d: domain, user, username: name, domain };
  return text.replace(
    /%(?:\{(user|username|domain)\}|([LU])?([und]))/g,
    (_, long: string | undefined, modifier: string | undefined, short: string | undefined) => {
      const value = values[long ?? short ?? ''] ?? '';
      return escape(modifier === 'L' ? value.toLowerCase() : modifier === 'U' ? value.toUpperCase() : value);
    },
  );
}

/** With its scheme in front. */
export function withScheme(hash: string, scheme: string | undefined): string {
  return /^\{[^}]+\}/.test(hash) ? hash : `{${scheme ?? 'CRYPT'}}${hash}`;
}
