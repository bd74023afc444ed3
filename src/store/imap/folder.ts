/** Reading one folder of an account: only what changed since it was read before. */
import type { FetchMessageObject, ImapFlow, ListResponse } from 'imapflow';
import type { ByteString } from '../bytes.ts';
import type { LiveMessage } from '../live.ts';
import { maildirFlags } from '../maildir/flags.ts';
import { type Announced, type BodyOptions, fetchBodies, uidsOf } from './bodies.ts';
import { partsOfName } from './message.ts';
import { toSeconds } from './times.ts';
import type { FolderCursor } from './types.ts';

/** A folder as it was read. */
export interface FolderState extends Omit<FolderCursor, 'kept'> {
  messages: ReadonlyMap<ByteString, LiveMessage>;
  /** Those of them that the server no longer has here: they may have been moved to a folder that was read before. */
  gone: ReadonlySet<ByteString>;
}

export interface FolderOptions extends BodyOptions {
  /** Flags of all messages are asked for, whatever the server says of changes. */
  deep: boolean;
  /** Told when a message was received that is new here, whether its bytes can still be had or not: seconds since 1970. */
  onSighted: (received: number) => void;
}

interface Known {
  base: ByteString;
  message: LiveMessage;
}

interface Seen {
  uid: number;
  flags: Set<string>;
  announced?: Omit<Announced, 'flags'>;
}

/** Whether a folder can't have changed since it was read. */
export function isUnchanged(before: FolderState, status: ListResponse['status']): boolean {
  return (
    status !== undefined &&
    before.modseq !== '' &&
    status.highestModseq !== undefined &&
    String(status.highestModseq) === before.modseq &&
    Number(status.uidValidity) === before.uidValidity &&
    status.uidNext === before.uidNext &&
    status.messages === before.messages.size - before.gone.size
  );
}

/**
 * Reads a folder.
 * @param before what an earlier backup, or pass, knew of it
 */
export async function readFolder(
  options: FolderOptions,
  { path, dir }: { path: string; dir: ByteString },
  before: FolderState | undefined,
): Promise<FolderState> {
  const { client, deep } = options;
  const box = await client.mailboxOpen(path, { readOnly: true });
  const uidValidity = Number(box.uidValidity);
  const highest = (box as { noModseq?: boolean }).noModseq === true ? undefined : box.highestModseq;
  const held = before?.uidValidity === uidValidity ? before : undefined;
  const known = new Map<number, Known>();
  for (const [base, message] of held?.messages ?? []) {
    const uid = partsOfName(base)?.uid;
    if (uid !== undefined && !options.lost(message.place)) known.set(uid, { base, message });
  }
  const complete = known.size === (held?.messages.size ?? 0);
  const since = !deep && complete && highest !== undefined ? modseqOf(held, highest) : undefined;
  const seen = box.exists === 0 ? [] : await listChanges(client, since, known);
  let present = since === undefined ? new Set(seen.map(({ uid }) => uid)) : undefined;
  if (present === undefined) {
    const added = seen.filter(({ uid }) => !known.has(uid)).length;
    if (known.size - (held?.gone.size ?? 0) + added !== box.exists) {
      present = box.exists === 0 ? new Set() : await uidsOf(client);
      const missed = [...present].filter((uid) => !known.has(uid) && !seen.some((each) => each.uid === uid));
      if (missed.length > 0) seen.push(...(await listMessages(client, missed.join(','), true)));
    }
  }
  const gone = new Set<ByteString>();
  // UIDs are never given twice, so what is gone from here stays gone.
  for (const [uid, { base }] of known) if (held?.gone.has(base) === true || present?.has(uid) === false) gone.add(base);

  const unknown = seen.filter(({ uid, announced }) => !known.has(uid) && announced === undefined);
  for (let at = 0; at < unknown.length; at += RANGE) {
    const range = unknown.slice(at, at + RANGE);
    const details = new Map((await listMessages(client, range.map(({ uid }) => uid).join(','), true)).map((each) => [each.uid, each]));
    for (const each of range) {
      const detail = details.get(each.uid);
      if (detail?.announced !== undefined) each.announced = detail.announced;
    }
  }
  const letters = new Letters(held?.keywords ?? [], options.findings, path);
  letters.reuse(known, seen);
  const wanted: Announced[] = [];
  for (const { uid, flags, announced } of seen) {
    const part = letters.flagsPart(flags);
    const old = known.get(uid);
    if (old === undefined) {
      if (announced === undefined) continue;
      options.onSighted(announced.received);
      wanted.push({ ...announced, flags: part });
    } else if (old.message.flags !== part) {
      const { in: where, stat, sha, place } = old.message;
      known.set(uid, { base: old.base, message: { in: where, stat, sha, place, flags: part } });
    }
  }
  wanted.sort((a, b) => a.uid - b.uid);
  for (const [uid, message] of await fetchBodies(options, { path, dir, uidValidity }, wanted)) known.set(uid, message);
  const uids = [...known.keys()].sort((a, b) => a - b);
  return {
    path,
    uidValidity,
    uidNext: Math.max(box.uidNext ?? 0, (uids.at(-1) ?? 0) + 1, held?.uidNext ?? 0),
    modseq: highest === undefined ? '' : String(highest),
    keywords: letters.names,
    gone,
    messages: new Map(
      uids.flatMap((uid) => {
        const each = known.get(uid);
        return each === undefined ? [] : [[each.base, each.message] as const];
      }),
    ),
  };
}

