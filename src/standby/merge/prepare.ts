/** Comparing a mailbox on both hosts with what they had in common, and planning what is to be done on the host that serves. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { Handles } from '../../restore/live/aside.ts';
import { waitingFor, type Dial } from '../dial/record.ts';
import { LiveReader } from '../../restore/live/look.ts';
import type { Add, FolderPlan, MailboxPlan } from '../../restore/live/model.ts';
import type { BaseNames } from '../../restore/live/names.ts';
import { flagChange } from '../../restore/live/replacement.ts';
import { nameOfFolder } from '../../restore/look/folders.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import type { FolderLayout } from '../../store/maildir/layout.ts';
import {
  messageKey,
  stagedKey,
  type Held,
  type MailboxCut,
  type MessageCut,
  type OwnedMailbox,
  type Source,
  type Taken,
} from '../sync/model.ts';
import { makeParents, ownerOf } from '../sync/owner.ts';
import { areasOf, isBox, syncPlaceOf, type MailboxPlace, type SyncStore } from '../sync/place.ts';
import { readMailbox } from '../sync/read-live.ts';
import { Staging } from '../sync/staging.ts';
import { hashOf, type TakenStore } from '../sync/taken.ts';
import { prepareBox, type BoxMergeOptions, type PreparedBox } from './box.ts';
import { controlFrom, factsOf, stateOf, stateOfTaken, type Control } from './look.ts';
import { mergeMailbox, severalAlike, traits, type MergeCounts, type MergeFolder } from './merge.ts';
import type { MailboxState } from './state.ts';

export interface PrepareOptions {
  /** The old host. */
  theirs: Source;
  /** Of now. */
  epoch: number;
  taken: TakenStore;
  /** Mailboxes of this host that were begun anew. */
  dial: Dial | undefined;
  stores: readonly SyncStore[];
  layoutOf: (store: string) => FolderLayout;
  settle: number;
  /** Whether anything may be laid ready here. */
  dryRun: boolean;
  signal?: AbortSignal;
}

/** Where the bytes of an added message come from: they lie ready, or in the very folder under another name. */
export type AddFrom = { staged: string } | { own: MessageCut };

export interface PreparedMailbox {
  place: MailboxPlace;
  plan: MailboxPlan;
  counts: MergeCounts;
  staging: Staging;
  from: Map<ByteString, AddFrom>;
  /** UIDs that must not be given again, by IMAP name. */
  raise: { folder: string; next: number }[];
  /** What both hosts have in common once the plan is carried out. */
  after: Taken;
}

