/**
 * Reading an account of an IMAP server. Nothing is changed there: folders are opened by EXAMINE, bodies fetched by BODY.PEEK. What comes of it
 * is a Maildir that lies nowhere, so that all else works as with other mail: UIDs stand in lists that Dovecot reads, keywords too.
 */
import type { Finding } from '../../errors/finding.ts';
import { now } from '../../system/clock.ts';
import type { ByteString } from '../bytes.ts';
import type { ContentReader, LiveArea, LiveDir, LiveMessage } from '../live.ts';
import { addFile, addParents, folderDirs, subscriptions } from './area.ts';
import { uidsOf } from './bodies.ts';
import { type FolderState, isUnchanged, readFolder } from './folder.ts';
import { FetchJournal } from './journal.ts';
import { Line } from './line.ts';
import { identityKey, madeStat, partsOfName } from './message.ts';
import { placeFolders, type ServerFolder } from './names.ts';
import { cursorOf, type FolderCursor, type ImapCursor, type ImapSource } from './types.ts';

export interface ImapCaptureOptions {
  source: ImapSource;
  prior: LiveArea | undefined;
  cursor: ImapCursor | undefined;
  deep: boolean;
  dryRun: boolean;
  lost: (place: number) => boolean;
  read: ContentReader;
  /** Where a run writes down what it fetched, for the next one if it is cut off. */
  journal: string;
  signal?: AbortSignal;
}

export interface CapturedAccount {
  area: LiveArea;
  cursor: ImapCursor;
  /** Nothing changed at all since the backup before. */
  unchanged: boolean;
  findings: Finding[];
}

/** Passes over folders that changed meanwhile, after which what moves about is taken as {@link Account.settleMoving} does. */
const PASSES = 10;
/** And so many while a message was seen that was gone again each time before it could be fetched. */
const MOST_PASSES = 50;

/** @throws MailrecoverError `key` where the server does not let us in, `unreachable` */
export async function captureAccount(options: ImapCaptureOptions): Promise<CapturedAccount> {
  const line = new Line(options.source.account, options.signal);
  try {
    await line.connect();
    const account = new Account(options, line);
    await account.read();
    return await account.result();
  } finally {
    line.close();
  }
}

class Account {
  readonly #options: ImapCaptureOptions;
  readonly #journal: FetchJournal;
  readonly #findings: Finding[] = [];
  readonly #twins = new Map<string, { base: ByteString; message: LiveMessage }>();
  /** As the backup before knew them. */
  readonly #before = new Map<ByteString, FolderState>();
  #folders = new Map<ByteString, FolderState>();
  #listed: ServerFolder[] = [];
  readonly #line: Line;
  #pass = 0;
  /** When the messages were received that came up in a folder, and the pass that last saw one. */
  readonly #sighted = new Map<number, number>();

  constructor(options: ImapCaptureOptions, line: Line) {
    this.#options = options;
    this.#line = line;
    const { source, cursor, prior, dryRun, journal } = options;
    const of = cursorOf(source.account);
    this.#journal = new FetchJournal(dryRun ? undefined : journal, of);
    if (cursor?.of === of && prior !== undefined)
      for (const [dir, { kept = [], ...folder }] of Object.entries(cursor.folders)) {
        const messages = prior.dirs.get(dir)?.messages;
        if (messages !== undefined) this.#before.set(dir, { ...folder, messages, gone: new Set(kept) });
      }
    this.#folders = new Map(this.#before);
  }

