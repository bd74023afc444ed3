import assert from 'node:assert/strict';
import { cpSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { backup } from '../../../src/backup/backup.ts';
import type { Finding } from '../../../src/errors/finding.ts';
import { parseIdentityFile } from '../../../src/repository/age/identity-file.ts';
import { openRepository } from '../../../src/repository/repository.ts';
import { localTarget } from '../../../src/repository/targets/local.ts';
import { findMessages } from '../../../src/restore/look/find/find.ts';
import type { FindFilter, Match } from '../../../src/restore/look/find/search.ts';
import { DEFAULT_LAYOUT } from '../../../src/store/maildir/layout.ts';
import { silentProgress } from '../../../src/system/progress.ts';
import { Random } from '../../support/random.ts';
import { scratch } from '../../support/tmp.ts';
import { deliver, expunge, makePlace, pathOf, type Place } from './fixture.ts';
import { readFileSync } from 'node:fs';

/** A mail store with a memory: what lay where when each snapshot was made. */
class World {
  readonly place: Place;
  readonly #random = new Random('find');
  /** Base names by folder: `mailbox|folder`. */
  readonly #folders = new Map<string, Set<string>>();
  /** Subject by base; a copy has that of its original. */
  readonly #subjects = new Map<string, string>();
  /** What each snapshot held: `mailbox|folder|subject`, sorted. */
  readonly snapshots: { id: string; held: string[] }[] = [];
  #next = 0;

  constructor(place: Place) {
    this.place = place;
    for (const mailbox of ['ann@a.example', 'bob@a.example'])
      for (const folder of ['', '.Sent', '.Old.A']) this.#folders.set(`${mailbox}|${folder}`, new Set());
  }

  change(): void {
    for (let step = this.#random.int(13); step > 0; step--) {
      const key = this.#random.pick([...this.#folders.keys()]);
      const [mailbox = '', folder = ''] = key.split('|');
      const bases = this.#folders.get(key) ?? new Set<string>();
      const base = bases.size === 0 ? undefined : this.#random.pick([...bases]);
      const action = this.#random.int(10);
      if (action < 5 || base === undefined) this.#deliver(mailbox, folder, bases);
      else if (action < 7) {
        expunge(this.place, { mailbox, folder, base });
        bases.delete(base);
      } else this.#move(key, base, action === 9);
    }
  }

  #deliver(mailbox: string, folder: string, bases: Set<string>): void {
    const base = `178000${this.#next++}.M1P2.mx1`;
    const subject = `letter ${this.#next}`;
    deliver(this.place, { mailbox, folder, base, subject });
    bases.add(base);
    this.#subjects.set(base, subject);
  }

  #move(key: string, base: string, renamed: boolean): void {
    const [mailbox = '', folder = ''] = key.split('|');
    const target = this.#random.pick([...this.#folders.keys()].filter((other) => other.startsWith(`${mailbox}|`) && other !== key));
    const to = target.split('|')[1] ?? '';
    const name = renamed ? `178000${this.#next++}.M9P9.mx1` : base;
    deliver(this.place, { mailbox, folder: to, base: 'unused' });
    rmSync(pathOf(this.place, { mailbox, folder: to, base: 'unused' }));
    renameSync(pathOf(this.place, { mailbox, folder, base }), pathOf(this.place, { mailbox, folder: to, base: name }));
    this.#folders.get(key)?.delete(base);
    this.#folders.get(target)?.add(name);
    this.#subjects.set(name, this.#subjects.get(base) ?? '');
  }

  async backup(): Promise<void> {
    const { place } = this;
    const recipient = parseIdentityFile(readFileSync(place.identity, 'utf8'), '')[0]?.recipient.text ?? '';
    const report = await backup({
      target: localTarget(place.repository),
      stateRoot: place.state,
      keysRoot: join(place.root, 'etc'),
      host: 'mx1',
      stores: [{ name: 'mail', path: `${place.mail}/%d/%n/Maildir` }],
      recipients: [recipient],
      threads: 0,
      readBack: true,
      deep: true,
      deepEvery: 7,
      settle: 0,
      dryRun: false,
      trust: [],
      identities: [],
      tool: 'test',
      progress: silentProgress,
    });
    const held = [...this.#folders].flatMap(([key, bases]) => [...bases].map((base) => `${key}|${this.#subjects.get(base)}`));
    this.snapshots.push({ id: report.snapshot ?? '', held: held.sort() });
  }
}

async function find(place: Place, filter: Partial<FindFilter>, findings: Finding[] = []): Promise<Match[]> {
  const repository = await openRepository(localTarget(place.repository));
  const identities = parseIdentityFile(readFileSync(place.identity, 'utf8'), '');
  const options = { repository, identities, roots: [place.state], threads: 0, progress: silentProgress, findings };
  return (await findMessages(options, { limit: 0, ...filter }, () => DEFAULT_LAYOUT)).matches;
}

const FOLDERS: Record<string, string> = { INBOX: '', Sent: '.Sent', 'Old/A': '.Old.A' };

function told(matches: readonly Match[]): string[] {
  return matches.map(({ mailbox, folder, subject }) => `${mailbox}|${FOLDERS[folder]}|${subject}`).sort();
}

