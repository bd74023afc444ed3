/** All orders in which processes can take, give back and take over a lock, and die while they do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLAIM, type Holder, type LockFiles, type Outcome, releaseSteps, takeSteps } from '../../src/system/lock-steps.ts';

/** A directory in memory. Each name stands for a file that is never changed. */
class Directory {
  readonly names = new Map<string, Holder>();
  readonly dead = new Set<number>();

  /** @param tell gets what each call found out */
  files(tell: (found: unknown) => void = () => undefined): LockFiles {
    const { names, dead } = this;
    const told = <T>(found: T): T => {
      tell(found);
      return found;
    };
    return {
      write: (suffix, holder) => void names.set(suffix, holder),
      link: (from, to) => {
        const file = names.get(from);
        if (file === undefined) return told(undefined);
        if (names.has(to)) return told(false);
        names.set(to, file);
        return told(true);
      },
      rename: (from, to) => {
        const file = names.get(from);
        if (file === undefined) return told(false);
        names.delete(from);
        names.set(to, file);
        return told(true);
      },
      remove: (suffix) => void names.delete(suffix),
      read: (suffix) => told(names.get(suffix)),
      isAlive: ({ pid }) => told(!dead.has(pid)),
      claims: () => told([...names.keys()].filter((name) => name.startsWith(CLAIM)).sort()),
    };
  }
}

function holder(pid: number, id = `id${pid}`): Holder {
  return { pid, start: '', since: '', what: '', id };
}

/** One process that takes the lock and gives it back, `times` times; it says when it holds it. */
class Process {
  readonly pid: number;
  readonly #directory: Directory;
  #steps: Generator<string, unknown>;
  /** All that it did and found out: two with the same past go on in the same way. */
  past = '';
  isInside = false;
  held = 0;

  constructor(directory: Directory, pid: number, times: number) {
    [this.#directory, this.pid] = [directory, pid];
    this.#steps = this.#run(times);
  }

  *#run(times: number): Generator<string, void> {
    const files = this.#directory.files((found) => (this.past += `${JSON.stringify(found)} `));
    for (let time = 0; time < times; time++) {
      const mine = holder(this.pid, `id${this.pid}.${time}`);
      const outcome: Outcome = yield* takeSteps(files, `.own${this.pid}`, mine);
      if (!outcome.taken) continue;
      this.isInside = true;
      this.held++;
      yield 'inside';
      this.isInside = false;
      yield* releaseSteps(files, mine);
    }
  }

  /** @returns whether there is more to do */
  step(): boolean {
    const { done, value } = this.#steps.next();
    this.past += `${String(value)} `;
    return done !== true;
  }

  /** A dead process does nothing more, not even tidy up. */
  die(): void {
    this.isInside = false;
    this.#steps = (function* (): Generator<string, void> {})();
    this.#directory.dead.add(this.pid);
  }
}

/** A lock that a dead process left, and perhaps the claim of another one that died while it took that over. */
function leftBehind(claimed: boolean): Directory {
  const directory = new Directory();
  directory.dead.add(100).add(101);
  directory.names.set('', holder(100));
  if (claimed) directory.names.set(`${CLAIM}id100`, holder(101));
  return directory;
}

/** Whatever became of the others: the next one gets it, and gives it back. */
function othersGetIt(directory: Directory, all: readonly Process[]): void {
  // While those that ended live on, as a program does that watches: what they left is in nobody's way.
  for (const alive of [true, false]) {
    if (!alive) for (const { pid } of all) directory.dead.add(pid);
    const next = new Process(directory, alive ? 50 : 51, 1);
    while (next.step());
    assert.equal(next.held, 1, 'nobody gets the lock any more');
    assert.ok(!directory.names.has(''), 'it was not given back');
  }
}

/** Runs processes in the order that `choose` gives; dies where it says so. */
function play(count: number, times: number, choose: (running: number) => number, dies: () => boolean): void {
  const directory = leftBehind(choose(2) === 1);
  const all = Array.from({ length: count }, (_, index) => new Process(directory, index + 1, times));
  let running = [...all];
  let steps = 0;
  while (running.length > 0) {
    const next = running[choose(running.length)];
    if (next === undefined) break;
    steps++;
    if (dies()) {
      next.die();
      running = running.filter((each) => each !== next);
      continue;
    }
    if (!next.step()) running = running.filter((each) => each !== next);
    assert.ok(all.filter(({ isInside }) => isInside).length <= 1, 'two hold the lock');
    assert.ok(steps < 10_000, 'it does not end');
  }
  othersGetIt(directory, all);
}

test('two processes, one of which may die, in every order: one holds it at a time, and the next one gets it', () => {
  for (const claimed of [false, true]) {
    const seen = new Set<string>();
    // Each order is a list of choices: who goes on, or (2) the first one dies. What leads to a state that was seen leads to nothing new.
    const orders: number[][] = [[]];
    for (let order = orders.pop(); order !== undefined; order = orders.pop()) {
      const directory = leftBehind(claimed);
      const both = [new Process(directory, 1, 2), new Process(directory, 2, 1)];
      const [first] = both;
      let ended = [false, false];
      for (const choice of order) {
        if (choice === 2) first?.die();
        else if (both[choice]?.step() === false || (choice === 0 && directory.dead.has(1))) ended = ended.with(choice, true);
      }
      if (directory.dead.has(1)) ended[0] = true;
      assert.ok(both.filter(({ isInside }) => isInside).length <= 1, 'two hold the lock');
      const state = JSON.stringify([
        Array.from(directory.names, ([name, { id }]) => `${name} ${id}`).sort(),
        [...directory.dead],
        both.map(({ past }) => past),
        ended,
      ]);
      if (seen.has(state)) continue;
      seen.add(state);
      if (ended.every(Boolean)) othersGetIt(directory, both);
      for (const choice of [0, 1, 2])
        if (choice === 2 ? !directory.dead.has(1) && ended[0] === false : ended[choice] === false) orders.push([...order, choice]);
    }
    assert.ok(seen.size > 1000, String(seen.size));
  }
});

test('up to five processes that die anywhere, in thousands of random orders', () => {
  let state = 20_201_120;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let round = 0; round < 20_000; round++)
    play(
      2 + Math.floor(random() * 4),
      1 + Math.floor(random() * 3),
      (of) => Math.floor(random() * of),
      () => random() < 0.04,
    );
});