  /** Reads until a look at all folders shows no change: then nothing was moved from one that was still to be read to one that was read. */
  async read(): Promise<void> {
    this.#learnTwins();
    // What an earlier pass read needs no second look at all flags.
    let { deep } = this.#options;
    for (let pass = 1; ; pass++) {
      this.#pass = pass;
      await this.#list();
      const changed = this.#listed.filter(({ dir, status }) => {
        const before = this.#folders.get(dir);
        return before === undefined || deep || !isUnchanged(before, status) || this.#isLost(before);
      });
      // Without counts of changes each folder would look changed for ever.
      if (changed.length === 0 || (pass > 1 && changed.every(({ dir, status }) => this.#looksSame(dir, status)))) {
        for (const [dir, state] of this.#folders)
          if (state.gone.size > 0)
            this.#folders.set(
              dir,
              without(state, (base) => state.gone.has(base)),
            );
        return;
      }
      if (pass > MOST_PASSES || (pass > PASSES && !this.#isElusive())) return this.#settleMoving();
      // From the other end each time: what wanders from folder to folder evades one of both.
      for (const folder of pass % 2 === 1 ? changed : changed.toReversed()) await this.#readOne(folder, deep);
      deep = false;
    }
  }

  /**
   * A mailbox that never comes to rest: no two folders were read at one moment. A message that was found in several places, as one that is
   * moved is, stays where it is now; one that went away and was found nowhere else stays, until the next backup does not find it either.
   */
  async #settleMoving(): Promise<void> {
    const places = new Map<string, { dir: ByteString; base: ByteString }[]>();
    for (const [dir, { messages }] of this.#folders)
      for (const [base, { sha, stat }] of messages) {
        const key = `${sha} ${stat.mtime}`;
        const held = places.get(key);
        if (held === undefined) places.set(key, [{ dir, base }]);
        else held.push({ dir, base });
      }
    const several = [...places.values()].filter((list) => list.length > 1);
    const there = new Map<ByteString, Set<number> | undefined>();
    for (const dir of new Set(several.flat().map((place) => place.dir))) there.set(dir, await this.#uidsIn(dir));
    const drop = new Set<string>();
    for (const list of several) {
      const isHere = ({ dir, base }: { dir: ByteString; base: ByteString }): boolean =>
        there.get(dir)?.has(partsOfName(base)?.uid ?? 0) === true;
      const absent = list.filter((place) => !isHere(place));
      // Where none is left, one stays.
      for (const { dir, base } of absent.length < list.length ? absent : absent.slice(1)) drop.add(`${dir}\0${base}`);
    }
    // Kept by the backup before already, and not seen anywhere since.
    const alone = (dir: ByteString, base: ByteString, mtime: number): boolean =>
      this.#before.get(dir)?.gone.has(base) === true && !this.#sighted.has(mtime / 1e6);
    for (const [dir, state] of this.#folders)
      if (state.gone.size > 0 || drop.size > 0)
        this.#folders.set(
          dir,
          without(
            state,
            (base) => drop.has(`${dir}\0${base}`) || (state.gone.has(base) && alone(dir, base, state.messages.get(base)?.stat.mtime ?? 0)),
          ),
        );
  }

  /** Whether the last pass saw a message of which no place has the bytes. */
  #isElusive(): boolean {
    const held = new Set<number>();
    for (const { messages } of this.#folders.values()) for (const { stat } of messages.values()) held.add(stat.mtime / 1e6);
    return [...this.#sighted].some(([received, pass]) => pass === this.#pass - 1 && !held.has(received));
  }

  async #uidsIn(dir: ByteString): Promise<Set<number> | undefined> {
    const path = this.#folders.get(dir)?.path;
    if (path === undefined) return undefined;
    return this.#line.working(path, async (client) => {
      const { exists } = await client.mailboxOpen(path, { readOnly: true });
      return exists === 0 ? new Set<number>() : uidsOf(client);
    });
  }

  async #list(): Promise<void> {
    const statusQuery = { messages: true, uidNext: true, uidValidity: true, highestModseq: true };
    const list = await this.#line.patiently((client) => client.list({ statusQuery }));
    this.#listed = placeFolders(this.#line.client, list, this.#options.source.exclude);
    const there = new Set(this.#listed.map(({ dir }) => dir));
    for (const dir of this.#folders.keys()) if (!there.has(dir)) this.#folders.delete(dir);
  }

  async #readOne(folder: ServerFolder, deep: boolean): Promise<void> {
    const { read, dryRun, lost, signal } = this.#options;
    const state = await this.#line.working(folder.path, (client) =>
      readFolder(
        {
          client,
          read,
          journal: this.#journal,
          dryRun,
          twins: this.#twins,
          lost,
          findings: this.#findings,
          signal,
          onProgress: () => this.#line.progressed(),
          deep,
          onSighted: (received) => void this.#sighted.set(received, this.#pass),
        },
        folder,
        this.#folders.get(folder.dir),
      ),
    );
    if (state === undefined) this.#folders.delete(folder.dir);
    else this.#folders.set(folder.dir, state);
  }

