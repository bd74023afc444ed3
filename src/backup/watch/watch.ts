/** Continuous backup: messages are stored as they come, and a snapshot is made every interval. */
import type { Finding } from '../../errors/finding.ts';
import { monotonic, now } from '../../system/clock.ts';
import { isNetworkFileSystem } from '../../system/file-system.ts';
import type { BackupOptions } from '../options.ts';
import type { BackupReport } from '../report.ts';
import { Bell } from './bell.ts';
import { Changes } from './changes.ts';
import { isWatched, listMailboxes, namesOf, rootsOf, type Mailboxes } from './mailboxes.ts';
import { Scanner } from './scan.ts';
import { Stage } from './stage.ts';
import { Tree, type TreeEvents } from './tree.ts';
import { isCode, isPassing, notMade, notStored, notWatched, noWatches, onNetwork } from './trouble.ts';

export interface WatchOptions {
  /** How snapshots are made. */
  backup: BackupOptions;
  /** Milliseconds between two snapshots. */
  intervalMs: number;
  /** Milliseconds that a new message waits for others before it is stored. */
  delayMs: number;
  /** Milliseconds after which a snapshot looks at all mailboxes, also at those that made no event. */
  fullMs: number;
  /** Milliseconds between two scans where there are no events. */
  scanMs: number;
  /** Scan from the beginning. */
  scan: boolean;
  /** Makes one snapshot: the engine, or what also writes it into the history. */
  snapshot(options: BackupOptions): Promise<BackupReport>;
  /** Everything that is there is watched. */
  onReady(watched: number): Promise<void>;
  /** What there is to tell while it runs. */
  onFinding(finding: Finding): void;
  signal: AbortSignal;
}

export interface WatchReport {
  snapshots: number;
  /** Messages that were stored before a snapshot named them. */
  messages: number;
  bytesStored: number;
  /** Snapshots that did not come about. */
  failures: number;
  scanning: boolean;
}

/** Storing takes at most an eleventh of the time, and so does scanning: the pause after it is so many times as long. */
const PAUSE_FACTOR = 10;
/** Clocks of file systems lag behind a little, and a snapshot begins before it reads. */
const MARGIN_MS = 60_000;
const RETRY_MS = 30_000;
/** When mailboxes are looked for after one came or went: what is made together is seldom all there at once. */
const REFRESHES_MS = [500, 3000, 30_000];
/** How long the last snapshot may take when it is told to stop. */
const LAST_MS = 20_000;

/**
 * Runs until the signal comes; then stores what waits, makes a last snapshot if there is time, and ends.
 * @throws MailrecoverError where the first snapshot fails for a reason that does not pass: no repository, a wrong key, a wrong configuration
 */
export async function watch(options: WatchOptions): Promise<WatchReport> {
  return new Watch(options).run();
}