/** Compares what is found with what the world remembers. */
async function compare(world: World, kept: (index: number) => boolean = () => true): Promise<void> {
  const there = world.snapshots.filter((_, index) => kept(index));
  for (const { id, held } of there)
    assert.deepEqual(told(await find(world.place, { snapshot: id })), held, `in snapshot ${id.slice(0, 8)}`);

  const newest = there.at(-1);
  const all = await find(world.place, {});
  const nameOf = (line: string): string => line.replace(/\|[^|]*\|/, '|');
  const now = new Set(newest?.held.map(nameOf));
  const expected = new Set(newest?.held ?? []);
  // What is gone is told where it was last.
  for (const { held } of there.toReversed()) {
    const seen = new Set([...expected].map(nameOf));
    for (const line of held) if (!seen.has(nameOf(line))) expected.add(line);
  }
  assert.deepEqual(told(all), [...expected].sort());
  for (const match of all) {
    const line = `${match.mailbox}|${FOLDERS[match.folder]}|${match.subject}`;
    const last = there.findLast(({ held }) => held.includes(line));
    assert.equal(match.snapshot, last?.id, line);
    assert.equal(match.deletedAfter, now.has(nameOf(line)) ? undefined : last?.id, line);
  }
}

function indexDirectory(place: Place): string {
  const [id = ''] = readdirSync(place.state).filter((name) => /^[0-9a-f]{32}$/.test(name));
  return join(place.state, id, 'find');
}

test('the index follows every delivery, move and expunge', { timeout: 300_000 }, async () => {
  const world = new World(await makePlace(scratch('find')));
  for (let round = 0; round < 30; round++) {
    world.change();
    await world.backup();
    // Sometimes several snapshots are new at once.
    if (round % 3 === 0) await compare(world);
  }
  await compare(world);

  // Anew, all at once, comes out the same.
  rmSync(indexDirectory(world.place), { recursive: true });
  await compare(world);
});

test('a local state that was lost or rolled back makes no difference', { timeout: 300_000 }, async () => {
  const world = new World(await makePlace(scratch('find')));
  const saved = join(world.place.root, 'saved');
  const stateOf = (): string => indexDirectory(world.place).replace(/\/find$/, '');
  for (let round = 0; round < 8; round++) {
    world.change();
    await world.backup();
    await find(world.place, {});
    if (round === 2) cpSync(stateOf(), saved, { recursive: true, filter: (path) => !path.endsWith('/find') });
    if (round === 5) {
      for (const name of readdirSync(stateOf())) if (name !== 'find') rmSync(join(stateOf(), name), { recursive: true });
      cpSync(saved, stateOf(), { recursive: true });
    }
    if (round === 6) for (const name of readdirSync(stateOf())) if (name !== 'find') rmSync(join(stateOf(), name), { recursive: true });
  }
  await compare(world);
});

test('a damaged index is made anew', { timeout: 300_000 }, async () => {
  const world = new World(await makePlace(scratch('find')));
  for (let round = 0; round < 3; round++) {
    world.change();
    await world.backup();
  }
  await compare(world);
  for (const damage of ['cut', 'flip', 'remove', 'rubbish'] as const) {
    // Names change when it is made anew.
    for (let number = 0; number < readdirSync(indexDirectory(world.place)).length; number++) {
      const path = join(indexDirectory(world.place), readdirSync(indexDirectory(world.place))[number] ?? '');
      const bytes = readFileSync(path);
      if (bytes.length === 0) continue;
      if (damage === 'cut') truncateSync(path, bytes.length >> 1);
      else if (damage === 'remove') rmSync(path);
      else if (damage === 'rubbish') writeFileSync(path, 'rubbish');
      else {
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        writeFileSync(path, bytes);
      }
      await compare(world);
    }
  }
  // Something new on top of damage that no search has come across.
  for (const column of ['shas', 'bases', 'to']) {
    const name = readdirSync(indexDirectory(world.place)).find((each) => each.endsWith(`.${column}`)) ?? '';
    truncateSync(join(indexDirectory(world.place), name), 1);
    world.change();
    await world.backup();
    await compare(world);
  }
});

test('snapshots that were removed are forgotten, with the mail that only they held', { timeout: 300_000 }, async () => {
  const world = new World(await makePlace(scratch('find')));
  for (let round = 0; round < 10; round++) {
    world.change();
    await world.backup();
  }
  await compare(world);
  const removed = new Set<number>();
  const remove = (index: number): void => {
    const id = world.snapshots[index]?.id ?? '';
    const folder = join(world.place.repository, 'snapshots');
    for (const host of readdirSync(folder))
      for (const name of readdirSync(join(folder, host))) if (name.includes(id)) rmSync(join(folder, host, name));
    removed.add(index);
  };
  for (const batch of [[0, 1, 2], [5], [7, 4]]) {
    for (const index of batch) remove(index);
    await compare(world, (index) => !removed.has(index));
  }
  const gone = new Set(
    world.snapshots.filter((_, index) => removed.has(index)).flatMap(({ held }) => held.map((line) => line.split('|')[2] ?? '')),
  );
  for (const [index, { held }] of world.snapshots.entries())
    if (!removed.has(index)) for (const line of held) gone.delete(line.split('|')[2] ?? '');
  assert.ok(gone.size > 0);
  const text = readdirSync(indexDirectory(world.place))
    .map((name) => readFileSync(join(indexDirectory(world.place), name), 'latin1'))
    .join('');
  for (const subject of gone) assert.ok(!text.includes(`${subject}\n`), `'${subject}' is still in the index`);
  // The newest one removed, and another made.
  remove(9);
  await compare(world, (index) => !removed.has(index));
  world.change();
  await world.backup();
  await compare(world, (index) => !removed.has(index));
});
