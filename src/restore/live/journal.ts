/** What a live restore was about to do, and how far it came: so that it can be taken up, and undone. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import { appendDurable, makeDirectory, writeDurable } from '../../system/files.ts';
import { parseIfWhole, textIfThere } from '../../system/kept.ts';
import { type LivePlan, mailboxesOf } from './model.ts';

/** One line of a run's log. Numbers are places in the plan. */
export type LogEntry =
  /** These messages lie ready beside the mailboxes; those named are lost. */
  | { did: 'staged'; batch: string; lost: string[] }
  /** A folder is about to be made. */
  | { did: 'creating'; mailbox: number; folder: number }
  /** Everything of a batch is where it belongs. */
  | { did: 'put'; batch: string; mailbox: number; folder: number }
  | ServedEntry
  | { did: 'done' }
  | { did: 'undoing' }
  | { did: 'undone' }
  | { did: 'released' };

/** Where something was done through Dovecot itself. */
interface ServedPlace {
  store: string;
  mailbox: string;
  /** IMAP name. */
  folder: string;
}

/** What stands in the log for mailboxes that are no Maildir. */
export type ServedEntry =
  /** A folder is about to be made. */
  | ({ did: 'making' } & ServedPlace)
  /** UIDs that are given from here on may be ours. */
  | ({ did: 'filling'; uidValidity: number; uidNext: number } & ServedPlace)
  /** These messages are about to be added. */
  | ({ did: 'adding'; messages: { key: string; flags: string[] }[] } & ServedPlace)
  /** They have these UIDs, in the same order; 0 for one that was not taken, null for one whose UID was not told. */
  | ({ did: 'added'; uids: (number | null)[] } & ServedPlace)
  /** These messages are about to get other flags, where they still have the ones that are named first. */
  | ({ did: 'reflagging'; changes: ServedFlags[] } & ServedPlace)
  /** Messages are about to be moved into this folder, which nothing else is put into. */
  | ({ did: 'aside'; to: string } & ServedPlace);

/** IMAP flags and keywords of one message, before and after. */
export interface ServedFlags {
  uid: number;
  from: string[];
  to: string[];
}

/** So many ended runs can be listed, and undone where that is possible. */
const KEPT = 20;

const ID = /^\d{8}-\d{6}-[0-9a-z]+$/;

function runsRoot(state: string): string {
  return join(state, 'live');
}

export class Run {
  readonly plan: LivePlan;
  readonly #log: string;
  readonly entries: LogEntry[];

  private constructor(directory: string, plan: LivePlan, entries: LogEntry[]) {
    this.#log = join(directory, 'log.jsonl');
    [this.plan, this.entries] = [plan, entries];
  }

  /** Writes a plan down, before anything is done; long finished ones are forgotten. */
  static async begin(state: string, plan: LivePlan): Promise<Run> {
    const ended = Run.all(state).filter((run) => run.isEnded);
    for (const { plan: old } of ended.slice(0, -KEPT)) rmSync(join(runsRoot(state), old.id), { recursive: true, force: true });
    const directory = join(runsRoot(state), plan.id);
    await makeDirectory(directory);
    await writeDurable(join(directory, 'plan.json'), JSON.stringify(plan));
    return new Run(directory, plan, []);
  }

  /** @returns undefined for a run that was killed before its plan was written: it did nothing */
  static read(state: string, id: string): Run | undefined {
    const directory = join(runsRoot(state), id);
    const text = textIfThere(join(directory, 'plan.json'));
    if (text === undefined) return undefined;
    const plan = parseIfWhole(text) as LivePlan | undefined;
    if (plan === undefined || plan.version !== 1)
      throw new MailrecoverError('damage', `the plan of live restore '${id}' can not be read`, { subject: directory });
    const lines = (textIfThere(join(directory, 'log.jsonl')) ?? '').split('\n');
    // The last line may be torn: what it says was not sure yet.
    const entries = lines.map((line) => parseIfWhole(line) as LogEntry | undefined).filter((entry) => entry !== undefined);
    return new Run(directory, plan, entries);
  }

  /** All runs, oldest first. */
  static all(state: string): Run[] {
    return namesIn(runsRoot(state))
      .filter((name) => ID.test(name))
      .sort()
      .map((id) => Run.read(state, id))
      .filter((run) => run !== undefined);
  }

  note(entry: LogEntry): void {
    // Begins with a line end: a torn line before it stays by itself.
    appendDurable(this.#log, `\n${JSON.stringify(entry)}\n`);
    this.entries.push(entry);
  }

  has(did: LogEntry['did']): boolean {
    return this.entries.some((entry) => entry.did === did);
  }

  get state(): 'interrupted' | 'done' | 'half undone' | 'undone' | 'released' {
    if (this.has('undone')) return 'undone';
    if (this.has('released')) return 'released';
    if (this.has('undoing')) return 'half undone';
    return this.has('done') ? 'done' : 'interrupted';
  }

  /** Whether nothing lies aside for it any more, and nothing is left to be done. */
  get isEnded(): boolean {
    if (this.state === 'undone' || this.state === 'released') return true;
    return this.state === 'done' && mailboxesOf(this.plan).every(({ folders }) => folders.every(({ removals }) => removals.length === 0));
  }

  /** What was lost of a batch, or undefined where it is not staged yet. */
  lostOf(batch: string): ReadonlySet<string> | undefined {
    const entry = this.entries.find((each) => each.did === 'staged' && each.batch === batch);
    return entry?.did === 'staged' ? new Set(entry.lost) : undefined;
  }

  /** Base names of all messages that are lost. */
  get lost(): ReadonlySet<string> {
    return new Set(this.entries.flatMap((entry) => (entry.did === 'staged' ? entry.lost : [])));
  }

  wasPut(batch: string, mailbox: number, folder: number): boolean {
    return this.entries.some((each) => each.did === 'put' && each.batch === batch && each.mailbox === mailbox && each.folder === folder);
  }

  created(mailbox: number, folder: number): boolean {
    return this.entries.some((each) => each.did === 'creating' && each.mailbox === mailbox && each.folder === folder);
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'list', directory);
  }
}
