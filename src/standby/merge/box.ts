/**
 * Merging a mailbox that only Dovecot can write, by dsync in both directions. That keeps UIDs and deletions, but knows no common state: it joins
 * `\Deleted` in and doubles what was moved on both hosts. So both are compared with what they had in common first, and where that matters nothing is done.
 */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { displayBytes } from '../../store/bytes.ts';
import { isSame } from '../sync/box/compare.ts';
import { boxOwner, type BoxAccess } from '../sync/box/doveadm.ts';
import { pull } from '../sync/box/pull.ts';
import { guidOf } from '../sync/box/state.ts';
import { messageKey, type MailboxCut, type MessageCut, type OwnedMailbox, type Source, type Taken } from '../sync/model.ts';
import type { MailboxPlace } from '../sync/place.ts';
import { planTakeOver } from '../sync/plan.ts';
import { readBoxMailbox } from '../sync/read-live.ts';
import type { MergeCounts } from './merge.ts';

export interface BoxMergeOptions {
  theirs: Source;
  settle: number;
  dovecot: BoxAccess;
  /** Directory of this host's state. */
  state: string;
  epoch: number;
  /** Throws where this host does not serve any more. */
  guard: () => Promise<void>;
  signal?: AbortSignal | undefined;
}

/** What comes to a folder of this host, or changes in it. */
export interface BoxChange {
  folder: string;
  add: number;
  remove: number;
  reflag: number;
}

export interface PreparedBox {
  mailbox: OwnedMailbox;
  place: MailboxPlace;
  /** Whether the old host has anything that this one has not. */
  isNeeded: boolean;
  changes: BoxChange[];
  counts: MergeCounts;
  /** Messages that must be here after it, by GUID. */
  coming: string[];
  after: Taken;
}

/** @returns a finding where the mailbox can't be merged */
export async function prepareBox(
  options: BoxMergeOptions,
  mailbox: OwnedMailbox,
  place: MailboxPlace,
  common: Taken,
): Promise<PreparedBox | Finding | 'gone' | 'none-here'> {
  const here = await readHere(options, place);
  if (here === undefined) return 'none-here';
  const there = await readThere(options, mailbox);
  if (there === undefined) return 'gone';
  const after: Taken = { version: 1, epoch: options.epoch, number: common.number + 1, cut: there, folders: [] };
  const base = { mailbox, place, changes: [], counts: { ...NONE }, coming: [], after };
  if (isSame(there, common.cut) || isSame(there, here)) return { ...base, isNeeded: false };
  const why = conflict(common.cut, here, there);
  if (why !== undefined) return notMerged(mailbox, why);
  const plan = planTakeOver(common.cut, there, [common.cut]);
  const known = new Set(here.messages.map(keyOf));
  const adds = plan.adds.filter((message) => !known.has(keyOf(message)));
  const removes = plan.removes.filter((message) => known.has(keyOf(message)));
  const reflags = plan.renames.map(({ to }) => to).filter((message) => known.has(keyOf(message)));
  const changes = (there.box?.folders ?? []).map(({ name, guid }): BoxChange => {
    const inIt = (messages: readonly MessageCut[]): number => messages.filter(({ dir }) => dir === guid).length;
    return { folder: name, add: inIt(adds), remove: inIt(removes), reflag: inIt(reflags) };
  });
  return {
    ...base,
    isNeeded: true,
    changes: changes.filter(({ add, remove, reflag }) => add + remove + reflag > 0),
    counts: { ...NONE, added: adds.length, removed: removes.length, reflagged: reflags.length },
    coming: adds.map(guidOf),
  };
}

const NONE: MergeCounts = { added: 0, removed: 0, reflagged: 0, renumbered: 0, twins: 0 };

/** Merges it. @returns what both hosts have in common from then on, or a finding where not all of it came */
export async function mergeBox(options: BoxMergeOptions, { mailbox, place, coming, after }: PreparedBox): Promise<Taken | Finding> {
  const owner = boxOwner(place);
  if (owner === undefined)
    throw new MailrecoverError('io', `'${displayBytes(place.root)}' went away`, { subject: displayBytes(place.root) });
  const ends = await options.theirs.dsync(mailbox, 'merge');
  await options.guard();
  const { dovecot: access, state } = options;
  const signal = options.signal ?? new AbortController().signal;
  await pull({ place, owner, access, state, how: 'sync', remembered: undefined, ends, signal });
  const [here, there] = [await readHere(options, place), await readThere(options, mailbox)];
  if (here === undefined || there === undefined) return notMerged(mailbox, 'it went away meanwhile');
  const guids = new Set(here.messages.map(guidOf));
  const lacking = coming.filter((guid) => !guids.has(guid)).length;
  // What this host does not show is not to be deleted on the old one.
  const left = planTakeOver(here, there, []).adds.filter((message) => !guids.has(guidOf(message))).length;
  if (lacking + left > 0) return notMerged(mailbox, `${lacking + left} messages did not come, though Dovecot says that they did`);
  return { ...after, cut: there };
}

