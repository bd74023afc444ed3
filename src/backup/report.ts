/** What a backup tells of itself. */
import type { Finding } from '../errors/finding.ts';
import type { StoredSnapshot } from '../repository/repository.ts';
import { displayBytes } from '../store/bytes.ts';
import { SYSTEM } from '../store/system/types.ts';
import type { Run } from './run.ts';
import type { StateIndex } from './state/state.ts';

export interface BackupCounts {
  mailboxes: number;
  folders: number;
  messages: number;
  newMessages: number;
  removedMessages: number;
  flagChanges: number;
  /** Bytes of messages. */
  bytesRead: number;
  /** Bytes of all other files: lists of UIDs, keywords, subscriptions … */
  otherBytesRead: number;
  bytesStored: number;
  /** Files of the server beside its mail, and dumps of databases, where they are backed up. */
  systemFiles?: number;
  dumps?: number;
}

export interface BackupReport {
  outcome: 'ok' | 'warning' | 'partial';
  /** Absent for a dry run. */
  snapshot?: string;
  counts: BackupCounts;
  findings: Finding[];
}

/** A snapshot of a file system that stays fills up: the mail is safe, and all the same somebody must know at once. */
export function outcomeWith(report: BackupReport): BackupReport {
  const stays = report.findings.some(({ code }) => code === 'snapshot-not-released');
  return stays ? { ...report, outcome: 'partial' } : report;
}

/** What this run is compared with: the snapshot before, also where the local state knows nothing of it. */
export function comparedWith(index: StateIndex, parent: StoredSnapshot | undefined): { mailboxes: number; messages: number } | undefined {
  if (parent !== undefined) return parent.counts;
  if (index.snapshot === undefined) return undefined;
  return {
    mailboxes: index.mailboxes.filter(({ store }) => store !== SYSTEM).length,
    messages: index.mailboxes.reduce((sum, { counts }) => sum + counts.messages, 0),
  };
}

export function reportLost(index: StateIndex, lost: ReadonlySet<number>, findings: Finding[]): void {
  const missed = [...lost].filter((number) => (index.packs[number]?.live ?? 0) > 0);
  if (missed.length === 0) return;
  findings.push({
    severity: 'warning',
    code: 'packs-missing',
    message: `${missed.length} ${missed.length === 1 ? 'pack is' : 'packs are'} missing from the repository or cut short; what of it still lies in the mail store is stored again`,
    hint: "see what older snapshots lost: 'mailrecover check'",
  });
}

/** Lost packs that are needed still: mail that lay in them was not at hand to be read again. */
export function reportUnread(index: StateIndex, lost: ReadonlySet<number>, findings: Finding[]): Set<number> {
  const unread = new Set([...lost].filter((number) => (index.packs[number]?.live ?? 0) > 0));
  for (const number of unread) {
    const { name = '', live = 0 } = index.packs[number] ?? {};
    findings.push({
      severity: 'error',
      code: 'lost-content',
      message: `pack '${name.slice(0, 12)}…' is missing from the repository, and ${live} ${live === 1 ? 'message or file' : 'messages or files'} of it could not be read again`,
      hint: "make what is named above readable and run the backup again; see what it costs: 'mailrecover check'",
      subject: name,
    });
  }
  return unread;
}

export function totalBytes(index: StateIndex): number {
  return index.mailboxes.reduce((sum, mailbox) => sum + mailbox.counts.bytes, 0);
}

export function report(run: Run, bytes: Pick<BackupCounts, 'bytesRead' | 'otherBytesRead' | 'bytesStored'>): BackupReport {
  const { index, findings, changes } = run;
  if (changes.changedContent.length > 0) {
    findings.push({
      severity: 'warning',
      code: 'content-changed',
      message: `the bytes of ${changes.changedContent.length} messages changed under their name, which mail never does; the first is '${displayBytes(changes.changedContent[0] ?? '')}'`,
      hint: 'find out what rewrites mail (a virus, a filter, a failing disk); earlier snapshots hold the bytes as they were',
    });
  }
  const partial = index.mailboxes.filter((mailbox) => mailbox.partial === true).length;
  const counts = { mailboxes: index.mailboxes.filter(({ store }) => store !== SYSTEM).length, folders: 0, messages: 0, ...bytes };
  for (const mailbox of index.mailboxes) {
    counts.folders += mailbox.counts.folders;
    counts.messages += mailbox.counts.messages;
  }
  const { newMessages, removedMessages, flagChanges } = changes;
  const failed = partial > 0 || findings.some((finding) => finding.severity === 'error');
  const warned = findings.some((finding) => finding.severity === 'warning');
  return {
    outcome: failed ? 'partial' : warned ? 'warning' : 'ok',
    counts: {
      ...counts,
      newMessages,
      removedMessages,
      flagChanges,
      ...(run.server === undefined ? {} : { systemFiles: run.server.files, dumps: run.server.dumps }),
    },
    findings,
  };
}
