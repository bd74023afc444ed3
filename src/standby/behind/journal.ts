/** How far the history of mailboxes is back: a plan, and a log with a line for everything that is done, each on the disk before the next. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import { appendDurable, makeDirectory, writeDurable } from '../../system/files.ts';
import { parseIfWhole, textIfThere } from '../../system/kept.ts';
import { costOf } from './order.ts';
import { unitKey, type BehindEntry, type BehindPlan, type Unit } from './model.ts';

const KEPT = 5;
const ID = /^\d{8}-\d{6}-[0-9a-z]+$/;

function folderOf(state: string): string {
  return join(state, 'behind');
}

export class BehindRun {
  readonly plan: BehindPlan;
  readonly #log: string;
  readonly #served = new Set<string>();
  readonly #staged = new Map<string, string[]>();
  readonly #lifted = new Map<string, { floor: number; uidValidity: number }>();
  readonly #lifting = new Map<string, number>();
  readonly #complete = new Set<number>();
  #done = false;
  readonly #pace = { cost: 0, milliseconds: 0 };

  private constructor(directory: string, plan: BehindPlan, entries: readonly BehindEntry[]) {
    [this.plan, this.#log] = [plan, join(directory, 'log.jsonl')];
    for (const entry of entries) this.#take(entry);
  }

  /** Writes a plan down before anything is done; old ones that have ended are forgotten. */
  static async begin(state: string, plan: BehindPlan): Promise<BehindRun> {
    const ended = BehindRun.all(state).filter((run) => run.isDone);
    for (const { plan: old } of ended.slice(0, -KEPT)) rmSync(join(folderOf(state), old.id), { recursive: true, force: true });
    const directory = join(folderOf(state), plan.id);
    await makeDirectory(directory);
    await writeDurable(join(directory, 'plan.json'), JSON.stringify(plan));
    return new BehindRun(directory, plan, []);
  }

  /** All runs, oldest first. */
  static all(state: string): BehindRun[] {
    let names: string[];
    try {
      names = readdirSync(folderOf(state));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw ioError(error, 'list', folderOf(state));
    }
    return names
      .filter((name) => ID.test(name))
      .sort()
      .flatMap((name) => BehindRun.#read(join(folderOf(state), name)) ?? []);
  }

  /** The one that has not ended, where there is one. */
  static open(state: string): BehindRun | undefined {
    return BehindRun.all(state).findLast((run) => !run.isDone);
  }

  static #read(directory: string): BehindRun | undefined {
    const text = textIfThere(join(directory, 'plan.json'));
    // Killed before its plan was written, it did nothing.
    if (text === undefined) return undefined;
    const plan = parseIfWhole(text) as BehindPlan | undefined;
    if (plan?.version !== 1)
      throw new MailrecoverError('damage', `'${join(directory, 'plan.json')}' can not be read`, {
        hint: 'move that directory away; what is back stays, and the next run does the rest',
        subject: directory,
      });
    // The last line may be torn: what it says was not sure yet.
    const lines = (textIfThere(join(directory, 'log.jsonl')) ?? '').split('\n');
    return new BehindRun(
      directory,
      plan,
      lines.flatMap((line) => (parseIfWhole(line) as BehindEntry | undefined) ?? []),
    );
  }

  note(entry: BehindEntry): void {
    // Begins with a line end: a torn line before it stays by itself.
    appendDurable(this.#log, `\n${JSON.stringify(entry)}\n`);
    this.#take(entry);
  }

  #take(entry: BehindEntry): void {
    if (entry.did === 'served') {
      this.#pace.cost += costOf(entry);
      this.#pace.milliseconds += entry.milliseconds;
    }
    if (entry.did === 'done') this.#done = true;
    else if (entry.did === 'complete') this.#complete.add(entry.mailbox);
    else if (entry.did === 'staged') this.#staged.set(unitKey(entry), entry.lost);
    else if (entry.did === 'lifting') this.#lifting.set(unitKey(entry), entry.floor);
    else if (entry.did === 'lifted') this.#lifted.set(unitKey(entry), entry);
    else this.#served.add(unitKey(entry));
  }

  /** What was brought back, and how long that took. */
  get pace(): { cost: number; milliseconds: number } {
    return this.#pace;
  }

  /** How many mailboxes have all of their history. */
  get completed(): number {
    return this.#complete.size;
  }

  get isDone(): boolean {
    return this.#done;
  }

  /** Whether a folder has its history. */
  isServed(unit: Unit): boolean {
    return this.#served.has(unitKey(unit));
  }

  isComplete(mailbox: number): boolean {
    return this.#complete.has(mailbox);
  }

  /** Base names that are lost, or undefined where nothing lies ready yet. */
  lostOf(unit: Unit): readonly string[] | undefined {
    return this.#staged.get(unitKey(unit));
  }

  lifted(unit: Unit): { floor: number; uidValidity: number } | undefined {
    return this.#lifted.get(unitKey(unit));
  }

  liftingTo(unit: Unit): number | undefined {
    return this.#lifting.get(unitKey(unit));
  }
}
