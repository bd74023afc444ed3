/**
 * Merging a mailbox in three ways: what both hosts had in common, what the one that serves has now, and what the old one has now. Pure: plain
 * states in, a plan for the one that serves out. What it did since stays; what the old one did since is done there too.
 */
import type { ByteString } from '../../store/bytes.ts';
import { mergeFlags, newFlags } from './flags.ts';
import type { FolderState, MailboxState, MessageState } from './state.ts';

/** A message of the old host that is put into a folder, and gets a new UID there. */
export interface MergeAdd {
  base: ByteString;
  /** IMAP flags and keywords. */
  flags: string[];
}

export interface MergeFolder {
  dir: ByteString;
  /** Whether the serving host does not have it yet. */
  create: boolean;
  adds: MergeAdd[];
  /** Base names that the old host deleted, or moved away. */
  removes: ByteString[];
  /** Flags that the old host changed. */
  flags: { base: ByteString; add: string[]; remove: string[] }[];
  /** Base names of messages whose UIDs stand for another message on the old host: they get new ones. */
  renumber: ByteString[];
  /** The old host has given UIDs up to this one: none of them may be given again. */
  minNextUid?: number;
}

export interface MergePlan {
  folders: MergeFolder[];
  counts: MergeCounts;
}

export interface MergeCounts {
  /** Messages that came to the old host, or were moved or copied there. */
  added: number;
  removed: number;
  reflagged: number;
  renumbered: number;
  /** Messages of the old host that the serving host has already, though not by that name. */
  twins: number;
}

export interface MergeInput {
  base: MailboxState;
  ours: MailboxState;
  theirs: MailboxState;
  /** SHA-256 of messages that only one of the two has, by side, directory and base name; undefined where it can't be read. */
  shaOf: (side: 'ours' | 'theirs', dir: ByteString, base: ByteString) => string | undefined;
}

const EMPTY: FolderState = { uidValidity: 0, nextUid: 0, messages: new Map() };

/** Messages of a folder that were not in the common state. */
export function freshOf(side: MailboxState, base: MailboxState): { dir: ByteString; name: ByteString }[] {
  return Array.from(side, ([dir, { messages }]) =>
    Array.from(messages.keys())
      .filter((name) => base.get(dir)?.messages.has(name) !== true)
      .map((name) => ({ dir, name })),
  ).flat();
}

export function mergeMailbox(input: MergeInput): MergePlan {
  const { base, ours, theirs } = input;
  const twins = new Twins(input);
  const counts: MergeCounts = { added: 0, removed: 0, reflagged: 0, renumbered: 0, twins: 0 };
  const folders: MergeFolder[] = [];
  for (const dir of [...new Set([...theirs.keys(), ...ours.keys()])].sort()) {
    const [was, our, their] = [base.get(dir), ours.get(dir), theirs.get(dir)];
    const folder: MergeFolder = {
      dir,
      create: our === undefined && their !== undefined && was === undefined,
      adds: [],
      removes: [],
      flags: [],
      renumber: renumbered(was ?? EMPTY, our ?? EMPTY, their ?? EMPTY),
      ...raised(our, their),
    };
    for (const [name, message] of their?.messages ?? []) {
      const [old, mine] = [was?.messages.get(name), our?.messages.get(name)];
      if (mine === undefined || twins.isOther(dir, name)) {
        // In the common state: the serving host has deleted it, or moved it away, since.
        if (old !== undefined) continue;
        if (twins.isThere(dir, name)) counts.twins++;
        else folder.adds.push({ base: name, flags: newFlags(message.flags) });
        continue;
      }
      const change = mergeFlags(old?.flags, mine.flags, message.flags);
      if (change.add.length + change.remove.length > 0) folder.flags.push({ base: name, ...change });
    }
    for (const name of our?.messages.keys() ?? [])
      if (was?.messages.has(name) === true && their?.messages.has(name) !== true) folder.removes.push(name);
    const gone = new Set(folder.removes);
    folder.renumber = folder.renumber.filter((name) => !gone.has(name));
    // A folder that the serving host gave up comes back only for mail that nobody has seen there.
    if (our === undefined && folder.adds.length > 0) folder.create = true;
    if (our === undefined && !folder.create) continue;
    counts.added += folder.adds.length;
    counts.removed += folder.removes.length;
    counts.reflagged += folder.flags.length;
    counts.renumbered += folder.renumber.length;
    if (doesAnything(folder)) folders.push(folder);
  }
  return { folders, counts };
}

export function doesAnything({ create, adds, removes, flags, renumber, minNextUid }: MergeFolder): boolean {
  return create || minNextUid !== undefined || adds.length + removes.length + flags.length + renumber.length > 0;
}

/**
 * A UID must never stand for two messages under one UIDVALIDITY: a client that has seen the one would show it for the other (RFC 9051, section
 * 2.3.1.1). What both hosts gave since the common state is taken back on the serving one, as Cyrus does in its replication.
 */
function renumbered(was: FolderState, our: FolderState, their: FolderState): ByteString[] {
  if (our.uidValidity === 0 || our.uidValidity !== their.uidValidity) return [];
  const found: ByteString[] = [];
  for (const [name, { uid }] of our.messages) {
    if (was.messages.has(name) || uid === undefined) continue;
    if (uid < was.nextUid || uid >= their.nextUid) continue;
    if (their.messages.get(name)?.uid !== uid) found.push(name);
  }
  return found;
}

