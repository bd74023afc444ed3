import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { run } from '../../system/exec.ts';
import type { FolderLayout } from '../maildir/layout.ts';
import { parsePattern } from '../pattern.ts';
import { parseDoveconf, type Section } from './doveconf.ts';
import { findHomes, type Homes, type HomeSources, systemSources } from './homes.ts';
import { type Location, parseLocation, settingsLocation, withHome } from './location.ts';
import type { DiscoveredStore, Discovery } from './types.ts';
import { findStrayUsers } from './users.ts';

/**
 * Asks Dovecot on this host where mail lies. Where there is none, `present` is false; never throws but for an abort.
 */
export async function discoverDovecot(options: { signal?: AbortSignal } = {}): Promise<Discovery> {
  let text: string;
  try {
    text = (await run('doveconf', ['-n'], { timeoutMs: 20_000, ...options })).stdout;
  } catch (error) {
    options.signal?.throwIfAborted();
    const missing = error instanceof MailrecoverError && error.code === 'not-found';
    const message = error instanceof Error ? error.message : String(error);
    return {
      present: !missing,
      stores: [],
      databases: [],
      findings: missing ? [] : [{ severity: 'warning', code: 'discover', message, hint: 'see what doveconf -n says' }],
    };
  }
  const described = describeDovecot(text, systemSources);
  const strays = await findStrayUsers(described.stores, options);
  return strays === undefined ? described : { ...described, findings: [...described.findings, strays] };
}

/** What the output of `doveconf -n` says about mail stores. */
export function describeDovecot(text: string, sources: HomeSources): Discovery {
  const { version, root } = parseDoveconf(text);
  const findings: Finding[] = [];
  const homes = findHomes(root, sources, findings);
  const namespaces = root.sections.filter((section) => section.type === 'namespace');
  const stores: DiscoveredStore[] = [];

  for (const namespace of namespaces.length > 0 ? namespaces : [undefined]) {
    // Other users' mail is found as their own; aliases show what another namespace has.
    if (namespace?.settings.get('type') === 'shared' || (namespace?.settings.get('alias_for') ?? '') !== '') continue;
    const store = storeOf(root, namespace, homes, findings);
    if (store !== undefined && !stores.some((other) => other.path === store.path && other.layout.prefix === store.layout.prefix))
      stores.push(store);
  }
  const databases = root.sections
    .filter(({ type }) => type === 'userdb' || type === 'passdb')
    .map(({ name, settings }) => settings.get('driver') ?? settings.get('userdb_driver') ?? settings.get('passdb_driver') ?? name)
    .filter((driver) => driver !== '');
  return { present: true, ...(version === undefined ? {} : { version }), stores, databases: [...new Set(databases)], findings };
}