/** UIDs that one command names. */
const RANGE = 500;

function modseqOf(held: FolderState | undefined, highest: bigint): bigint | undefined {
  if (held === undefined || held.modseq === '') return undefined;
  const modseq = BigInt(held.modseq);
  // A server that counts backwards has lost what it counted by.
  return modseq <= highest ? modseq : undefined;
}

/** What changed since, or all; with everything about it where that is all new. */
function listChanges(client: ImapFlow, since: bigint | undefined, known: ReadonlyMap<number, Known>): Promise<Seen[]> {
  return listMessages(client, '1:*', since !== undefined || known.size === 0, since);
}

async function listMessages(client: ImapFlow, range: string, details: boolean, changedSince?: bigint): Promise<Seen[]> {
  const seen = new Map<number, Seen>();
  const query = { uid: true, flags: true, ...(details ? { internalDate: true, size: true } : {}) };
  const options = { uid: true, ...(changedSince === undefined ? {} : { changedSince }) };
  for await (const message of client.fetch(range, query, options)) {
    // What another session changes this very moment is told in between, without what was asked for.
    const flags = message.flags ?? seen.get(message.uid)?.flags;
    if (message.uid === undefined || flags === undefined) continue;
    const announced = details ? announcedOf(message) : undefined;
    const before = seen.get(message.uid)?.announced;
    seen.set(message.uid, {
      uid: message.uid,
      flags,
      ...(announced === undefined ? (before === undefined ? {} : { announced: before }) : { announced }),
    });
  }
  return [...seen.values()];
}

function announcedOf({ uid, internalDate, size, emailId }: FetchMessageObject): Omit<Announced, 'flags'> | undefined {
  if (internalDate === undefined) return undefined;
  return { uid, size: size ?? 0, identity: emailId, received: toSeconds(internalDate) };
}

/** Letters for keywords: one that has a letter keeps it. */
class Letters {
  readonly names: string[];
  readonly #findings: BodyOptions['findings'];
  readonly #path: string;

  constructor(names: readonly string[], findings: BodyOptions['findings'], path: string) {
    [this.names, this.#findings, this.#path] = [[...names], findings, path];
  }

  /** Frees letters that no message has any more, where they run out. */
  reuse(known: ReadonlyMap<number, Known>, seen: readonly Seen[]): void {
    const wanted = new Set(
      seen.flatMap(({ flags }) => [...flags].filter((flag) => !flag.startsWith('\\')).map((flag) => flag.toLowerCase())),
    );
    const fresh = [...wanted].filter((name) => !this.names.some((each) => each.toLowerCase() === name));
    if (this.names.filter((name) => name !== '').length + fresh.length <= 26) return;
    const changed = new Set(seen.map(({ uid }) => uid));
    const used = new Set<string>();
    for (const [uid, { message }] of known) if (!changed.has(uid)) for (const letter of message.flags.slice(3)) used.add(letter);
    for (const [number, name] of this.names.entries())
      if (!used.has(String.fromCharCode(0x61 + number)) && !wanted.has(name.toLowerCase())) this.names[number] = '';
  }

  flagsPart(flags: ReadonlySet<string>): string {
    const held = new Map([...this.names.entries()].filter(([, name]) => name !== ''));
    const { flagsPart, keywords, lost } = maildirFlags([...flags].filter((flag) => !/\s/.test(flag)).sort(), held);
    for (const [number, name] of keywords) this.names[number] = name;
    for (let number = 0; number < this.names.length; number++) this.names[number] ??= '';
    if (lost.length > 0) this.#tell(lost);
    return flagsPart;
  }

  #tell(lost: readonly string[]): void {
    if (this.#findings.some(({ code, subject }) => code === 'keywords-lost' && subject === this.#path)) return;
    this.#findings.push({
      severity: 'warning',
      code: 'keywords-lost',
      message: `folder '${this.#path}' has more than the 26 keywords that a Maildir can hold; '${lost[0] ?? ''}' is left out, and perhaps others`,
      subject: this.#path,
    });
  }
}