  #looksSame(dir: ByteString, status: ServerFolder['status']): boolean {
    const before = this.#folders.get(dir);
    return (
      before !== undefined &&
      before.modseq === '' &&
      status?.messages === before.messages.size - before.gone.size &&
      status.uidNext === before.uidNext &&
      Number(status.uidValidity) === before.uidValidity
    );
  }

  #isLost({ messages }: FolderState): boolean {
    for (const { place } of messages.values()) if (this.#options.lost(place)) return true;
    return false;
  }

  #learnTwins(): void {
    const { capabilities } = this.#line.client;
    if (!capabilities.has('OBJECTID') && !capabilities.has('X-GM-EXT-1')) return;
    for (const { messages } of this.#before.values())
      for (const [base, message] of messages) {
        const key = identityKey(message.stat);
        if (key !== undefined) this.#twins.set(key, { base, message });
      }
  }

  async result(): Promise<CapturedAccount> {
    const { prior, cursor, source, read } = this.#options;
    const at = now() * 1000;
    const options = { read, at, of: cursorOf(source.account) };
    const area: LiveArea = { dirs: new Map() };
    const folders: Record<ByteString, FolderCursor> = {};
    // Clients show INBOX in any case, and the library calls it subscribed in any case.
    const subscribed = this.#listed.filter((folder) => folder.subscribed && folder.dir !== '').map(({ dir }) => dir);
    const sameNames = cursor !== undefined && subscribed.join('\0') === cursor.subscribed.join('\0');
    let unchanged = sameNames && this.#folders.size === this.#before.size && cursor.of === options.of;
    for (const [dir, state] of [...this.#folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { messages: _, gone, ...held } = state;
      const cursorNow: FolderCursor = { ...held, ...(gone.size === 0 ? {} : { kept: [...gone] }) };
      folders[dir] = cursorNow;
      const before = this.#before.get(dir);
      const old = prior === undefined || before === undefined || !sameFolder(before, state) ? undefined : oldDirs(prior, dir);
      const fresh = old === undefined || this.#lostFiles(old) ? await folderDirs(options, dir, state) : old;
      if (fresh !== old || JSON.stringify(cursorNow) !== JSON.stringify(cursor?.folders[dir])) unchanged = false;
      for (const [path, each] of fresh) area.dirs.set(path, each);
    }
    let top = area.dirs.get('');
    // An INBOX may be left out.
    top ??= {
      stat: prior?.dirs.get('')?.stat ?? madeStat(0o700, 0, at),
      settled: false,
      files: new Map(),
      links: new Map(),
      messages: new Map(),
    };
    const kept = sameNames ? prior?.dirs.get('')?.files.get('subscriptions') : undefined;
    const files = new Map(top.files);
    const topped = { ...top, files };
    area.dirs.set('', topped);
    if (kept !== undefined && !kept.parts.some(({ place }) => this.#options.lost(place))) files.set('subscriptions', kept);
    else await addFile(options, topped, 'subscriptions', subscriptions(subscribed));
    addParents(area, prior, at);
    return { area, cursor: { of: options.of, folders, subscribed }, unchanged, findings: [...this.#findings, ...this.#line.finding()] };
  }

  #lostFiles(dirs: readonly [ByteString, LiveDir][]): boolean {
    return dirs.some(([, { files }]) => [...files.values()].some(({ parts }) => parts.some(({ place }) => this.#options.lost(place))));
  }
}

function without(state: FolderState, isOut: (base: ByteString) => boolean): FolderState {
  const messages = new Map([...state.messages].filter(([base]) => !isOut(base)));
  return { ...state, messages, gone: new Set([...state.gone].filter((base) => messages.has(base))) };
}

/** Whether nothing of a folder changed that is kept in its directories. */
function sameFolder(a: FolderState, b: FolderState): boolean {
  if (a === b) return true;
  if (a.uidValidity !== b.uidValidity || a.uidNext !== b.uidNext || a.messages.size !== b.messages.size) return false;
  if (a.keywords.join('\0') !== b.keywords.join('\0')) return false;
  for (const [base, message] of b.messages) {
    const old = a.messages.get(base);
    if (old === undefined || old.flags !== message.flags || old.sha !== message.sha || old.place !== message.place) return false;
  }
  return true;
}

/** The directories of a folder as they were; undefined where one is missing. */
function oldDirs(prior: LiveArea, dir: ByteString): [ByteString, LiveDir][] | undefined {
  const dirs: [ByteString, LiveDir][] = [];
  for (const path of [dir, ...['cur', 'new', 'tmp'].map((name) => (dir === '' ? name : `${dir}/${name}`))]) {
    const live = prior.dirs.get(path);
    if (live === undefined) return undefined;
    dirs.push([path, live]);
  }
  return dirs;
}
