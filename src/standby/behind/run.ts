/** Bringing history back behind new mail, folder by folder. It can be killed anywhere, and is taken up from its journal. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { inParallel } from '../../repository/in-parallel.ts';
import { Handles } from '../../restore/live/aside.ts';
import { Doveadm, type DovecotAccess } from '../../restore/live/doveadm.ts';
import { LiveReader } from '../../restore/live/look.ts';
import { BaseNames } from '../../restore/live/names.ts';
import { displayBytes } from '../../store/bytes.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { isoNow, monotonic, now } from '../../system/clock.ts';
import { placesAside } from '../dial/move.ts';
import { noteDial, type Dial } from '../dial/record.ts';
import { placeOf, type MailboxPlace, type SyncStore } from '../sync/place.ts';
import { complete } from './complete.ts';
import { folderHistory, snapshotMailbox, type SnapshotMailbox } from './history.ts';
import type { BehindRun } from './journal.ts';
import { lift } from './lift.ts';
import type { BehindFolder, Unit } from './model.ts';
import { batchesOf, timesLeft, unitsInOrder } from './order.ts';
import { stage, stagedAt, type StageOptions, type ToStage } from './stage.ts';
import { swap } from './swap.ts';

export interface BehindOptions extends StageOptions {
  /** Directory of this host's state. */
  state: string;
  run: BehindRun;
  stores: readonly SyncStore[];
  dial: Dial | undefined;
  dovecot: DovecotAccess;
  /** Throws where this host does not serve any more: asked before each batch. */
  guard: () => Promise<void>;
  /** Whether all mailboxes of the snapshot are in the plan. */
  whole: boolean;
  /** Told whenever a mailbox has all of its history. */
  onMailbox: (done: { mailbox: string; messages: number; left: number; secondsLeft: number | undefined }) => void;
}

export interface BehindReport {
  counts: { folders: number; messages: number; bytes: number; present: number; failed: number };
  /** Milliseconds until the first folder had its history. */
  firstMs?: number;
  findings: Finding[];
}

/** Mailboxes that get a folder at the same time: most of it is waiting for doveadm. */
const AT_ONCE = 4;
/** How long is left is computed anew so often. */
const TIMES_EVERY_MS = 2000;

/** Errors that are no folder's own: with them it makes no sense to go on. */
const OF_ALL = new Set(['refused', 'locked', 'no-space', 'bug', 'key', 'no-repository', 'repository-format']);

/** @throws MailrecoverError where it can't go on at all: then it counts as interrupted */
export async function bringBack(options: BehindOptions): Promise<BehindReport> {
  const worker = new Behind(options);
  try {
    return await worker.all();
  } finally {
    worker.close();
  }
}

/** The folders of a plan that have no history yet, in their order. */
export function unitsLeft(run: BehindRun): Unit[] {
  return unitsInOrder(run.plan).filter((unit) => !run.isServed(unit));
}

/** What is brought back in a second, by what was; undefined where too little was to tell. */
export function paceOf(run: BehindRun): number | undefined {
  const { cost, milliseconds } = run.pace;
  return milliseconds === 0 ? undefined : (cost * 1000) / milliseconds;
}

class Behind {
  readonly #options: BehindOptions;
  readonly #reader = new LiveReader();
  readonly #doveadm: Doveadm;
  readonly #names = new BaseNames(now(), 'behind');
  readonly #report: BehindReport = { counts: { folders: 0, messages: 0, bytes: 0, present: 0, failed: 0 }, findings: [] };
  /** Mailboxes of the snapshot that were read last. */
  #stored = new Map<number, SnapshotMailbox>();
  readonly #failed = new Set<number>();
  readonly #begun = monotonic();
  #last = monotonic();
  #times: { at: number; secondsLeft: number | undefined } = { at: Number.NEGATIVE_INFINITY, secondsLeft: undefined };

  constructor(options: BehindOptions) {
    this.#options = options;
    this.#doveadm = new Doveadm(options.dovecot);
  }

  close(): void {
    this.#reader.close();
  }

