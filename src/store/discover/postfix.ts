import { existsSync } from 'node:fs';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { run } from '../../system/exec.ts';
import { DEFAULT_LAYOUT } from '../maildir/layout.ts';
import { commonHome, passwdHomes, type HomeSources, systemSources } from './homes.ts';
import type { DiscoveredStore, Discovery } from './types.ts';

/** What Postfix told, with the settings that say where mail goes. */
export interface PostfixDiscovery extends Discovery {
  /** Settings of `postconf -n` by name, only those named in `WANTED`. */
  settings: Record<string, string>;
}

/** Settings that say where mail goes and what belongs to the server; none of them holds a secret. */
const WANTED = [
  'home_mailbox',
  'mail_spool_directory',
  'mailbox_command',
  'mailbox_transport',
  'virtual_mailbox_base',
  'virtual_mailbox_maps',
  'virtual_mailbox_domains',
  'virtual_transport',
  'virtual_uid_maps',
  'mydestination',
  'myhostname',
  'mydomain',
  'queue_directory',
  'alias_maps',
  'virtual_alias_maps',
];

/** Asks Postfix on this host. Where there is none, `present` is false; never throws but for an abort. */
export async function discoverPostfix(options: { signal?: AbortSignal } = {}): Promise<PostfixDiscovery> {
  try {
    // -x fills in $names.
    const { stdout } = await run('postconf', ['-n', '-x'], { timeoutMs: 20_000, ...options });
    return describePostfix(stdout, systemSources);
  } catch (error) {
    options.signal?.throwIfAborted();
    const missing = error instanceof MailrecoverError && error.code === 'not-found';
    const message = error instanceof Error ? error.message : String(error);
    const findings: Finding[] = missing ? [] : [{ severity: 'warning', code: 'discover', message, hint: 'see what postconf -n says' }];
    return { present: !missing, stores: [], databases: [], findings, settings: {} };
  }
}

/** Reads `postconf -n`: `name = value`, longer values go on in lines that begin with white space. Never throws. */
export function parsePostconf(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of text.replace(/\n[ \t]+/g, ' ').split('\n')) {
    const match = /^([A-Za-z0-9_.-]+)\s*=\s*(.*)$/.exec(line);
    if (match?.[1] !== undefined) settings.set(match[1], (match[2] ?? '').trim());
  }
  return settings;
}

/** What the output of `postconf -n -x` says about mail stores. Where Dovecot delivers, Dovecot is to be asked. */
export function describePostfix(text: string, sources: HomeSources, exists: (path: string) => boolean = existsSync): PostfixDiscovery {
  const all = parsePostconf(text);
  const settings: Record<string, string> = {};
  for (const name of WANTED) {
    const value = all.get(name);
    if (value !== undefined && value !== '') settings[name] = value;
  }
  const findings: Finding[] = [];
  const stores: DiscoveredStore[] = [];

  const home = settings.home_mailbox;
  const othersDeliver = settings.mailbox_command !== undefined || settings.mailbox_transport !== undefined;
  if (home?.endsWith('/') && !othersDeliver) {
    const homes = commonHome(passwdHomes(sources.readPasswd(), 1000), '/etc/passwd', findings);
    const pattern = homes?.pattern ?? '/home/%u';
    const path = `${pattern}/${home.replace(/\/+$/, '').replaceAll('%', '%%')}`;
    stores.push(
      store('mail', path, `postfix delivers to maildir in ${path} (home_mailbox with ${homes?.says ?? 'the usual homes'})`, pattern),
    );
  }

  const base = settings.virtual_mailbox_base?.replace(/\/+$/, '');
  if (
    base !== undefined &&
    base !== '' &&
    settings.virtual_mailbox_maps !== undefined &&
    (settings.virtual_transport ?? 'virtual') === 'virtual'
  ) {
    const path = `${base}/%d/%n`;
    const owner = /^static:(\S+)$/.exec(settings.virtual_uid_maps ?? '')?.[1];
    findings.push({
      severity: 'warning',
      code: 'discover',
      message: `postfix: each mailbox below ${base} has its own place in ${settings.virtual_mailbox_maps}; '${path}' is a guess`,
      hint: `compare it with: postmap -s ${settings.virtual_mailbox_maps.split(/[\s,]+/)[0] ?? ''}`,
    });
    if (exists(base)) {
      stores.push({
        ...store(stores.length > 0 ? 'virtual' : 'mail', path, `postfix delivers below ${base} (virtual_mailbox_base)`),
        ...(owner === undefined ? {} : { owner }),
      });
    }
  }
  const kinds = Object.values(settings).flatMap((value) =>
    [...value.matchAll(/\b(mysql|pgsql|ldap|sqlite):/g)].map(([, kind = '']) => kind),
  );
  return { present: true, stores, databases: [...new Set(kinds)], findings, settings };
}

function store(name: string, path: string, says: string, home?: string): DiscoveredStore {
  return { name, format: 'maildir', path, layout: DEFAULT_LAYOUT, ...(home === undefined ? {} : { home }), says };
}
