/** One run, and what its steps share. */
import type { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { ContentReader } from '../store/live.ts';
import type { Changes } from './sections.ts';
import type { StateDirectory, StateIndex } from './state/state.ts';

/** How the use of packs changed, by pack number. */
export interface Tally {
  /** By how much the number of messages and parts in it changed. */
  live: Map<number, number>;
  /** Keys of the mailboxes that use it. */
  owners: Map<number, Set<string>>;
  /** What a mailbox used before is not known: all must be counted anew. */
  broken: boolean;
}

export interface Run {
  options: { settle: number; dryRun: boolean; frozenAt?: number; signal?: AbortSignal };
  state: StateDirectory;
  index: StateIndex;
  findings: Finding[];
  deep: boolean;
  /** Packs whose content must be stored again. */
  reread: Set<number>;
  /** Those of them that are gone: what can't be read again is lost. */
  lost: ReadonlySet<number>;
  /** Reads files of one mailbox. */
  reader: (mailbox: string) => ContentReader;
  /** To be called when there will be much to read. */
  expectMuch: () => void;
  changes: Changes;
  /** Why accounts of IMAP servers could not be read. */
  unreached: MailrecoverError[];
  /** What was read of the server. */
  server?: { files: number; dumps: number };
  tally: Tally;
}
