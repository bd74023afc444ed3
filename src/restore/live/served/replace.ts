/** How a folder that Dovecot keeps in files of its own becomes what it was: what is compared, and what is carried out. */
import { createHash } from 'node:crypto';
import type { ImapFlow } from 'imapflow';
import { MailrecoverError } from '../../../errors/error.ts';
import { toSeconds } from '../../../store/imap/times.ts';
import { withCrLf } from '../../imap/crlf.ts';
import type { ServedFlags } from '../journal.ts';
import type { ServedAdd } from './plan.ts';

/** A message of the folder as it is served now. */
interface Held {
  uid: number;
  received: number;
  flags: string[];
}

export interface WholeComparison {
  adds: ServedAdd[];
  present: number;
  flags: ServedFlags[];
  /** UIDs of what the snapshot does not have. */
  removals: number[];
  /** How many messages of the snapshot can not be read: what they were is not known, so nothing is a removal. */
  unread: number;
  uidNext: number;
}

/** Flags in one order, as they are compared; which client sees a message first is none of its own. */
export function plainFlags(flags: Iterable<string>): string[] {
  return [...flags].filter((flag) => flag.toLowerCase() !== '\\recent').sort();
}

export function sameFlags(a: readonly string[], b: readonly string[]): boolean {
  const plain = (flags: readonly string[]): string => plainFlags(flags.map((flag) => flag.toLowerCase())).join(' ');
  return plain(a) === plain(b);
}

const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** Every message is read, here and there: one whose bytes were changed is not the message that it was. */
export async function compareWhole(client: ImapFlow, path: string, wanted: readonly ServedAdd[]): Promise<WholeComparison> {
  const { uidNext, exists } = await client.mailboxOpen(path, { readOnly: true });
  const held = new Map<string, Held[]>();
  if (exists > 0)
    for await (const { uid, flags, internalDate, source } of client.fetch('1:*', {
      uid: true,
      flags: true,
      internalDate: true,
      source: true,
    })) {
      const key = digest(source ?? Buffer.alloc(0));
      held.set(key, [...(held.get(key) ?? []), { uid, received: toSeconds(internalDate), flags: plainFlags(flags ?? []) }]);
    }
  const keys = new Map<ServedAdd, string>();
  const [first] = wanted;
  const byMessage = new Map(wanted.map((add) => [add.message, add]));
  if (first !== undefined)
    for await (const { message, content } of first.contents.read(wanted.map(({ message: each }) => each))) {
      const add = byMessage.get(message);
      if (add !== undefined) keys.set(add, digest(withCrLf(content)));
    }
  const readable = wanted.filter((add) => keys.has(add));
  const flags: ServedFlags[] = [];
  const received = ({ message }: ServedAdd): number => Math.floor(message.state.mtime / 1e6);
  // Of several equal ones each takes the one that is most like it.
  const take = (left: readonly ServedAdd[], fits: (add: ServedAdd, each: Held) => boolean): ServedAdd[] =>
    left.filter((add) => {
      const list = held.get(keys.get(add) ?? '') ?? [];
      const at = list.findIndex((each) => fits(add, each));
      const [found] = at < 0 ? [] : list.splice(at, 1);
      if (found === undefined) return true;
      if (!sameFlags(found.flags, add.message.flags)) flags.push({ uid: found.uid, from: found.flags, to: plainFlags(add.message.flags) });
      return false;
    });
  const others = take(readable, (add, each) => each.received === received(add) && sameFlags(each.flags, add.message.flags));
  const adds = take(
    take(others, (add, each) => each.received === received(add)),
    () => true,
  );
  const unread = wanted.length - readable.length;
  const removals = unread > 0 ? [] : [...held.values()].flat().map(({ uid }) => uid);
  return { adds, present: readable.length - adds.length, flags, removals: removals.sort((a, b) => a - b), unread, uidNext };
}

/** So many messages are named in one command. */
const CHUNK = 400;

export function chunks<T>(list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / CHUNK) }, (_, at) => list.slice(at * CHUNK, (at + 1) * CHUNK));
}

/**
 * Gives messages of the open folder other flags, where they still have those that are named: what a client does meanwhile stays.
 * @returns UIDs of those that have them now
 */
export async function changeFlags(client: ImapFlow, changes: readonly ServedFlags[]): Promise<number[]> {
  const done: number[] = [];
  for (const part of chunks(changes)) {
    const now = await flagsOf(
      client,
      part.map(({ uid }) => uid),
    );
    const due = part.filter(({ uid, from }) => sameFlags(now.get(uid)?.flags ?? ['\\Gone'], from));
    let seen = 0n;
    for (const { uid } of due) {
      const modseq = now.get(uid)?.modseq ?? 0n;
      if (modseq > seen) seen = modseq;
    }
    const options = { uid: true, silent: true, ...(seen > 0n ? { unchangedSince: seen } : {}) };
    for (const group of Map.groupBy(due, ({ to }) => to.join(' ')).values())
      await client.messageFlagsSet(group.map(({ uid }) => uid).join(','), group[0]?.to ?? [], options);
    const then = await flagsOf(
      client,
      due.map(({ uid }) => uid),
    );
    for (const { uid, to } of due) if (sameFlags(then.get(uid)?.flags ?? ['\\Gone'], to)) done.push(uid);
  }
  return done;
}

/** What messages of the open folder have now. */
export async function flagsOf(client: ImapFlow, uids: readonly number[]): Promise<Map<number, { flags: string[]; modseq: bigint }>> {
  const found = new Map<number, { flags: string[]; modseq: bigint }>();
  if (uids.length === 0) return found;
  for await (const { uid, flags, modseq } of client.fetch(uids.join(','), { uid: true, flags: true }, { uid: true }))
    found.set(uid, { flags: plainFlags(flags ?? []), modseq: modseq ?? 0n });
  return found;
}

/** Moves messages of the open folder. @returns how many; those that a client took away meanwhile are none of them */
export async function moveAll(client: ImapFlow, uids: readonly number[], to: string): Promise<number> {
  let moved = 0;
  for (const part of chunks(uids)) {
    const there = await flagsOf(client, part);
    if (there.size === 0) continue;
    const done = await client.messageMove([...there.keys()].join(','), to, { uid: true });
    if (done === false || done === undefined)
      throw new MailrecoverError('failed', `dovecot did not move messages to '${to}'`, {
        hint: 'see what it says in its log, then run the same command again, which goes on where it stopped',
        subject: to,
      });
    moved += there.size;
  }
  return moved;
}
