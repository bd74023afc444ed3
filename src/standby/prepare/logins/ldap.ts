/** Hashes in an LDAP directory, by the filter with which Dovecot looks for them (Dovecot 2.3: pass_filter), where it gives them out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MailrecoverError } from '../../../errors/error.ts';
import { run } from '../../../system/exec.ts';
import { fillIn, settingsOf, withScheme } from './settings.ts';

const PATIENCE = 300_000;

/** What ldapsearch(1) ends with where the directory gives out no more entries at a time; those before it were printed. */
const SIZE_LIMIT = 4;

/** The filter of each line of a file; one without `=` is taken for the name of an attribute. */
const EACH_LINE = '(&%s(objectClass=*))';

/**
 * By user: of all whom the filter finds. A directory that limits how many it tells at a time is asked for each of `users`
 * whom it has not told yet.
 */
export async function readLdap(config: string, users: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
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
  const filter = settings.get('pass_filter') ?? '(&(objectClass=posixAccount)(uid=%u))';
  const scheme = settings.get('default_pass_scheme') ?? 'CRYPT';
  const found = new Map<string, string>();
  const take = (text: string): void => {
    for (const entry of text.split(/\n\n+/)) {
      const values = valuesOf(entry);
      const user = values.get(attributes.user.toLowerCase());
      const hash = values.get(attributes.password.toLowerCase());
      if (user !== undefined && hash !== undefined && hash !== '') found.set(user, withScheme(hash, scheme));
    }
  };
  // ldapsearch(1) reads the password from a file; arguments are read by everybody.
  const scratch = mkdtempSync(join(tmpdir(), 'mailrecover-'));
  try {
    const bind = settings.get('dn');
    const secret = settings.get('dnpass') ?? '';
    const put = (name: string, text: string): string => {
      writeFileSync(join(scratch, name), text, { mode: 0o600 });
      return join(scratch, name);
    };
    const where = [
      '-x',
      '-LLL',
      '-o',
      'ldif-wrap=no',
      '-o',
      'nettimeout=10',
      '-H',
      uris,
      '-b',
      base,
      '-s',
      scopeOf(settings.get('scope')),
      ...(settings.get('tls') === 'yes' ? ['-ZZ'] : []),
      ...(bind === undefined ? [] : ['-D', bind, '-y', put('password', secret)]),
    ];
    const ask = (...how: string[]): ReturnType<typeof run> =>
      run('ldapsearch', [...where, ...how, attributes.user, attributes.password], {
        env: tlsOf(settings),
        okExitCodes: [0, SIZE_LIMIT],
        timeoutMs: PATIENCE,
        maxBytes: 256 * 1024 * 1024,
        signal,
        secrets: [secret],
        hint: "install ldap-utils, which has 'ldapsearch'",
      });
    const all = await ask('-E', 'pr=500/noprompt', filter.replace(/%(?:\{\w+\}|[LU]?[und])/g, '*'));
    take(all.stdout);
    const rest = all.exitCode === SIZE_LIMIT ? users.filter((user) => !found.has(user) && !/[\r\n]/.test(user)) : [];
    // A search for each line of the file, on one connection.
    if (rest.length > 0)
      take((await ask('-f', put('filters', rest.map((user) => `${fillIn(filter, user, escape)}\n`).join('')), EACH_LINE)).stdout);
    return found;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A value in a filter (RFC 4515, section 3). */
function escape(value: string): string {
  // oxlint-disable-next-line no-control-regex
  return value.replace(/[\x00()*\\]/g, (sign) => `\\${sign.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** What Dovecot is told about TLS, as ldap.conf(5) has it. */
function tlsOf(settings: ReadonlyMap<string, string>): Record<string, string> {
  const names = { tls_ca_cert_file: 'LDAPTLS_CACERT', tls_ca_cert_dir: 'LDAPTLS_CACERTDIR', tls_require_cert: 'LDAPTLS_REQCERT' };
  return Object.fromEntries(
    Object.entries(names).flatMap(([name, variable]) => {
      const value = settings.get(name);
      return value === undefined || value === '' ? [] : [[variable, value]];
    }),
  );
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
