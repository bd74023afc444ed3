/** Writing mailboxes of this host, as long as it is the standby: all that a synchronisation changes is changed here, and nowhere else. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { Handles } from '../../restore/live/aside.ts';
import { controlPath, LiveReader } from '../../restore/live/look.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import { controlDir } from '../../store/maildir/layout.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { isoNow, monotonic, now, sleep } from '../../system/clock.ts';
import { run } from '../../system/exec.ts';
import { beginDial, endDial, lookAtDial } from '../dial/begin.ts';
import type { DialCounts, DialRequest } from '../dial/model.ts';
import { noteAccounts } from '../accounts.ts';
import { noteAccepted } from '../ledger/store.ts';
import { applyPlan } from './apply.ts';
import { contentIn, overtaken } from './held.ts';
import { dropIndexes, givesOtherUids } from './indexes.ts';
import { noteLag } from './lag.ts';
import { leaveUids } from './leave-uids.ts';
import {
  messageKey,
  NOTHING,
  SYNCED_AREAS,
  type CommitOptions,
  type Ends,
  type FolderFacts,
  type Held,
  type MailboxCut,
  type MailboxName,
  type OwnedMailbox,
  type OwnerNames,
  type Piece,
  type Sink,
  type Taken,
  type TakeOver,
} from './model.ts';
import { lacksOwner, makeParents, makeRoot, ownerOf } from './owner.ts';
import { commitBox } from './box/commit.ts';
import { isSame } from './box/compare.ts';
import { dropLocks } from './box/locks.ts';
import { SyncLock } from './sync-lock.ts';
import { Watch } from './watch.ts';
import { areasOf, isBox, placeOf, syncPlaceOf, type MailboxPlace, type SyncStore } from './place.ts';
import { countPlan, isUidlist, planTakeOver, refusal, type TakeOverPlan } from './plan.ts';
import { printOf } from './print.ts';
import { boxPrintOf, readBoxMailbox, readMailbox } from './read-live.ts';
import { Staging } from './staging.ts';
import { hashOf, TakenStore } from './taken.ts';
import { lockUidlist } from './uidlock.ts';

export interface LiveSinkOptions {
  /** Directory of this host's state. */
  state: string;
  stores: readonly SyncStore[];
  /** The epoch that the writer carries. */
  epoch: number;
  /** The host that writes, by its name in the configuration. */
  from: string;
  /** Throws where that epoch is stale, or this host is the active one: asked before every batch of changes. */
  guard: () => Promise<void>;
  settle: number;
  /** Dovecot's configuration file, where it is not the usual one. */
  dovecot?: string | undefined;
  signal?: AbortSignal;
}

const LATELY_MS = 5000;
/** How long another synchronisation may take to see that it is no longer wanted. */
const OTHER_MS = 60_000;
const POLL_MS = 250;

interface Open {
  /** Of the state that was taken over last when the mailbox was opened. */
  number: number;
  owner: OwnerNames;
  place: MailboxPlace;
  staging: Staging;
  has: MailboxCut;
}

export function liveSink(options: LiveSinkOptions): Sink {
  const writer = new LiveSink(options);
  return {
    open: (name, whole) => writer.open(name, whole),
    async stage(name, piece, content) {
      writer.stage(name, piece, content);
    },
    commit: (cut, how, dsync) => (cut.box === undefined ? writer.commit(cut, how) : writer.commitBox(cut, how, dsync)),
    accept: (cut, number) => writer.accept(cut, number),
    leaveUids: () => writer.leaveUids(),
    dial: (request, dryRun) => writer.dial(request, dryRun),
    undial: (run) => writer.patiently(() => endDial(options, run)),
    quiet: () => writer.quiet(),
    note: (lag, all) => writer.locked(() => noteLag(options.state, lag, all)),
    // No lock and no guard: it changes no mail, and what an old host accepted is worth most when that serves no more.
    noteAccepted: (noted) => noteAccepted(options.state, options.from, noted),
    noteAccounts: (names) =>
      writer.locked(async () => {
        await options.guard();
        await noteAccounts(options.state, names);
      }),
  };
}

