/** Searching the index. */
import { displayBytes } from '../../../store/bytes.ts';
import { mailboxFilter } from '../../../store/mailbox-filter.ts';
import { isNamedFolder, nameOfFolder, type LayoutOf } from '../folders.ts';
import { formatMessageId } from '../message-id.ts';
import { IndexColumns } from './columns.ts';
import { fold, foldMessageId } from './fold.ts';
import { ROW, STILL, type Group } from './history.ts';
import type { OpenIndex } from './open.ts';
import { timelinesOf, type Timeline } from './timeline.ts';

export interface FindFilter {
  messageId?: string | undefined;
  /** Texts that may stand anywhere in the field. */
  from?: string | undefined;
  to?: string | undefined;
  subject?: string | undefined;
  /** Milliseconds since 1970: sent (or, without a date, received) in this span. */
  since?: number | undefined;
  until?: number | undefined;
  mailboxes?: readonly string[] | undefined;
  /** By their IMAP names. */
  folders?: readonly string[] | undefined;
  /** Was there at this time or later, and is in its mailbox no more. */
  deletedSince?: number | undefined;
  /** Only this host's snapshots. */
  host?: string | undefined;
  /** Only in this snapshot, by its id. */
  snapshot?: string | undefined;
  /** The only keys (by fingerprint) that are believed when they say that a snapshot is of this host. */
  believed?: { host: string; keys: ReadonlySet<string> } | undefined;
  /** 0: all. */
  limit: number;
}

export interface Match {
  /** The newest snapshot that holds the message. */
  snapshot: string;
  host: string;
  mailbox: string;
  folder: string;
  /** What `cat` and `restore --message` take. */
  message: string;
  messageId: string;
  from: string;
  subject: string;
  /** UTC; as the message says. */
  date?: string;
  /** The last snapshot that held it, where it is gone from its mailbox. */
  deletedAfter?: string;
}

/** What a search finds, and what of its filter means nothing in the whole repository. */
export interface SearchResult {
  /** Newest first. */
  matches: Match[];
  /** How many there are, those beyond the limit too. */
  total: number;
  /** The hosts whose snapshots there are. */
  hosts: string[];
  /** Names of the filter that no mailbox, and no folder of those mailboxes, with mail ever fitted; and those that there are or were, for people. */
  unknown: { names: string[]; mailboxes: string[]; folders: string[]; known: string[] };
}

/** A row that fits. */
interface Candidate {
  row: number;
  record: number;
  timeline: Timeline;
  /** Place of the newest snapshot that holds it. */
  held: number;
  gone: boolean;
}

/** Chains of snapshots that say that they are of this host, and are signed by a key that is not believed. */
export function strangeChains(index: OpenIndex, filter: FindFilter): string[] {
  return timelinesOf(index.manifest, new Set(), filter.believed).flatMap((timeline, chain) =>
    timeline === undefined ? [index.manifest.chains[chain]?.fingerprint ?? ''] : [],
  );
}

export function searchIndex(index: OpenIndex, ids: ReadonlySet<string>, filter: FindFilter, layoutOf: LayoutOf): SearchResult {
  const columns = new IndexColumns(index);
  const timelines = timelinesOf(index.manifest, ids, filter.believed);
  const groups = columns.groups();
  const rows = columns.rows();
  const isMailbox = mailboxFilter(filter.mailboxes);
  const folders = filter.folders === undefined || filter.folders.length === 0 ? undefined : filter.folders;
  const chosen = groups.map(({ chain, store, mailbox, dir }) => {
    const timeline = timelines[chain];
    if (timeline === undefined || (filter.host !== undefined && timeline.host !== filter.host) || !isMailbox(mailbox)) return undefined;
    return isNamedFolder(dir, folders, layoutOf(store)) ? timeline : undefined;
  });
  const fits = recordFilter(columns, filter);
  const dates = columns.dates();

  const found: Candidate[] = [];
  for (let at = 0, row = 0; at < rows.length; at += ROW, row++) {
    const timeline = chosen[rows[at] ?? 0];
    const record = rows[at + 1] ?? 0;
    if (timeline === undefined || (fits !== undefined && fits[record] === 0)) continue;
    const first = rows[at + 2] ?? 0;
    const last = rows[at + 3] === STILL ? timeline.places - 1 : (rows[at + 3] ?? 0);
    let held = timeline.held[last] ?? -1;
    if (held < first) continue;
    if (filter.snapshot !== undefined) {
      held = timeline.placeOf(filter.snapshot) ?? -1;
      if (held < first || held > last) continue;
    }
    if (filter.since !== undefined || filter.until !== undefined) {
      const stated = dates[record] ?? Number.NaN;
      const time = Number.isNaN(stated) ? (rows[at + 5] ?? 0) * 1000 : stated;
      if (time < (filter.since ?? -Infinity) || time > (filter.until ?? Infinity)) continue;
    }
    found.push({ row, record, timeline, held, gone: !timeline.current || last < timeline.newestComplete });
  }

  const groupOf = (candidate: Candidate): number => rows[candidate.row * ROW] ?? 0;
  const kept = filter.snapshot === undefined ? newestOfEach(found, groupOf, groups, filter) : found;
  const timeOf = ({ row, record }: Candidate): number => {
    const stated = dates[record] ?? Number.NaN;
    return Number.isNaN(stated) ? (rows[row * ROW + 5] ?? 0) * 1000 : stated;
  };
  const sorted = kept
    .map((candidate) => ({ candidate, time: timeOf(candidate) }))
    .sort((a, b) => b.time - a.time || a.candidate.row - b.candidate.row);
  const shown = filter.limit > 0 ? sorted.slice(0, filter.limit) : sorted;
  const matches = shown.map(({ candidate }): Match => {
    const { row, record, timeline, held, gone } = candidate;
    const group = groups[groupOf(candidate)];
    const { store = '', mailbox = '', dir = '' } = group ?? {};
    const [messageId = '', from = '', subject = ''] = columns.text('shown', record).split('\t');
    const date = dates[record] ?? Number.NaN;
    const snapshot = timeline.idAt(held);
    return {
      snapshot,
      host: timeline.host,
      mailbox: displayBytes(mailbox),
      folder: nameOfFolder(dir, layoutOf(store)),
      message: formatMessageId(mailbox, columns.sha(record), rows[row * ROW + 4] ?? 0),
      messageId,
      from,
      subject,
      ...(Number.isNaN(date) ? {} : { date: new Date(date).toISOString() }),
      ...(gone && filter.snapshot === undefined ? { deletedAfter: snapshot } : {}),
    };
  });
  const hosts = [...new Set(timelines.flatMap((timeline) => (timeline === undefined ? [] : [timeline.host])))];
  return { matches, total: kept.length, hosts, unknown: unknownNames(groups, filter, layoutOf) };
}

