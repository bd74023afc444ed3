/** What backups leave out, though somebody may believe that they hold it. */
import type { Finding } from '../../errors/finding.ts';
import { displayBytes, fsPath } from '../../store/bytes.ts';
import { discoverStores, type Discovered } from '../../store/discover/discover.ts';
import { findMailboxes } from '../../store/mailboxes.ts';
import { fixedPart, parsePattern } from '../../store/pattern.ts';
import { now } from '../../system/clock.ts';
import { deviceOf } from '../../system/file-system.ts';

export interface CoverOptions {
  /** Patterns of the configured stores, by name. */
  stores: readonly { name: string; path: string }[];
  /** Directory of the repository, where it is one of this host. */
  directory: string | undefined;
  /** Whether the server beside its mail is backed up, and how many databases are dumped. */
  system: { enabled: boolean; databases: number };
  /** How many places for copies of the repository are configured, and when it was last copied to one (UTC), as far as is known. */
  copies: { places: number; last: string | undefined };
  signal?: AbortSignal;
}

/** Kinds of user databases that are no file, so that a copy of the configuration does not hold them. */
const LIVE_DATABASES = new Set(['sql', 'ldap', 'mysql', 'pgsql', 'sqlite', 'dict']);

/** Looks at this host: asks Dovecot and Postfix, and where things lie. Never throws but for an abort. */
export async function uncovered(options: CoverOptions): Promise<Finding[]> {
  const found = await discoverStores(options.signal === undefined ? {} : { signal: options.signal });
  return [
    ...(await unknownStores(found, options.stores, options.signal)),
    ...server(found, options.system),
    ...sameDisk(options),
    ...secondCopy(options),
  ];
}

function isBelow(path: string, top: string): boolean {
  return path === top || path.startsWith(top === '/' ? top : `${top}/`);
}

/** Stores that the mail server uses and the configuration does not name. */
async function unknownStores(
  { stores }: Discovered,
  configured: CoverOptions['stores'],
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const known = configured.map(({ path }) => fixedPart(parsePattern(path)));
  const findings: Finding[] = [];
  for (const { path, mailbox, says } of stores) {
    const fixed = fixedPart(parsePattern(path));
    if (known.some((top) => isBelow(fixed, top) || isBelow(top, fixed))) continue;
    const options = { ...(mailbox === undefined ? {} : { mailbox }), ...(signal === undefined ? {} : { signal }) };
    const { mailboxes } = await findMailboxes(parsePattern(path), options);
    // What a server would use if it had users is nothing that could be lost.
    if (mailboxes.length === 0) continue;
    findings.push({
      severity: 'warning',
      code: 'store-not-covered',
      message: `a mail store with ${mailboxes.length} ${mailboxes.length === 1 ? 'mailbox' : 'mailboxes'} is not backed up: ${says}`,
      hint: "add it to 'stores' in the configuration",
      subject: displayBytes(fixed),
    });
  }
  return findings;
}

function server({ dovecot, postfix }: Discovered, { enabled, databases }: CoverOptions['system']): Finding[] {
  const names = [...(postfix.present ? ['Postfix'] : []), ...(dovecot.present ? ['Dovecot'] : [])];
  if (names.length === 0) return [];
  const live = [...dovecot.databases, ...postfix.databases].filter((kind) => LIVE_DATABASES.has(kind));
  if (!enabled)
    return [
      {
        severity: 'info',
        code: 'system-not-covered',
        message: `the configuration of ${names.join(' and ')}, keys and user databases are not backed up`,
        hint: "add 'system: {}' to the configuration",
      },
    ];
  if (live.length === 0 || databases > 0) return [];
  return [
    {
      severity: 'warning',
      code: 'users-not-covered',
      message: `users stand in a database (${[...new Set(live)].join(', ')}), and no database is dumped into the backups`,
      hint: "name it below 'system.databases' in the configuration",
    },
  ];
}

/** Stores whose mail lies on the disk on which the repository lies. */
export function sharedDisk(directory: string | undefined, stores: CoverOptions['stores']): string[] {
  const device = directory === undefined ? undefined : deviceOf(directory);
  if (device === undefined) return [];
  return stores.filter(({ path }) => device === deviceOf(fsPath(fixedPart(parsePattern(path))))).map(({ name }) => name);
}

function sameDisk({ directory, stores }: CoverOptions): Finding[] {
  const shared = sharedDisk(directory, stores);
  if (directory === undefined || shared.length === 0) return [];
  return [
    {
      severity: 'warning',
      code: 'same-disk',
      message: `the repository lies on the same file system as the mail of ${shared.map((name) => `store '${name}'`).join(', ')}: what destroys the one destroys the other`,
      hint: 'put it on another disk, best on another host, or copy it there after each backup',
      subject: directory,
    },
  ];
}

/** A copy that is older than this was forgotten. */
const COPY_DAYS = 8;

function secondCopy({ copies, directory }: CoverOptions): Finding[] {
  if (copies.last !== undefined && now() - Date.parse(copies.last) < COPY_DAYS * 86_400_000) return [];
  if (copies.places > 0)
    return [
      {
        severity: 'warning',
        code: 'copy-old',
        message: `the repository was ${copies.last === undefined ? 'never copied to a second place' : `last copied to a second place on ${copies.last}`}`,
        hint: "copy it, best after each backup: 'mailrecover copy'",
      },
    ];
  return [
    {
      severity: 'info',
      code: 'no-second-copy',
      message: `nothing here copies the repository to a second place${directory === undefined ? '' : ', and the only one is on this host'}`,
      hint: "name a place away from this host under 'copies' in the configuration, and run 'mailrecover copy' after each backup",
    },
  ];
}
