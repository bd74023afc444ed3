import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LiveArea } from '../../../src/store/live.ts';
import { Random } from '../../support/random.ts';
import { rounds } from '../../support/soak.ts';
import { scratch } from '../../support/tmp.ts';
import { capture, type Captured, type Place, Server } from './server.ts';

const DIRS = ['', '.A', '.B'];
const AT_ONCE = 20;

/** A message from where it was at first, over copies and moves; the clock counts changes. */
interface Story {
  number: string;
  stays: { place: Place; since: number; until: number }[];
  /** How many messages are one file with it: then several names of that file may be theirs or its own, and none of them is given up. */
  family: { size: number };
}

/** Random changes by one server, one after the other, each at a moment that the reader offers. */
class Life {
  readonly server: Server;
  readonly stories: Story[] = [];
  clock = 0;
  /** When a message got its UID, and when the uidlist of a folder was read last. */
  readonly given = new Map<Place, number>();
  readonly listRead = new Map<string, number>();
  left: number;
  /** Changes so fast that the same message goes through several folders while one listing is made: nothing is lost, but more can't be asked. */
  readonly wild: boolean;
  readonly #random: Random;
  readonly #often: number;

  constructor(seed: string, server: Server, changes: number) {
    this.server = server;
    this.#random = new Random(seed);
    this.#often = this.#random.pick([0.02, 0.1, 0.4]);
    this.wild = this.#often > 0.1;
    this.left = changes;
    for (const dir of DIRS) server.folder(dir);
    for (let count = 0; count < 12; count++) this.#begin(server.append(this.#random.pick(DIRS)));
    for (let count = 0; count < 2; count++) this.#begin(server.deliver(this.#random.pick(DIRS)));
  }

  #begin(place: Place, family = { size: 0 }): void {
    family.size++;
    this.stories.push({ number: place.base, stays: [{ place, since: this.clock, until: Infinity }], family });
  }

  get places(): Place[] {
    return this.stories.flatMap(({ stays }) => stays.filter(({ until }) => until === Infinity).map(({ place }) => place));
  }

  /** Perhaps changes something. */
  tick(): void {
    if (this.left === 0 || !this.#random.chance(this.#often)) return;
    this.left--;
    this.clock++;
    const { server } = this;
    const random = this.#random;
    const story = random.pick(this.stories);
    const stay = story.stays.at(-1);
    const dice = random.float();
    if (dice < 0.12) return this.#begin(server.append(random.pick(DIRS)));
    if (dice < 0.2) return this.#begin(server.deliver(random.pick(DIRS)));
    if (dice < 0.22) return server.compact(random.pick(DIRS), this.places);
    if (stay === undefined || stay.until !== Infinity) return;
    const { place } = stay;
    if (place.where === 'new') {
      server.rename(place, 'cur', ':2,');
      if (place.uid === 0) {
        server.give(place);
        this.given.set(place, this.clock);
      }
    } else if (dice < 0.6) server.rename(place, 'cur', random.pick([':2,', ':2,S', ':2,FS', ':2,RS']));
    else if (dice < 0.7) this.#begin(server.copy(place, random.pick(DIRS)), story.family);
    else if (dice < 0.9) {
      stay.until = this.clock;
      story.stays.push({ place: server.move(place, random.pick(DIRS)), since: this.clock, until: Infinity });
    } else {
      stay.until = this.clock;
      server.expunge(place);
    }
  }
}

function judge(life: Life, captured: Captured, from: number): string[] {
  const wrong: string[] = [];
  const known = new Map<string, Place>();
  for (const { number, stays, family } of life.stories) {
    const seen = stays.filter(({ place }) => captured.mail.dirs.get(place.dir)?.messages.has(place.base));
    for (const { place } of stays) known.set(`${place.dir}/${place.base}`, place);
    const first = stays[0];
    const last = stays.at(-1);
    if (first !== undefined && first.since <= from && last?.until === Infinity && seen.length === 0) wrong.push(`${number} is missing`);
    for (const { place, since, until } of stays)
      if (since <= from && until === Infinity && seen.length > 0 && !seen.some((stay) => stay.place === place))
        wrong.push(`${place.base} is elsewhere`);
    if (seen.length > 1 && family.size === 1 && !life.wild) wrong.push(`${number} is there ${seen.length} times`);
  }
  for (const [dir, bases] of captured.bases)
    for (const base of bases) {
      const place = known.get(`${dir}/${base}`);
      const kept = captured.uids(dir).get(base) ?? 0;
      if (place === undefined) {
        wrong.push(`${base} in '${dir}' is from nowhere`);
        continue;
      }
      // It had none yet when the list was read.
      const later = kept === 0 && (life.given.get(place) ?? 0) > (life.listRead.get(dir) ?? 0);
      if (kept !== place.uid && !later && (kept !== 0 || !life.wild)) wrong.push(`${base} in '${dir}' has UID ${kept}, not ${place.uid}`);
    }
  return wrong;
}

async function live(seed: string): Promise<string[]> {
  const base = scratch('fuzz');
  const random = new Random(seed);
  const apart = random.chance(0.3);
  const life = new Life(seed, new Server(join(base, 'mail'), join(base, apart ? 'control' : 'mail')), random.pick([3, 30, 300, 3000]));
  const tick = (): void => life.tick();
  let prior: LiveArea | undefined;
  for (let run = 1; run <= 3; run++) {
    const from = life.clock;
    const afterRead = (path: string): void => {
      if (path.endsWith('dovecot-uidlist')) life.listRead.set(path === 'dovecot-uidlist' ? '' : (path.split('/')[0] ?? ''), life.clock);
      life.tick();
    };
    const captured = await capture(life.server, { beforeRead: tick, afterRead, listing: tick }, prior, random.pick([300_000, 3e6]));
    const wrong = judge(life, captured, from);
    if (wrong.length > 0) return wrong.map((line) => `${seed}, run ${run}: ${line}`);
    prior = captured.mail;
  }
  // When all is quiet, the mailbox is what it is.
  life.left = 0;
  const captured = await capture(life.server, {}, prior);
  const wrong = judge(life, captured, life.clock);
  const names = (items: readonly { dir: string; where: string; base: string; flags: string }[]): string[] =>
    items.map(({ dir, where, base: name, flags }) => `${dir}/${where}/${name}${flags}`).sort();
  const found = [...captured.mail.dirs].flatMap(([dir, { messages }]) =>
    Array.from(messages, ([name, message]) => ({ dir, where: message.in, base: name, flags: message.flags })),
  );
  if (names(found).join('\n') !== names(life.places).join('\n')) wrong.push('at rest it is not what is there');
  return wrong.map((line) => `${seed}, at rest: ${line}`);
}

test('random changes at random moments', async () => {
  const seeds = Array.from({ length: rounds(40, 2000) }, (_, index) => `life ${index}`);
  const wrong: string[] = [];
  const work = async (): Promise<void> => {
    for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) wrong.push(...(await live(seed)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  assert.deepEqual(wrong, []);
});
