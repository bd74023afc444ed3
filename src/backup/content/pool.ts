/** Reads and stores content: in this thread while there is little to do, in reading threads once there is much. */
import { Worker } from 'node:worker_threads';
import { MailrecoverError } from '../../errors/error.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import type { Recipient } from '../../repository/age/keys.ts';
import type { ReadOutcome, ReadRequest } from '../../store/live.ts';
import { release, tightenFor } from '../../system/memory.ts';
import { ClaimTable } from './claims.ts';
import { Ingest, type FreshPack } from './ingest.ts';
import { KnownEntries } from './known.ts';
import { packRequests, unpackOutcomes, type FromThread, type ThreadSetup, type ToThread } from './threads.ts';

/** Files read in this thread before another is started, beside which this one goes on listing. */
const INLINE_FILES = 128;
/** Files after which all threads are started. Starting one costs about as much as reading so many. */
const MANY_FILES = 1500;
const FIRST_CLAIMS = 65_536;
/** Megabytes for new objects in a thread: it makes hardly any. */
const YOUNG = 12;
/** Batches that a thread has before it, so that it never waits for this one. */
const AHEAD = 2;
/** Batches that wait for a thread, from which on this one reads some of them while it has nothing else to do: a pack more is worth that. */
const MANY_WAITING = 3;

export interface PoolOptions {
  threads: number;
  /** Whether there is much to read for sure: threads are started at once. */
  eager: boolean;
  secret: Buffer;
  recipients: readonly Recipient[] | undefined;
  readBack: boolean;
  knownTables: string[];
  lost: ReadonlySet<number>;
  /** Packs that are best stored at once; each is held in memory meanwhile. */
  storing: number;
  /** Stores a finished pack. Threads pause while more than a few are being stored. */
  onPack: (pack: FreshPack) => Promise<void>;
  onRead: (files: number, bytes: number) => void;
}

interface Job {
  /** Whose mail it is: a thread goes on with what it has begun, so that a mailbox lies in few packs. */
  group: string;
  requests: readonly ReadRequest[];
  resolve: (outcomes: ReadOutcome[]) => void;
  reject: (error: unknown) => void;
}

interface Thread {
  worker: Worker;
  /** Groups of the jobs it got. */
  groups: Set<string>;
  jobs: Map<number, Job>;
  /** Whether it has started: that takes as long as listing some mailboxes. */
  ready: boolean;
  flushed?: () => void;
}

