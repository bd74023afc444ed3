import type { Finding } from '../../errors/finding.ts';
import type { FolderLayout } from '../maildir/layout.ts';

/** A mail store that the mail server's own configuration names. */
export interface DiscoveredStore {
  /** `mail`, or the name of the namespace. */
  name: string;
  /** `maildir`, `mbox`, `sdbox`, `mdbox` … as Dovecot calls it. */
  format: string;
  /** Pattern of the mailboxes' paths; it has been parsed once and is sound. */
  path: string;
  /** The mailbox's name, where the pattern has no variables. */
  mailbox?: string;
  layout: FolderLayout;
  /** Patterns of the directories with control files and indexes, where they do not lie with the mail. */
  control?: string;
  index?: string;
  /** Pattern of the alternative storage (sdbox, mdbox). */
  alt?: string;
  /** Pattern of the file of INBOX, and the locks that are taken to write an mbox. */
  inbox?: string;
  locks?: ('fcntl' | 'dotlock')[];
  /** Pattern of the users' home directories (Sieve scripts lie there). */
  home?: string;
  /** Name or number of the user who owns the mail, where all mail has one owner. */
  owner?: string;
  /** One sentence for people: what it is and what says so. */
  says: string;
}

/** What one mail server told. */
export interface Discovery {
  /** Whether the program is there at all. */
  present: boolean;
  version?: string;
  stores: DiscoveredStore[];
  /** Kinds of databases in which users stand: `sql`, `ldap`, `passwd-file`, `pam` …, each once. */
  databases: string[];
  findings: Finding[];
}