/** @returns a finding where the mailbox can't be merged */
export async function prepareMailbox(
  options: PrepareOptions & BoxMergeOptions,
  mailbox: OwnedMailbox,
  names: BaseNames,
): Promise<PreparedMailbox | PreparedBox | Finding> {
  const { taken, stores, layoutOf } = options;
  const waiting = waitingFor(options.dial, mailbox);
  if (waiting !== undefined) return waiting;
  const place = syncPlaceOf(mailbox, stores);
  const common = newest(taken.read(mailbox), await options.theirs.common(mailbox));
  if (common === undefined) return unknown(mailbox);
  if (isBox(place.format)) {
    const prepared = await prepareBox(options, mailbox, place, common);
    return prepared === 'gone' ? notThere(mailbox) : prepared === 'none-here' ? notHere(mailbox) : prepared;
  }
  const noneHeld: Held = { messages: [], staged: [], files: [] };
  const here = await readMailbox(place, areasOf(place), noneHeld, undefined, options);
  if (typeof here === 'string') return notHere(mailbox);
  const fresh = new Map<string, string>();
  const staging = new Staging(place.root, `merge-${hashOf(place)}`);
  const there = await readTheirs(options, mailbox, { common: common.cut, here: here.cut, staging, fresh, place });
  if (there === 'gone') return notThere(mailbox);
  const [problem] = [...here.findings, ...there.findings].filter(({ severity }) => severity === 'error');
  if (problem !== undefined) throw new MailrecoverError('io', problem.message, { subject: displayBytes(mailbox.mailbox) });
  const { layout } = place;
  const theirControl = controlFrom(there.cut, there.files, layout);
  const reader = new LiveReader();
  try {
    const ourControl = (dir: ByteString): Control => ({ uidlist: reader.uidlist(place, dir), keywords: reader.keywords(place, dir) });
    const ours = stateOf(here.cut, ourControl);
    const theirs = stateOf(there.cut, theirControl);
    const byKey = new Map(here.cut.messages.map((message) => [messageKey(message.dir, message.base), message]));
    const merged = mergeMailbox({
      base: stateOfTaken(common),
      ours,
      theirs,
      shaOf: (side, dir, base) => {
        const key = messageKey(dir, base);
        if (side === 'theirs') return fresh.get(key) ?? staging.sha(key);
        const message = byKey.get(key);
        return message === undefined ? undefined : reader.sha(place, dir, base, message);
      },
    });
    const from = new Map<ByteString, AddFrom>();
    const { store, mailbox: name, root, control } = place;
    const plan: MailboxPlan = { store, mailbox: name, root, layout, ...(control === undefined ? {} : { control }), folders: [] };
    const shape = layoutOf(store);
    for (const folder of merged.folders)
      plan.folders.push(
        planFolder(folder, nameOfFolder(folder.dir, shape), { ours, theirs, byKey, fresh, staging, names, from, ourControl }),
      );
    const raise = merged.folders.flatMap(({ dir, minNextUid }) =>
      minNextUid === undefined ? [] : [{ folder: nameOfFolder(dir, shape), next: minNextUid }],
    );
    const after: Taken = {
      version: 1,
      epoch: options.epoch,
      number: common.number + 1,
      cut: there.cut,
      folders: factsOf(there.cut, theirControl),
    };
    return { place, plan, counts: merged.counts, staging, from, raise, after };
  } finally {
    reader.close();
  }
}

/** Either host may have been the last that was written to. */
function newest(ours: Taken | undefined, theirs: Taken | undefined): Taken | undefined {
  if (ours === undefined || theirs === undefined) return ours ?? theirs;
  const isLater = theirs.epoch - ours.epoch || theirs.number - ours.number;
  return isLater > 0 ? theirs : ours;
}

interface TheirsContext {
  common: MailboxCut;
  here: MailboxCut;
  staging: Staging;
  /** Takes the SHA-256 of what came over. */
  fresh: Map<string, string>;
  place: MailboxPlace;
}

/** Messages of which this host gave up one of several alike: only the bytes tell which of them it was. */
function givenUp(common: MailboxCut, here: MailboxCut): ReadonlySet<string> {
  const alike = severalAlike(common.messages);
  const kept = new Set(here.messages.map(({ dir, base }) => messageKey(dir, base)));
  const keys = common.messages.filter((message) => alike.has(traits(message))).map(({ dir, base }) => messageKey(dir, base));
  return new Set(keys.filter((key) => !kept.has(key)));
}

/** Reads the mailbox of the old host, and what of it neither side is known to have. */
async function readTheirs(
  { theirs, dryRun }: PrepareOptions,
  mailbox: OwnedMailbox,
  { common, here, staging, fresh, place }: TheirsContext,
): Promise<{ cut: MailboxCut; findings: Finding[]; files: Map<string, Buffer> } | 'gone'> {
  const looked = givenUp(common, here);
  const held: Held = {
    messages: [...common.messages, ...here.messages]
      .map(({ dir, base, size, mtime }): [string, number, number] => [messageKey(dir, base), size, mtime])
      .filter(([key]) => !looked.has(key)),
    staged: staging.messages,
    files: [],
  };
  const files = new Map<string, Buffer>();
  const handles = new Handles();
  try {
    const read = await theirs.read(
      mailbox,
      held,
      async (piece, content) => {
        if (piece.key === piece.sha) {
          files.set(piece.sha, Buffer.from(content));
          return;
        }
        fresh.set(piece.key, piece.sha);
        // What this host gave up does not come back: it is only looked at.
        if (dryRun || looked.has(piece.key)) return;
        const parent = makeParents(place, 'mail', ownerOf(mailbox, place), handles);
        handles.make(parent, staging.directory.slice(parent.length + 1));
        staging.put(handles, piece, content, false);
      },
      { contents: true },
    );
    return typeof read === 'string' ? 'gone' : { ...read, files };
  } finally {
    handles.close();
  }
}

