/** Hashes in an LDAP directory, by the filter with which Dovecot looks for them (Dovecot 2.3: pass_filter), where it gives them out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MailrecoverError } from '../../../errors/error.ts';
import { run } from '../../../system/exec.ts';
import { settingsOf, withScheme } from './settings.ts';

const PATIENCE = 300_000;

/** By user. */
export async function readLdap(config: string, signal: AbortSignal): Promise<Map<string, string>> {
  const settings = settingsOf(config);
  const uris =
    settings.get('uris') ??
    (settings.get('hosts') ?? '')
      .split(/[\s,]+/)
      .filter((host) => host !== '')
      .map((host) => `ldap://${host}`)
      .join(' ');
  const base = settings.get('base');
  if (uris === '' || base === undefined) throw new MailrecoverError('failed', `'${config}' names no directory`, { subject: config });
  const attributes = attributesOf(settings.get('pass_attrs') ?? 'uid=user,userPassword=password');
  const filter = (settings.get('pass_filter') ?? '(&(objectClass=posixAccount)(uid=%u))').replace(/%(?:\{\w+\}|[LU]?[und])/g, '*');
  const scheme = settings.get('default_pass_scheme') ?? 'CRYPT';
  // ldapsearch(1) reads the password from a file; arguments are read by everybody.
  const scratch = mkdtempSync(join(tmpdir(), 'mailrecover-'));
  try {
    const bind = settings.get('dn');
    const secret = settings.get('dnpass') ?? '';
    if (bind !== undefined) writeFileSync(join(scratch, 'password'), secret, { mode: 0o600 });
    const { stdout } = await run(
      'ldapsearch',
      [
        '-x',
        '-LLL',
        '-o',
        'ldif-wrap=no',
        '-o',
        'nettimeout=10',
        '-E',
        'pr=500/noprompt',
        '-H',
        uris,
        '-b',
        base,
        '-s',
        scopeOf(settings.get('scope')),
        ...(bind === undefined ? [] : ['-D', bind, '-y', join(scratch, 'password')]),
        filter,
        attributes.user,
        attributes.password,
      ],
      { timeoutMs: PATIENCE, maxBytes: 256 * 1024 * 1024, signal, secrets: [secret], hint: "install ldap-utils, which has 'ldapsearch'" },
    );
    const found = new Map<string, string>();
    for (const entry of stdout.split(/\n\n+/)) {
      const values = valuesOf(entry);
      const user = values.get(attributes.user.toLowerCase());
      const hash = values.get(attributes.password.toLowerCase());
      if (user !== undefined && hash !== undefined && hash !== '') found.set(user, withScheme(hash, scheme));
    }
    return found;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function scopeOf(scope: string | undefined): string {
  return scope === 'onelevel' ? 'one' : scope === 'base' ? 'base' : 'sub';
}

/** `uid=user, userPassword=password`: the attributes that hold the two. */
function attributesOf(text: string): { user: string; password: string } {
  const pairs = text.split(',').map((pair) => pair.trim().split('='));
  const of = (field: string): string | undefined => pairs.find(([, name]) => name === field)?.[0];
  return { user: of('user') ?? 'uid', password: of('password') ?? 'userPassword' };
}

/** The first value of each attribute (RFC 2849: two colons before base64). */
function valuesOf(entry: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of entry.split('\n')) {
    const match = /^([\w;-]+):(:?)\s*(.*)$/.exec(line);
    if (match?.[1] === undefined || values.has(match[1].toLowerCase())) continue;
    values.set(match[1].toLowerCase(), match[2] === ':' ? Buffer.from(match[3] ?? '', 'base64').toString('utf8') : (match[3] ?? ''));
  }
  return values;
}