function unknownNames(groups: readonly Group[], filter: FindFilter, layoutOf: LayoutOf): SearchResult['unknown'] {
  const held = new Set(groups.map(({ mailbox }) => mailbox));
  const names = (filter.mailboxes ?? []).filter((name) => {
    const fits = mailboxFilter([name]);
    return ![...held].some(fits);
  });
  const isMailbox = mailboxFilter(filter.mailboxes);
  const within = (filter.folders ?? []).length === 0 ? [] : groups.filter(({ mailbox }) => isMailbox(mailbox));
  const folders = (filter.folders ?? []).filter((name) => !within.some(({ store, dir }) => isNamedFolder(dir, [name], layoutOf(store))));
  return {
    names,
    mailboxes: names.length === 0 ? [] : [...held].map(displayBytes),
    folders,
    known: folders.length === 0 ? [] : [...new Set(within.map(({ store, dir }) => nameOfFolder(dir, layoutOf(store))))],
  };
}

/** Which records fit the texts; undefined where no text was given. */
function recordFilter(columns: IndexColumns, filter: FindFilter): Uint8Array | undefined {
  const found: Uint8Array[] = [];
  if (filter.messageId !== undefined) found.push(columns.having('id', foldMessageId(filter.messageId), true));
  for (const field of ['from', 'to', 'subject'] as const) {
    const text = filter[field];
    if (text !== undefined) found.push(columns.having(field, fold(text), false));
  }
  const [first, ...others] = found;
  if (first !== undefined)
    for (const other of others) for (let at = 0; at < first.length; at++) first[at] = (first[at] ?? 0) & (other[at] ?? 0);
  return first;
}

/**
 * Of each message of a mailbox (the same bytes) the places where it is now; where it is nowhere any more, where it was last. A message
 * that was moved is so not told as a deleted one.
 */
function newestOfEach(
  found: readonly Candidate[],
  groupOf: (candidate: Candidate) => number,
  groups: readonly Group[],
  filter: FindFilter,
): Candidate[] {
  const boxes = new Map<string, number>();
  const boxOfGroup = new Int32Array(groups.length).fill(-1);
  const boxOf = (candidate: Candidate): number => {
    const group = groupOf(candidate);
    let box = boxOfGroup[group] ?? -1;
    if (box >= 0) return box;
    const { store = '', mailbox = '' } = groups[group] ?? {};
    const key = `${candidate.timeline.host}\0${store}\0${mailbox}`;
    box = boxes.get(key) ?? boxes.size;
    boxes.set(key, box);
    boxOfGroup[group] = box;
    return box;
  };
  const byMessage = new Map<number, Candidate[]>();
  for (const candidate of found) {
    // Both numbers fit into the 53 bits of one.
    const key = candidate.record * 0x200000 + boxOf(candidate);
    const held = byMessage.get(key);
    if (held === undefined) byMessage.set(key, [candidate]);
    else held.push(candidate);
  }
  const kept: Candidate[] = [];
  for (const candidates of byMessage.values()) {
    const there = candidates.filter(({ gone }) => !gone);
    if (there.length > 0) {
      if (filter.deletedSince === undefined) for (const candidate of there) kept.push(candidate);
      continue;
    }
    const newest = candidates.reduce((latest, { timeline, held }) => Math.max(latest, timeline.timeAt(held)), -Infinity);
    for (const candidate of candidates) {
      const { timeline, held } = candidate;
      if (timeline.timeAt(held) !== newest) continue;
      if (filter.deletedSince === undefined || held >= timeline.placeAtTime(filter.deletedSince)) kept.push(candidate);
    }
  }
  return kept;
}
