/** What belongs to a mail server beside its mail, as plain data. */
import type { ByteString } from '../bytes.ts';

/** The store, and the mailbox, under which a snapshot keeps the server: neither can be the name of another. */
export const SYSTEM = '@system';

/** How the parts of the server lie in a snapshot; each is an area (docs/format.md). */
export const SYSTEM_AREAS = ['dumps', 'facts', 'files', 'queue'] as const;
export type SystemArea = (typeof SYSTEM_AREAS)[number];

/** Where each area lies below the directory of a restore of everything. */
export const SYSTEM_ROOTS: Readonly<Record<SystemArea, string>> = {
  files: '.system',
  dumps: '.system/mailrecover/dumps',
  facts: '.system/mailrecover/facts',
  queue: '.system/mailrecover/queue',
};

/** The name below which a restore puts what are no files of the host, so that none of those may have it. */
export const RESERVED = 'mailrecover';

export type Role =
  | 'postfix'
  | 'dovecot'
  | 'map'
  | 'tls'
  | 'acme'
  | 'dkim'
  | 'sieve'
  | 'users'
  | 'filter'
  | 'timer'
  | 'host'
  | 'extra'
  | 'mailrecover';

/** One file or tree that is wanted, and who named it. */
export interface Named {
  /** Absolute. */
  path: ByteString;
  role: Role;
  /** What named it: `main.cf: virtual_mailbox_maps`. */
  by: string;
  /** Holds a password or a private key, whatever its mode says. */
  secret?: true;
  /** It is fine where it is not there. */
  optional?: true;
}

/** A database that a configuration reads, and that a copy of files would not save. */
export interface UsedDatabase {
  kind: 'postgresql' | 'mariadb' | 'sqlite' | 'ldap' | 'redis';
  /** The file of an SQLite database. */
  path?: string;
  by: string;
}

/** What the configuration of one program named. */
export interface Sources {
  named: Named[];
  databases: UsedDatabase[];
}

export function emptySources(): Sources {
  return { named: [], databases: [] };
}

export function addSources(to: Sources, more: Sources): void {
  to.named.push(...more.named);
  to.databases.push(...more.databases);
}