async function readHere(options: BoxMergeOptions, place: MailboxPlace): Promise<MailboxCut | undefined> {
  const { settle, dovecot } = options;
  const read = await readBoxMailbox(place, { messages: [], staged: [], files: [] }, undefined, { settle, dovecot: dovecot.dovecot });
  return typeof read === 'string' ? undefined : read.cut;
}

async function readThere({ theirs }: BoxMergeOptions, mailbox: OwnedMailbox): Promise<MailboxCut | undefined> {
  const held = { messages: [], staged: [], files: [] };
  const read = await theirs.read(mailbox, held, async () => undefined, { contents: false });
  if (typeof read === 'string') return undefined;
  const problem = read.findings.find(({ severity }) => severity === 'error');
  if (problem !== undefined) throw new MailrecoverError('io', problem.message, { subject: displayBytes(mailbox.mailbox) });
  return read.cut;
}

function keyOf({ dir, base }: Pick<MessageCut, 'dir' | 'base'>): string {
  return messageKey(dir, base);
}

/** Why dsync would not do what a merge promises, or undefined. Pure. */
export function conflict(common: MailboxCut, here: MailboxCut, there: MailboxCut): string | undefined {
  return folderConflict(common, here, there) ?? flagConflict(common, here, there) ?? moveConflict(common, here, there);
}

function folderConflict(common: MailboxCut, here: MailboxCut, there: MailboxCut): string | undefined {
  const names = ({ box }: MailboxCut): Map<string, string> => new Map(box?.folders.map(({ guid, name }) => [guid, name]));
  const [base, ours, theirs] = [names(common), names(here), names(there)];
  for (const [guid, name] of base)
    if (theirs.get(guid) !== name && ours.has(guid)) return `folder '${name}' was deleted or renamed on the old host`;
  const byName = new Map(Array.from(ours, ([guid, name]) => [name, guid]));
  for (const [guid, name] of theirs) {
    if (byName.has(name) && byName.get(name) !== guid) return `folder '${name}' is another one on each host`;
    if (ours.has(guid) || !base.has(guid)) continue;
    const known = new Set(common.messages.map(keyOf));
    if (there.messages.some((message) => message.dir === guid && !known.has(keyOf(message))))
      return `folder '${name}' was deleted here, and got mail on the old host`;
  }
  const validity = new Map(here.box?.folders.map(({ guid, uidValidity }) => [guid, uidValidity]));
  const other = there.box?.folders.find(({ guid, uidValidity }) => validity.has(guid) && validity.get(guid) !== uidValidity);
  return other === undefined ? undefined : `folder '${other.name}' has another UIDVALIDITY on each host`;
}

function flagsOf({ messages }: MailboxCut): Map<string, Set<string>> {
  return new Map(messages.map((message) => [keyOf(message), new Set(message.flags.split(' ').filter((flag) => flag !== ''))]));
}

function isWithin(small: ReadonlySet<string>, large: ReadonlySet<string>): boolean {
  return [...small].every((each) => large.has(each));
}

function sameSet(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && isWithin(one, other);
}

function flagConflict(common: MailboxCut, here: MailboxCut, there: MailboxCut): string | undefined {
  const [base, ours, theirs] = [flagsOf(common), flagsOf(here), flagsOf(there)];
  for (const [key, flags] of theirs) {
    const [before, mine] = [base.get(key) ?? new Set<string>(), ours.get(key)];
    if (flags.has('\\Deleted') && !before.has('\\Deleted') && mine?.has('\\Deleted') !== true)
      return 'messages were marked as deleted on the old host, which is not carried over';
    if (mine === undefined || sameSet(flags, before) || sameSet(mine, before) || sameSet(flags, mine)) continue;
    // What both have only added to is joined.
    if (!isWithin(before, flags) || !isWithin(before, mine)) return 'flags of a message were changed on both hosts, in different ways';
  }
  return undefined;
}

/** Messages that are no longer where they were, on both hosts, and not simply gone. */
function moveConflict(common: MailboxCut, here: MailboxCut, there: MailboxCut): string | undefined {
  const places = ({ messages }: MailboxCut): Map<string, Set<string>> => {
    const all = new Map<string, Set<string>>();
    for (const message of messages) all.set(guidOf(message), (all.get(guidOf(message)) ?? new Set<string>()).add(keyOf(message)));
    return all;
  };
  const [base, ours, theirs] = [places(common), places(here), places(there)];
  for (const [guid, was] of base) {
    const isMoved = (now: ReadonlySet<string> | undefined): boolean => now !== undefined && !isWithin(was, now);
    if (isMoved(ours.get(guid)) && isMoved(theirs.get(guid))) return 'a message was moved on both hosts';
  }
  // Put into folders of both hosts by somebody else than Dovecot.
  for (const [guid] of theirs) if (!base.has(guid) && ours.has(guid)) return 'both hosts have new messages with the same GUID';
  return undefined;
}

function notMerged({ mailbox }: OwnedMailbox, why: string): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'not-merged',
    message: `mailbox '${subject}' can not be merged by Dovecot as it should be: ${why}; it was left as it is on both hosts`,
    hint: `take over by hand what is missing here; then, on either host: mailrecover standby sync --adopt --mailbox '${subject}', which sets that of the old host aside there`,
    subject,
  };
}