export class ContentPool {
  readonly #options: PoolOptions;
  readonly #inline: Ingest;
  readonly #known: KnownEntries;
  readonly #queue: Job[] = [];
  readonly #threads: Thread[] = [];
  readonly #storing = new Set<Promise<void>>();
  #claims = ClaimTable.create(FIRST_CLAIMS);
  #growing = false;
  #files = 0;
  #expected = false;
  #helping = false;
  #nextId = 0;
  #failure: unknown;
  #bytesRead = 0;
  #otherBytesRead = 0;
  readonly #stored = { messages: 0, odd: 0 };

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#known = new KnownEntries(options.knownTables, options.lost);
    this.#inline = new Ingest(
      { ...options, thread: 0, hard: options.eager, known: this.#known, onPack: (pack) => this.#take(pack) },
      this.#claims,
    );
    this.#startThreads();
  }

  /** Bytes that were read so far: of messages, and of all other files. */
  get bytes(): { bytesRead: number; otherBytesRead: number } {
    const { bytesRead, otherBytesRead } = this.#inline.counts;
    return { bytesRead: this.#bytesRead + bytesRead, otherBytesRead: this.#otherBytesRead + otherBytesRead };
  }

  /** Messages that were stored, and how many of them can't be mail. */
  get stored(): { messages: number; odd: number } {
    const { messagesStored, oddStored } = this.#inline.counts;
    return { messages: this.#stored.messages + messagesStored, odd: this.#stored.odd + oddStored };
  }

  #take(pack: FreshPack): void {
    const storing = this.#options.onPack(pack).catch((error: unknown) => this.#fail(error));
    this.#storing.add(storing);
    void storing.then(() => {
      release(pack.bytes);
      this.#storing.delete(storing);
      this.#pump();
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const job of this.#queue.splice(0)) job.reject(this.#failure);
    for (const thread of this.#threads) {
      for (const job of thread.jobs.values()) job.reject(this.#failure);
      thread.jobs.clear();
      thread.flushed?.();
    }
  }

  /**
   * Reads files and stores what is new in them.
   * @param group what should lie together, such as a mailbox
   */
  read(group: string, requests: readonly ReadRequest[]): Promise<ReadOutcome[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#files += requests.length;
    tightenFor(this.#files);
    this.#startThreads();
    // Nobody waits for a thread that is only starting; but where much is to be read, one more pack under way would only cost memory and time.
    const waits = this.#options.eager || this.#expected || this.#threads.some(({ ready }) => ready);
    if (this.#threads.length === 0 || !waits) return this.#readInline(requests);
    return new Promise((resolve, reject) => {
      this.#queue.push({ group, requests, resolve, reject });
      this.#pump();
      this.#help();
    });
  }

  /** Reads in this thread what waits for others, once there is nothing else to do here, and a processor for it. */
  #help(): void {
    const { eager, threads } = this.#options;
    if (this.#helping || eager || this.#threads.length >= threads || this.#queue.length < MANY_WAITING) return;
    this.#helping = true;
    setImmediate(() => {
      this.#helping = false;
      if (this.#failure !== undefined || this.#queue.length < MANY_WAITING) return;
      // What came last is what a thread would come to last.
      const job = this.#queue.pop();
      if (job === undefined) return;
      this.#readInline(job.requests)
        .then(job.resolve, job.reject)
        .finally(() => this.#help());
    });
  }

  /** There will be enough to read for a thread: it starts while this one still lists. */
  expect(): void {
    this.#expected = true;
    this.#startThreads();
  }

  /** Starts as many threads as there is reading for. */
  #startThreads(): void {
    const { threads, eager } = this.#options;
    const one = this.#expected || this.#files > INLINE_FILES ? 1 : 0;
    const wanted = eager || this.#files > MANY_FILES ? threads : Math.min(threads, one);
    while (this.#threads.length < wanted) this.#startThread();
  }

  async #readInline(requests: readonly ReadRequest[]): Promise<ReadOutcome[]> {
    if (this.#claims.crowded && this.#atRest) this.#growClaims();
    const before = totalOf(this.#inline.counts);
    const outcomes = this.#inline.readAll(requests);
    this.#options.onRead(requests.length, totalOf(this.#inline.counts) - before);
    // That a thread has started is heard only where this one pauses.
    if (this.#threads.length > 0) await new Promise((resolve) => setImmediate(resolve));
    // Packs go out while the next files are read, but not faster than they can be stored.
    while (this.#storing.size >= Math.max(2, this.#options.storing)) await Promise.race(this.#storing);
    if (this.#failure !== undefined) throw this.#failure;
    return outcomes;
  }

  #startThread(): void {
    const { secret, recipients, readBack, eager, knownTables, lost } = this.#options;
    const setup: ThreadSetup = {
      thread: this.#threads.length + 1,
      secret,
      recipients: recipients?.map((recipient) => recipient.text),
      readBack,
      hard: eager,
      knownTables,
      lost: [...lost],
      claims: this.#claims.memory,
    };
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'cjs';
    const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
      workerData: setup,
      stdout: false,
      stderr: false,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    });
    const state: Thread = { worker, groups: new Set(), jobs: new Map(), ready: false };
    worker.on('message', (message: FromThread) => this.#hear(state, message));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => {
      if (code !== 0)
        this.#fail(new MailrecoverError('failed', 'a reading thread died', { hint: 'is the host out of memory? run the backup again' }));
    });
    this.#threads.push(state);
  }

  #hear(thread: Thread, message: FromThread): void {
    if (message.type === 'pack') {
      const bytes = Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength);
      this.#take({ place: message.place, name: message.name, bytes, tags: Buffer.from(message.tags), raw: message.raw });
    } else if (message.type === 'ready') thread.ready = true;
    else if (message.type === 'flushed') thread.flushed?.();
    else if (message.type === 'error')
      this.#fail(
        new MailrecoverError(message.code as ErrorCode, message.message, message.hint === undefined ? {} : { hint: message.hint }),
      );
    else {
      const job = thread.jobs.get(message.id);
      thread.jobs.delete(message.id);
      this.#bytesRead += message.bytesRead;
      this.#otherBytesRead += message.otherBytesRead;
      this.#stored.messages += message.messages;
      this.#stored.odd += message.odd;
      if (job !== undefined) {
        this.#options.onRead(job.requests.length, totalOf(message));
        job.resolve(unpackOutcomes(message.outcomes));
      }
      this.#pump();
    }
  }

  /** Hands queued work to threads that have room for it. */
  #pump(): void {
    if (this.#claims.crowded) this.#growing = true;
    if (this.#growing) {
      if (!this.#atRest) return;
      this.#growClaims();
      this.#growing = false;
    }
    if (this.#storing.size >= Math.max(this.#threads.length + 1, this.#options.storing)) return;
    for (let room = 0; room < AHEAD; room++) {
      for (const thread of this.#threads) {
        if (thread.jobs.size > room) continue;
        const job = this.#next(thread);
        if (job === undefined) return;
        thread.groups.add(job.group);
        const id = this.#nextId++;
        thread.jobs.set(id, job);
        thread.worker.postMessage({ type: 'read', id, ...packRequests(job.requests) } satisfies ToThread);
      }
    }
  }

  /** Whether no thread claims: only then the table may be replaced. */
  get #atRest(): boolean {
    return this.#threads.every(({ jobs }) => jobs.size === 0);
  }

  /** To be called only while {@link #atRest}. */
  #growClaims(): void {
    this.#inline.claims = this.#claims = this.#claims.grown();
    for (const { worker } of this.#threads) worker.postMessage({ type: 'claims', claims: this.#claims.memory } satisfies ToThread);
  }

  /** What a thread should do next: more of what it has begun, so that this is done with; else what no other has begun, else anything. */
  #next(thread: Thread): Job | undefined {
    let at = this.#queue.findIndex((job) => thread.groups.has(job.group));
    if (at < 0) at = this.#queue.findIndex((job) => !this.#threads.some((other) => other.groups.has(job.group)));
    return this.#queue.splice(Math.max(0, at), 1)[0];
  }

  /** Finishes all packs and waits until they are stored. */
  async flush(): Promise<void> {
    const flushed = this.#threads.map((thread) => {
      // One that was given nothing to read has nothing to finish, and may still be starting.
      if (this.#failure !== undefined || thread.groups.size === 0) return Promise.resolve();
      return new Promise<void>((resolve) => {
        thread.flushed = resolve;
        thread.worker.postMessage({ type: 'flush' } satisfies ToThread);
      });
    });
    // What is left in this thread is packed while the others do the same.
    this.#inline.flush();
    await Promise.all(flushed);
    await Promise.all(this.#storing);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the threads, closes what is open and lets go of memory; to be called in any case, and as often as one likes. */
  async close(): Promise<void> {
    this.#known.close();
    this.#inline.claims = this.#claims = ClaimTable.create(1);
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }
}

function totalOf({ bytesRead, otherBytesRead }: { bytesRead: number; otherBytesRead: number }): number {
  return bytesRead + otherBytesRead;
}