function raised(our: FolderState | undefined, their: FolderState | undefined): { minNextUid?: number } {
  if (our === undefined || their === undefined || our.uidValidity !== their.uidValidity) return {};
  return their.nextUid > our.nextUid ? { minNextUid: their.nextUid } : {};
}

/** In microseconds. */
const SECOND = 1_000_000;

/**
 * Messages that both hosts have, each by another name: a move gives a new name, so one that was made on both hosts looks like two messages. A new
 * message of the old host is such a twin where the serving one has a new message with the same bytes in the same folder, unless each moved another one of several copies; or where it has
 * one in another folder, and both hosts gave up a message of the same size and time: then it was moved twice, and stays where the serving host put it.
 *
 * Dovecot gives a message that is moved the name of its GUID, which copies of it share: there may also be one name on both hosts that stands for another of the copies on each.
 */
class Twins {
  /** New messages of the serving host by content, each once. */
  readonly #ours = new Map<string, { dir: ByteString; name: ByteString }[]>();
  readonly #matched = new Set<string>();
  /** Messages of the old host whose names stand for other ones on the serving host. */
  readonly #others = new Set<string>();
  /** How many messages both hosts gave up, by {@link traits}: nobody has their bytes any more. */
  readonly #both = new Map<string, number>();
  /** How many of several alike one host alone gave up, by their bytes, or by their traits where these can't be read. */
  readonly #apart = { ours: new Map<string, number>(), theirs: new Map<string, number>() };

  constructor(input: MergeInput) {
    const { base, ours, theirs, shaOf } = input;
    const fresh = freshOf(ours, base).filter(({ dir, name }) => theirs.get(dir)?.messages.has(name) !== true);
    for (const { dir, name } of fresh) {
      const sha = shaOf('ours', dir, name);
      if (sha !== undefined) this.#ours.set(sha, [...(this.#ours.get(sha) ?? []), { dir, name }]);
    }
    const alike = severalAlike(Array.from(base.values(), ({ messages }) => [...messages.values()]).flat());
    this.#countGiven(input, alike);
    for (const { dir, name } of freshOf(theirs, base)) {
      const message = ours.get(dir)?.messages.get(name);
      if (message === undefined) continue;
      const key = traits(message);
      if (alike.has(key) && this.#isAnother(shaOf('ours', dir, name) ?? key, key)) this.#others.add(`${dir}/${name}`);
    }
    // Those of the same folder first.
    const theirFresh = freshOf(theirs, base).filter(({ dir, name }) => ours.get(dir)?.messages.has(name) !== true);
    for (const isSame of [true, false])
      for (const { dir, name } of theirFresh) {
        const key = `${dir}/${name}`;
        if (this.#matched.has(key)) continue;
        const sha = shaOf('theirs', dir, name);
        const candidates = sha === undefined ? undefined : this.#ours.get(sha);
        const at = candidates?.findIndex((each) => isSame === (each.dir === dir)) ?? -1;
        if (sha === undefined || candidates === undefined || at < 0) continue;
        const message = theirs.get(dir)?.messages.get(name);
        if (message === undefined || !this.#isTwin(message, sha, isSame)) continue;
        candidates.splice(at, 1);
        this.#matched.add(key);
      }
  }

  #countGiven({ base, ours, theirs, shaOf }: MergeInput, alike: ReadonlySet<string>): void {
    for (const [dir, { messages }] of base)
      for (const [name, message] of messages) {
        const key = traits(message);
        const [our, their] = [ours, theirs].map((side) => side.get(dir)?.messages.has(name) === true);
        if (our !== true && their !== true) add(this.#both, key, 1);
        else if (our !== their && alike.has(key)) {
          const [gave, has] = our === true ? (['theirs', 'ours'] as const) : (['ours', 'theirs'] as const);
          add(this.#apart[gave], shaOf(has, dir, name) ?? key, 1);
        }
      }
  }

  /** Whether a message with these bytes on both hosts is one and the same; takes up what it came from. */
  #isTwin(message: MessageState, sha: string, isSame: boolean): boolean {
    const key = traits(message);
    // That comes first: of what is doubtful one too many is better than one too few.
    if (this.#isAnother(sha, key)) return false;
    if ((this.#both.get(key) ?? 0) === 0) return isSame;
    add(this.#both, key, -1);
    return true;
  }

  /** Whether each host moved another one of several copies; takes these up. */
  #isAnother(sha: string, key: string): boolean {
    const { ours, theirs } = this.#apart;
    const [our, their] = [ours, theirs].map((given) => [sha, key].find((each) => (given.get(each) ?? 0) > 0));
    if (our === undefined || their === undefined) return false;
    add(ours, our, -1);
    add(theirs, their, -1);
    return true;
  }

  isThere(dir: ByteString, name: ByteString): boolean {
    return this.#matched.has(`${dir}/${name}`);
  }

  isOther(dir: ByteString, name: ByteString): boolean {
    return this.#others.has(`${dir}/${name}`);
  }
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

/** The same for all copies of a message, and now and then for another one: Dovecot may give a copy only the whole seconds of its original's time. */
export function traits({ size, mtime }: Pick<MessageState, 'size' | 'mtime'>): string {
  return `${size}:${Math.floor(mtime / SECOND)}`;
}

/** Those {@link traits} that several messages have. */
export function severalAlike(messages: readonly Pick<MessageState, 'size' | 'mtime'>[]): ReadonlySet<string> {
  const [seen, several] = [new Set<string>(), new Set<string>()];
  for (const message of messages) {
    const key = traits(message);
    if (seen.has(key)) several.add(key);
    seen.add(key);
  }
  return several;
}