  async all(): Promise<BehindReport> {
    const { run, progress, signal, guard } = this.#options;
    const units = unitsLeft(run);
    const total = { items: 0, bytes: 0 };
    for (const { messages, bytes } of units.filter((unit) => run.lostOf(unit) === undefined).map((unit) => this.#folder(unit)))
      [total.items, total.bytes] = [total.items + messages, total.bytes + bytes];
    progress.phase('bringing history back', total);
    for (const batch of batchesOf(run.plan, units)) {
      signal?.throwIfAborted();
      await guard();
      this.#stored = new Map([...this.#stored].filter(([mailbox]) => batch.some((unit) => unit.mailbox === mailbox)));
      const ready = await this.#stage(batch);
      // Folders of one mailbox one after the other: its clients log in again once more for each.
      await inParallel(Map.groupBy(ready, ({ unit }) => unit.mailbox).values(), AT_ONCE, async (folders) => {
        for (const each of folders) {
          signal?.throwIfAborted();
          await this.#tried(each.unit, () => this.#swap(each));
          await this.#ended(each.unit.mailbox);
        }
      });
    }
    for (const mailbox of run.plan.mailboxes.keys()) await this.#ended(mailbox);
    this.#end();
    return this.#report;
  }

  #folder({ mailbox, folder }: Unit): BehindFolder {
    const found = this.#options.run.plan.mailboxes[mailbox]?.folders[folder];
    if (found === undefined) throw new MailrecoverError('bug', 'a folder of the plan is not there');
    return found;
  }

  #place(number: number): MailboxPlace {
    const mailbox = this.#options.run.plan.mailboxes[number];
    if (mailbox === undefined) throw new MailrecoverError('bug', 'a mailbox of the plan is not there');
    return placeOf(mailbox, this.#options.stores);
  }

  async #mailbox(number: number): Promise<SnapshotMailbox> {
    let stored = this.#stored.get(number);
    if (stored === undefined) {
      const { store, mailbox } = this.#place(number);
      stored = await snapshotMailbox(this.#options.source, { store, mailbox });
      this.#stored.set(number, stored);
    }
    return stored;
  }

  /** What goes wrong with one folder or mailbox is told, and the others go on. */
  async #tried<T>({ mailbox, folder }: { mailbox: number; folder?: number }, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (!(error instanceof MailrecoverError) || OF_ALL.has(error.code)) throw error;
      this.#failed.add(mailbox);
      this.#report.counts.failed++;
      const plan = this.#options.run.plan.mailboxes[mailbox];
      const subject = displayBytes(plan?.mailbox ?? '');
      const name = folder === undefined ? undefined : plan?.folders[folder]?.name;
      this.#report.findings.push({
        severity: 'error',
        code: error.code,
        message: `${name === undefined ? `mailbox '${subject}'` : `folder '${name}' of '${subject}'`} has no history yet: ${error.message}`,
        hint: error.hint ?? 'run it again: it does what is left',
        subject,
      });
      return undefined;
    }
  }

  async #stage(batch: readonly Unit[]): Promise<ToStage[]> {
    const { run, source, dial } = this.#options;
    const all: ToStage[] = [];
    for (const unit of batch) {
      const one = await this.#tried(unit, async (): Promise<ToStage> => {
        const place = this.#place(unit.mailbox);
        const { dir, name } = this.#folder(unit);
        // Dovecot makes a mailbox that nobody has used yet.
        if (lstatIfThere(place.root) === undefined) await this.#doveadm.check(displayBytes(place.mailbox));
        const moved = dial?.asideOf(place);
        const aside = moved === undefined ? undefined : placesAside(place, moved.aside);
        return {
          unit,
          dir,
          name,
          place: this.#place(unit.mailbox),
          history: await folderHistory(source, await this.#mailbox(unit.mailbox), aside, dir),
        };
      });
      if (one !== undefined) all.push(one);
    }
    const fresh = all.filter(({ unit }) => run.lostOf(unit) === undefined);
    if (fresh.length > 0) {
      const handles = new Handles();
      const { lost, findings } = await stage(this.#options, run.plan.id, fresh, handles).finally(() => handles.close());
      this.#report.findings.push(...findings);
      for (const [at, { unit }] of fresh.entries()) run.note({ did: 'staged', ...unit, lost: lost[at] ?? [] });
    }
    return all.map((each) => {
      const lost = new Set(run.lostOf(each.unit));
      return { ...each, history: { ...each.history, messages: each.history.messages.filter(({ base }) => !lost.has(base)) } };
    });
  }

  async #swap(ready: ToStage): Promise<void> {
    const handles = new Handles();
    await this.#swapWith(ready, handles).finally(() => handles.close());
  }

  async #swapWith({ unit, dir, name, place, history }: ToStage, handles: Handles): Promise<void> {
    const { run, dial, progress, signal } = this.#options;
    const folder = { dir, name };
    const staged = stagedAt(place, run.plan.id, unit);
    const common = {
      place,
      folder,
      doveadm: this.#doveadm,
      reader: this.#reader,
      handles,
      ...(signal === undefined ? {} : { signal }),
    };
    for (;;) {
      const made = dial?.asideOf(place)?.folders.find((each) => each.dir === dir);
      const swapped = await swap({ ...common, history, staged, floor: run.lifted(unit) ?? made });
      if (swapped.result === 'lift') {
        const floor = Math.max(swapped.floor, run.liftingTo(unit) ?? 0);
        if (run.lifted(unit) !== undefined && floor <= (run.lifted(unit)?.floor ?? 0))
          throw new MailrecoverError('failed', 'its UIDs were given anew by somebody else', { hint: 'run it again' });
        run.note({ did: 'lifting', ...unit, floor });
        const uidValidity = await lift({ ...common, floor, names: this.#names });
        run.note({ did: 'lifted', ...unit, floor, uidValidity });
        continue;
      }
      const milliseconds = Math.max(1, Math.round(monotonic() - this.#last));
      this.#last = monotonic();
      if (swapped.result === 'present') {
        run.note({ did: 'present', ...unit });
        this.#report.counts.present++;
      } else {
        const { messages, bytes, findings } = swapped;
        run.note({ did: 'served', ...unit, at: isoNow(), messages, bytes, milliseconds });
        this.#report.firstMs ??= Math.round(monotonic() - this.#begun);
        this.#report.counts.folders++;
        this.#report.counts.messages += messages;
        this.#report.counts.bytes += bytes;
        this.#report.findings.push(...findings);
      }
      progress.event('folder', {
        mailbox: displayBytes(place.mailbox),
        folder: name,
        result: swapped.result,
        messages: history.messages.length,
      });
      return;
    }
  }

  /** Ends a mailbox of which no folder is left. */
  async #ended(number: number): Promise<void> {
    const { run, state, source, dial, progress, onMailbox } = this.#options;
    const mailbox = run.plan.mailboxes[number];
    if (mailbox === undefined || run.isComplete(number)) return;
    if (mailbox.folders.some((_, folder) => !run.isServed({ mailbox: number, folder }))) return;
    await this.#tried({ mailbox: number }, async () => {
      const { id } = run.plan;
      const stored = await this.#mailbox(number);
      this.#report.findings.push(
        ...(await complete({ state, source, dial, doveadm: this.#doveadm, id }, this.#place(number), stored, number)),
      );
      run.note({ did: 'complete', mailbox: number });
      const messages = mailbox.folders.reduce((sum, each) => sum + each.messages, 0);
      const done = { mailbox: displayBytes(mailbox.mailbox), messages, ...this.#left() };
      progress.event('mailbox', done);
      onMailbox(done);
    });
  }

  /** How many mailboxes have not all of their history, and how long that takes. */
  #left(): { left: number; secondsLeft: number | undefined } {
    const { run } = this.#options;
    const left = run.plan.mailboxes.length - run.completed;
    if (left === 0 || monotonic() - this.#times.at > TIMES_EVERY_MS)
      this.#times = { at: monotonic(), secondsLeft: [...timesLeft(run.plan, unitsLeft(run), paceOf(run)).values()].at(-1) };
    return { left, secondsLeft: this.#times.secondsLeft };
  }

  #end(): void {
    const { run, dial, state, whole } = this.#options;
    if ([...run.plan.mailboxes.keys()].some((number) => !run.isComplete(number))) return;
    if (dial !== undefined && whole && !dial.closed) noteDial(state, dial, { closed: true });
    run.note({ did: 'done' });
  }
}