class LiveSink {
  readonly #options: LiveSinkOptions;
  readonly #taken: TakenStore;
  readonly #open = new Map<string, Open>();
  #guarded: number | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #lock: SyncLock;
  readonly #watch: Watch;

  constructor(options: LiveSinkOptions) {
    this.#options = options;
    this.#taken = new TakenStore(options.state);
    this.#lock = new SyncLock(options.state);
    this.#watch = new Watch(options.guard, options.signal);
  }

  /** One change at a time in this process, and none while another holds the lock. */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(() => this.#lock.held(work));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  leaveUids(): Promise<number> {
    const { stores, dovecot, signal } = this.#options;
    return this.patiently(() => leaveUids(stores, { dovecot, signal }));
  }

  quiet(): Promise<void> {
    return this.patiently(async () => undefined);
  }

  dial(request: DialRequest, dryRun: boolean): Promise<DialCounts> {
    return dryRun ? lookAtDial(this.#options, request) : this.patiently(() => beginDial(this.#options, request));
  }

  /** What another synchronisation has under way ends with its next look at the epoch; until then it is waited for. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    const { guard, signal } = this.#options;
    for (const until = monotonic() + OTHER_MS; ; await sleep(POLL_MS, signal)) {
      try {
        return await this.locked(async () => {
          await guard();
          return work();
        });
      } catch (error) {
        if (!(error instanceof MailrecoverError) || error.code !== 'locked' || monotonic() > until) throw error;
      }
    }
  }

  async open(name: OwnedMailbox, whole: boolean): Promise<Held> {
    await this.#guardLately();
    const place = syncPlaceOf(name, this.#options.stores);
    const taken = this.#taken.read(name);
    // A run that was cut off may have left locks of Dovecot's.
    if (isBox(place.format) && this.#taken.readNext(name) !== undefined) await this.#lock.held(async () => dropLocks(place));
    if (!whole && taken?.own !== undefined && taken.cut.print !== undefined && taken.own === this.#print(place))
      return { print: taken.cut.print, brief: true, messages: [], staged: [], files: [] };
    const { staging, has } = await this.#look(place, name.owner);
    const held: Held = {
      messages: has.messages.map(({ dir, base, size, mtime }) => [messageKey(dir, base), size, mtime]),
      staged: staging.messages,
      files: [...new Set([...has.files.map(({ sha }) => sha), ...staging.files])],
    };
    if (taken === undefined || this.#taken.readNext(name) !== undefined || !isSame(has, taken.cut)) return held;
    // What lies here is what was taken over: from now on its times say so, as soon as they are old enough.
    const own = this.#print(place);
    if (own !== undefined) await this.locked(() => this.#taken.write({ ...taken, own }));
    return taken.cut.print === undefined ? held : { ...held, print: taken.cut.print };
  }

  /** Nothing is changed here yet, and there may be very many mailboxes: what was found out a moment ago will do. */
  async #guardLately(): Promise<void> {
    if (this.#guarded !== undefined && monotonic() - this.#guarded < LATELY_MS) return;
    await this.#options.guard();
    this.#guarded = monotonic();
  }

  #print(place: MailboxPlace): string | undefined {
    const times = [() => now() * 1000, this.#options.settle * 1e6] as const;
    return isBox(place.format) ? boxPrintOf(place, ...times) : printOf(areasOf(place), ...times);
  }

  /** What lies on this host, and what lies ready for it. */
  async #look(place: MailboxPlace, owner: OwnerNames): Promise<Open> {
    const { store, mailbox } = place;
    const nothing: Held = { messages: [], staged: [], files: [] };
    const read = isBox(place.format)
      ? await readBoxMailbox(place, nothing, undefined, this.#options)
      : await readMailbox(place, areasOf(place), nothing, undefined, this.#options);
    const empty: MailboxCut = { store, mailbox, at: isoNow(), owner, dirs: [], files: [], links: [], messages: [] };
    const [problem] = typeof read === 'string' ? [] : read.findings.filter(({ severity }) => severity === 'error');
    if (problem !== undefined) throw new MailrecoverError('io', problem.message, { subject: displayBytes(mailbox) });
    const hash = hashOf(place);
    const staging = this.#open.get(hash)?.staging ?? new Staging(place.root, hash);
    const number = this.#taken.read(place)?.number ?? 0;
    const open = { number, owner, place, has: typeof read === 'string' ? empty : read.cut, staging };
    this.#open.set(hash, open);
    return open;
  }

  stage(name: MailboxName, piece: Piece, content: Uint8Array): void {
    const open = this.#open.get(hashOf(name));
    if (open === undefined) throw new MailrecoverError('bug', 'content came for a mailbox that is not open');
    const handles = new Handles();
    try {
      const { place, staging } = open;
      const parent = makeParents(place, 'mail', ownerOf({ ...name, owner: open.owner }, place), handles);
      handles.make(parent, staging.directory.slice(parent.length + 1));
      staging.put(handles, piece, content, piece.key === piece.sha);
    } finally {
      handles.close();
    }
  }

  async commit(cut: MailboxCut, how: CommitOptions): Promise<TakeOver> {
    return this.locked(async () => {
      await this.#options.guard();
      const opened = this.#open.get(hashOf(cut))?.number;
      // Looked at anew: whatever came since the mailbox was opened is not to be touched.
      const { place, staging, has } = await this.#look(placeOf(cut, this.#options.stores), cut.owner);
      const [taken, next] = [this.#taken.read(cut), this.#taken.readNext(cut)];
      if (opened !== undefined && opened !== (taken?.number ?? 0)) return { counts: NOTHING, findings: [overtaken(cut)] };
      if (cut.snapshot !== undefined && taken !== undefined && cut.at < taken.cut.at)
        return { counts: NOTHING, findings: [older(cut, taken)] };
      const plan = planTakeOver(
        has,
        cut,
        [taken, next].flatMap((each) => (each === undefined ? [] : [each.cut])),
      );
      const no = refusal(plan, has, how) ?? lacksOwner(cut, place);
      if (no !== undefined) return { counts: NOTHING, findings: [no] };
      if (how.dryRun) return { counts: countPlan(plan), findings: [] };
      const lacking = plan.adds.filter(({ dir, base, size, mtime }) => staging.message(messageKey(dir, base), size, mtime) === undefined);
      if (lacking.length > 0) return { counts: NOTHING, findings: [incomplete(cut, lacking.length)] };
      const record = { version: 1 as const, epoch: this.#options.epoch, number: (taken?.number ?? 0) + 1, cut };
      await this.#taken.begin({ ...record, folders: taken?.folders ?? [] });
      await this.#apply(cut, { number: 0, owner: cut.owner, place, staging, has }, plan);
      await this.#taken.write({ ...record, folders: foldersOf(place, cut) });
      this.#taken.discardNext(cut);
      staging.clear();
      this.#open.delete(hashOf(cut));
      return { counts: countPlan(plan), findings: [] };
    });
  }

  /** The same for a mailbox that Dovecot copies: several at once. */
  commitBox(cut: MailboxCut, how: CommitOptions, dsync: (() => Promise<Ends>) | undefined): Promise<TakeOver> {
    const hash = hashOf(cut);
    return this.#lock.held(() =>
      commitBox(
        {
          ...this.#options,
          taken: this.#taken,
          watch: this.#watch,
          opened: this.#open.get(hash)?.number,
          look: (place) => this.#look(place, cut.owner),
          done: () => void this.#open.delete(hash),
        },
        cut,
        how,
        dsync,
      ),
    );
  }

  async accept(cut: MailboxCut, number: number): Promise<Finding | undefined> {
    return this.locked(async () => {
      await this.#options.guard();
      const { place, has } = await this.#look(syncPlaceOf(cut, this.#options.stores), cut.owner);
      this.#open.delete(hashOf(cut));
      const { adds, renames, foreign, removes } = planTakeOver(has, cut, []);
      if (adds.length + renames.length + foreign.length + removes.length > 0) return changedMeanwhile(cut);
      const folders = cut.box === undefined ? foldersOf(place, cut) : [];
      await this.#taken.write({ version: 1, epoch: this.#options.epoch, number, cut, folders });
      return undefined;
    });
  }

  async #apply(cut: MailboxCut, { place, staging, has }: Open, plan: TakeOverPlan): Promise<void> {
    const { guard, signal } = this.#options;
    const handles = new Handles();
    const reader = new LiveReader();
    const locks: (() => void)[] = [];
    const owner = ownerOf(cut, place);
    // All of it now: a file that is read may be one that goes.
    const contents = new Map(plan.files.map(({ sha }) => [sha, contentIn(place, staging, has, sha)]));
    const dirs = controlDirs(place, plan);
    try {
      for (const area of SYNCED_AREAS)
        if (area === 'mail' || [...cut.dirs, ...cut.files, ...cut.links].some((each) => each.area === area))
          makeRoot(place, area, owner, handles);
      if (plan.adds.length > 0) await run('sync', ['-f', displayBytes(staging.directory)]).catch(() => run('sync', []));
      for (const dir of dirs) {
        const directory = controlPath(place, dir);
        if (lstatIfThere(directory) !== undefined) locks.push(await lockUidlist(directory, handles, signal));
      }
      const before = new Map(dirs.map((dir) => [dir, reader.uidlist(place, dir)]));
      await applyPlan({ place, plan, staging, owner, handles, contents, guard, aside: () => asideOf(place, cut, handles) });
      for (const [dir, old] of before) {
        const list = reader.uidlist(place, dir);
        if (old !== undefined && (list === undefined || givesOtherUids(old, list))) dropIndexes(place, dir, handles);
      }
    } finally {
      for (const release of locks) release();
      reader.close();
      handles.close();
    }
  }
}

/** Directories of folders in which something changes. */
function controlDirs({ layout }: MailboxPlace, { adds, renames, removes, foreign, files }: TakeOverPlan): ByteString[] {
  const dirs = new Set<ByteString>();
  for (const { dir } of [...adds, ...renames.map(({ to }) => to), ...removes, ...foreign]) dirs.add(dir);
  for (const { area, path } of files) {
    if (!isUidlist(path) || area === 'home') continue;
    const dir = path.slice(0, Math.max(0, path.length - '/dovecot-uidlist'.length));
    dirs.add(area === 'control' && dir === controlDir('', layout) ? '' : dir);
  }
  return [...dirs];
}

function changedMeanwhile({ mailbox }: MailboxName): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'changed-meanwhile',
    message: `mailbox '${subject}' of the old host changed while it was merged`,
    hint: 'see that its mail services are stopped there, and run it again',
    subject,
  };
}