function storeOf(
  root: Section,
  namespace: Section | undefined,
  homes: Homes | undefined,
  findings: Finding[],
): DiscoveredStore | undefined {
  const location = locationOf(root, namespace);
  const where = namespace === undefined || namespace.name === '' ? 'dovecot' : `namespace ${namespace.name}`;
  const warn = (message: string, hint = 'name the place by --mail PATTERN'): undefined => {
    findings.push({ severity: 'warning', code: 'discover', message: `${where}: ${message}`, hint });
  };
  if (location === undefined) return warn('dovecot is not told where mail lies, and looks for it');

  const fill = (path: string | undefined, what: string): string | undefined => {
    if (path === undefined || path === '' || path === 'MEMORY') return undefined;
    const full = withHome(path, homes?.pattern);
    if (full === undefined) return warn(`${what} is '${path}', and only a user database knows the homes`);
    try {
      return parsePattern(full).text;
    } catch (error) {
      return warn(error instanceof Error ? error.message : String(error));
    }
  };
  const path = fill(location.path, 'the mail path');
  if (path === undefined) return undefined;
  if (location.layout !== 'maildir++' && location.layout !== 'fs' && location.driver === 'maildir') {
    warn(`folders in the layout '${location.layout}' have no names on disk; they are kept under the names of their directories`);
  }
  if (location.odd.length > 0)
    warn(`${location.odd.join(' and ')} gives folders other directories than usual; their IMAP names will be off`);
  if (location.driver !== 'mbox' && location.inbox !== undefined && withHome(location.inbox, homes?.pattern) !== path) {
    warn(`INBOX lies by itself in '${location.inbox}' and is not part of this store`, 'add a store for it');
  }

  const single = !parsePattern(path).hasVariables;
  const control = fill(location.control, 'the control path');
  const index = fill(location.index, 'the index path');
  const inbox = location.driver === 'mbox' ? fill(location.inbox, 'the path of INBOX') : undefined;
  const locks = location.driver === 'mbox' ? locksOf(root) : undefined;
  const alt = fill(location.alt, 'the path of the alternative storage');
  const usesHome = withHome(location.path, undefined) === undefined;
  const owner = root.settings.get('mail_uid') ?? ownerOf(root);
  return {
    name: single || namespace?.settings.get('inbox') === 'no' ? namespace?.name || 'public' : 'mail',
    format: location.driver,
    path,
    ...(single ? { mailbox: namespace?.name || 'public' } : {}),
    layout: layoutOf(root, namespace, location),
    ...(control === undefined ? {} : { control }),
    ...(index === undefined ? {} : { index }),
    ...(alt === undefined ? {} : { alt }),
    ...(inbox === undefined ? {} : { inbox }),
    ...(locks === undefined ? {} : { locks }),
    ...(homes === undefined || single ? {} : { home: homes.pattern }),
    ...(owner === undefined || owner === '' ? {} : { owner }),
    says: `dovecot keeps ${location.driver} in ${path} (${location.says}${usesHome && homes !== undefined ? ` with ${homes.says}` : ''})`,
  };
}

function locationOf(root: Section, namespace: Section | undefined): Location | undefined {
  const own = namespace?.settings.get('location') ?? '';
  if (own !== '') return parseLocation(own, `location of namespace ${namespace?.name ?? ''}`.trim());
  const general = root.settings.get('mail_location') ?? '';
  return general === '' ? settingsLocation(root, namespace) : parseLocation(general, 'mail_location');
}

function layoutOf(root: Section, namespace: Section | undefined, location: Location): FolderLayout {
  const layout = location.layout === 'maildir++' ? 'maildir++' : 'fs';
  const get = (key: string): string => namespace?.settings.get(key) ?? '';
  const separator = get('separator') || (layout === 'fs' ? '/' : '.');
  // Without any namespace Dovecot makes one that has INBOX.
  const inbox = namespace === undefined || get('inbox') === 'yes';
  const escape = escapeOf(root);
  return { layout, separator, prefix: get('prefix'), inbox, utf8: location.utf8, ...(escape === undefined ? {} : { escape }) };
}

/** Locks that Dovecot takes to write an mbox, of those that we can take; undefined where it is not told any. */
function locksOf(root: Section): ('fcntl' | 'dotlock')[] | undefined {
  const words = (root.settings.get('mbox_write_locks') ?? '').split(/\s+/);
  const locks = (['fcntl', 'dotlock'] as const).filter(
    (lock) => words.includes(lock) || (lock === 'dotlock' && words.includes('dotlock_try')),
  );
  return locks.length === 0 ? undefined : locks;
}

/** 2.3: the listescape plugin, whose character is `\` unless it is told another; 2.4: a setting. */
function escapeOf(root: Section): string | undefined {
  const setting = root.settings.get('mailbox_list_storage_escape_char') ?? '';
  if (setting !== '') return setting.charAt(0);
  if (!(root.settings.get('mail_plugins') ?? '').split(/\s+/).includes('listescape')) return undefined;
  const plugin = root.sections.find((section) => section.type === 'plugin')?.settings.get('listescape_char') ?? '';
  return plugin === '' ? '\\' : plugin.charAt(0);
}

/** The one owner that a user database states for all users. */
function ownerOf(root: Section): string | undefined {
  for (const userdb of root.sections.filter((section) => section.type === 'userdb')) {
    const uid = /(?:^|\s)uid=(\S+)/.exec(`${userdb.settings.get('override_fields') ?? ''} ${userdb.settings.get('args') ?? ''}`)?.[1];
    const field = userdb.sections.find((section) => section.type === 'fields')?.settings.get('uid');
    if (uid !== undefined || field !== undefined) return uid ?? field;
  }
  return undefined;
}