interface FolderContext {
  ours: MailboxState;
  theirs: MailboxState;
  byKey: ReadonlyMap<string, MessageCut>;
  fresh: ReadonlyMap<string, string>;
  staging: Staging;
  names: BaseNames;
  from: Map<ByteString, AddFrom>;
  ourControl: (dir: ByteString) => Control;
}

function planFolder(merged: MergeFolder, name: string, context: FolderContext): FolderPlan {
  const { ours, theirs, byKey, fresh, staging, names, from, ourControl } = context;
  const { dir, create } = merged;
  const folder: FolderPlan = { dir, name, create, adds: [], removals: [], flags: [], present: 0, moved: {} };
  const add = (old: ByteString, facts: Pick<Add, 'size' | 'mtime' | 'flags' | 'sha'>, source: AddFrom): void => {
    const base = names.next(old);
    folder.adds.push({ base, pack: '', source: 0, ...facts });
    from.set(base, source);
  };
  const coming = merged.adds.flatMap((each) => {
    const message = theirs.get(dir)?.messages.get(each.base);
    return message === undefined ? [] : [{ ...each, message }];
  });
  // Oldest first, as clients are to see them.
  for (const { base, flags, message } of coming.toSorted((a, b) => a.message.mtime - b.message.mtime)) {
    const key = messageKey(dir, base);
    // Under the same name lie the same bytes here.
    const own = byKey.get(key);
    const sha = own === undefined ? (fresh.get(key) ?? staging.sha(key) ?? '') : '';
    add(base, { sha, size: message.size, mtime: message.mtime, flags }, own === undefined ? { staged: stagedKey(key) } : { own });
  }
  for (const base of merged.renumber) {
    const own = byKey.get(messageKey(dir, base));
    const message = ours.get(dir)?.messages.get(base);
    if (own === undefined || message === undefined) continue;
    add(base, { sha: '', size: own.size, mtime: own.mtime, flags: [...message.flags] }, { own });
  }
  for (const base of [...merged.removes, ...merged.renumber]) folder.removals.push({ base, back: names.next(base) });
  const { keywords } = ourControl(dir);
  for (const { base, add: more, remove } of merged.flags) {
    const own = byKey.get(messageKey(dir, base));
    const has = ours.get(dir)?.messages.get(base)?.flags ?? [];
    const gone = new Set(remove.map((flag) => flag.toLowerCase()));
    const change = own && flagChange(base, own, [...has.filter((flag) => !gone.has(flag.toLowerCase())), ...more], keywords);
    if (change !== undefined) folder.flags.push(change);
  }
  return folder;
}

function unknown({ mailbox }: OwnedMailbox): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'no-common-state',
    message: `mailbox '${subject}' was never synchronised, so nobody knows what the two hosts had in common; it was left as it is on both`,
    hint: `add what is missing over IMAP or by hand; nothing is deleted on either host meanwhile`,
    subject,
  };
}

function notHere({ mailbox }: OwnedMailbox): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'no-mailbox',
    message: `mailbox '${subject}' is on the old host, and not on the one that serves`,
    hint: 'if it was deleted on purpose, delete it on the old host too; if not, make it and run this again',
    subject,
  };
}

function notThere({ mailbox }: OwnedMailbox): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'info',
    code: 'no-mailbox',
    message: `mailbox '${subject}' is not on the old host any more: nothing is taken from it`,
    subject,
  };
}