class Watch {
  readonly #options: WatchOptions;
  readonly #changes = new Changes();
  readonly #bell = new Bell();
  readonly #stage: Stage;
  readonly #report: WatchReport;
  #mailboxes: Mailboxes = new Map();
  #tree: Tree | undefined;
  #scanner: Scanner | undefined;
  #failure: { code: string; path: string } | undefined;
  /** Messages born before this lie in a snapshot: those that came before the watches did come with the first one. */
  #since = now() - MARGIN_MS;
  #nextSnapshot = monotonic();
  #nextFull = monotonic();
  #nextStage = 0;
  #nextScan = Infinity;
  /** When mailboxes are to be looked for again. */
  #refreshes: number[] = [];

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#stage = new Stage(options.backup);
    this.#report = { snapshots: 0, messages: 0, bytesStored: 0, failures: 0, scanning: false };
  }

  async run(): Promise<WatchReport> {
    const { signal, onReady } = this.#options;
    const onAbort = (): void => this.#bell.alarm();
    signal.addEventListener('abort', onAbort);
    try {
      await this.#begin();
      await onReady(this.#tree?.watched ?? 0);
      while (!signal.aborted) {
        await this.#step();
        const staging = this.#stagingAt();
        const next = Math.min(this.#nextSnapshot, this.#nextScan, this.#refreshes[0] ?? Infinity, staging);
        if (!signal.aborted && this.#failure === undefined) await this.#bell.wait(Math.max(1, next - monotonic()), staging === Infinity);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.#tree?.close();
    }
    await this.#end();
    return this.#report;
  }

  async #begin(): Promise<void> {
    const { backup, scan, signal } = this.#options;
    this.#mailboxes = await listMailboxes(backup.stores, signal);
    for (const store of backup.stores) if (!isWatched(store)) this.#options.onFinding(notWatched(store.name));
    const remote = [...this.#mailboxes.keys()].find((path) => isNetworkFileSystem(path));
    if (scan) await this.#scanFromNow();
    else if (remote !== undefined) await this.#scanFromNow(onNetwork(remote));
    else {
      this.#tree = new Tree(this.#events());
      await this.#tree.begin(rootsOf(backup.stores), this.#mailboxes.keys(), signal);
    }
  }

  #events(): TreeEvents {
    return {
      message: (mailbox, path) => {
        this.#changes.message(mailbox, path, monotonic());
        this.#bell.ring();
      },
      changed: (mailbox) => void this.#changes.changed.add(mailbox),
      structure: () => {
        this.#changes.everything = true;
        const at = monotonic();
        this.#refreshes = REFRESHES_MS.map((after) => at + after);
        this.#bell.alarm();
      },
      failed: (code, path) => {
        this.#failure ??= { code, path };
        this.#bell.alarm();
      },
    };
  }

  /** Gives up watching; mailboxes are scanned from here on. */
  async #scanFromNow(why?: Finding): Promise<void> {
    const { signal, onFinding, scanMs } = this.#options;
    await this.#tree?.close();
    this.#tree = undefined;
    this.#failure = undefined;
    this.#report.scanning = true;
    if (why !== undefined) onFinding(why);
    this.#scanner = new Scanner(this.#events());
    await this.#scanner.scan([...this.#mailboxes.keys()], signal);
    // What came in between is found by looking at everything once.
    this.#changes.everything = true;
    this.#nextScan = monotonic() + scanMs;
  }

  /** Does what is due. */
  async #step(): Promise<void> {
    const { signal, scanMs } = this.#options;
    if (this.#failure !== undefined) await this.#scanFromNow(noWatches(this.#failure));
    if (this.#scanner !== undefined && monotonic() >= this.#nextScan) {
      const begun = monotonic();
      await this.#scanner.scan([...this.#mailboxes.keys()], signal);
      this.#nextScan = monotonic() + Math.max(scanMs, PAUSE_FACTOR * (monotonic() - begun));
    }
    if (monotonic() >= (this.#refreshes[0] ?? Infinity)) {
      this.#refreshes.shift();
      await this.#refresh();
    }
    if (monotonic() >= this.#nextSnapshot) await this.#snapshot();
    if (monotonic() >= this.#stagingAt() && !signal.aborted) {
      const begun = monotonic();
      await this.#store();
      this.#nextStage = monotonic() + PAUSE_FACTOR * (monotonic() - begun);
    }
  }

  /** Looks which mailboxes there are now. */
  async #refresh(): Promise<void> {
    const { backup, signal } = this.#options;
    this.#mailboxes = await listMailboxes(backup.stores, signal);
    await this.#tree?.update(this.#mailboxes.keys(), signal);
  }

  /** When the messages that wait are stored, on the monotonic clock. */
  #stagingAt(): number {
    const { since } = this.#changes;
    return since === undefined ? Infinity : Math.max(since + this.#options.delayMs, this.#nextStage);
  }

  async #snapshot(): Promise<void> {
    const { backup, intervalMs, fullMs, signal, snapshot, onFinding } = this.#options;
    const at = monotonic();
    const begun = now();
    const taken = this.#changes.begin();
    // Where nothing changed, looking at everything costs a few stats a folder, and would find what made no event.
    const blind = !backup.stores.every(isWatched);
    const names = blind || taken.everything || at >= this.#nextFull ? undefined : namesOf(taken.changed, this.#mailboxes);
    try {
      const made = await snapshot({ ...backup, ...(names === undefined ? {} : { mailboxes: names }), signal });
      this.#report.snapshots++;
      this.#report.bytesStored += made.counts.bytesStored;
      this.#since = begun - MARGIN_MS;
      this.#nextSnapshot = at + intervalMs;
      if (names !== undefined) return;
      this.#nextFull = at + fullMs;
      await this.#refresh();
    } catch (error) {
      signal.throwIfAborted();
      this.#changes.failed(taken);
      this.#report.failures++;
      if (!isPassing(error) && this.#report.snapshots === 0) throw error;
      onFinding(notMade(error));
      // A mailbox that went is found by looking at all of them.
      if (isCode(error, 'not-found')) this.#changes.everything = true;
      this.#nextSnapshot = monotonic() + Math.min(intervalMs, RETRY_MS);
    }
  }

  /** Stores the messages that wait; where that fails they wait on. */
  async #store(): Promise<void> {
    const files = this.#changes.take();
    try {
      const staged = await this.#stage.store(files, this.#since);
      this.#changes.stored(files);
      this.#report.messages += staged.messages;
      this.#report.bytesStored += staged.stored;
      if (staged.messages > 0) this.#options.backup.progress.event('stored', { ...staged });
    } catch (error) {
      this.#changes.giveBack(files, monotonic());
      if (isCode(error, 'locked')) return;
      this.#options.onFinding(notStored(error));
      this.#changes.delay(monotonic() + RETRY_MS);
    }
  }

  /** Leaves nothing behind that can be helped. */
  async #end(): Promise<void> {
    if (this.#changes.isEmpty || this.#report.snapshots === 0) return;
    const { backup, snapshot } = this.#options;
    await this.#store();
    const { changed, everything } = this.#changes.begin();
    const names = everything ? undefined : namesOf(changed, this.#mailboxes);
    try {
      await snapshot({ ...backup, ...(names === undefined ? {} : { mailboxes: names }), signal: AbortSignal.timeout(LAST_MS) });
      this.#report.snapshots++;
    } catch {
      // What was stored stays, and the next run names it.
    }
  }
}