function older({ mailbox, at }: MailboxCut, taken: Taken): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'info',
    code: 'newer-on-standby',
    message: `mailbox '${subject}' is of ${taken.cut.at} on the standby already, which is later than the snapshot of ${at}; it stays`,
    subject,
  };
}

function incomplete({ mailbox }: MailboxName, lacking: number): Finding {
  const subject = displayBytes(mailbox);
  return {
    severity: 'error',
    code: 'not-synced',
    message: `${lacking} messages of mailbox '${subject}' did not come over; it was left as it is`,
    hint: 'run it again',
    subject,
  };
}

/** A directory beside the mailbox for what is set aside; it stays. */
function asideOf(place: MailboxPlace, cut: MailboxCut, handles: Handles): ByteString {
  const parent = place.root.slice(0, Math.max(1, place.root.lastIndexOf('/')));
  return handles.make(parent, `.mailrecover-aside-${hashOf(cut)}`);
}

/** What the lists of UIDs and keywords say once they are written. */
function foldersOf(place: MailboxPlace, cut: MailboxCut): FolderFacts[] {
  const reader = new LiveReader();
  try {
    const dirs = new Set(
      cut.dirs.filter(({ area, path }) => area === 'mail' && (path === 'cur' || path.endsWith('/cur'))).map(({ path }) => path),
    );
    return Array.from(dirs, (path): FolderFacts => {
      const dir = path.slice(0, Math.max(0, path.length - '/cur'.length));
      const { uidValidity = 0, nextUid = 0, guid } = reader.uidlist(place, dir) ?? {};
      return { dir, uidValidity, nextUid, ...(guid === undefined ? {} : { guid }), keywords: [...reader.keywords(place, dir)] };
    });
  } finally {
    reader.close();
  }
}
