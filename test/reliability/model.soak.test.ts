/** Random sequences of what users, mail servers, administrators and accidents do, against a plain model of what each snapshot must hold. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { MailrecoverError } from '../../src/errors/error.ts';
import type { Target } from '../../src/repository/target.ts';
import { lockRepository, type HeldLock } from '../../src/repository/care/lock.ts';
import { planPrune, prune, type PruneOptions } from '../../src/repository/prune/prune.ts';
import { openRepository } from '../../src/repository/repository.ts';
import { forgetSnapshots, planForget } from '../../src/repository/retention/forget.ts';
import { surveyRepository } from '../../src/repository/retention/survey.ts';
import { readHostKey } from '../../src/repository/signing.ts';
import { silentProgress } from '../../src/system/progress.ts';
import { sha256 } from '../format/encoding.ts';
import { rounds } from '../support/soak.ts';
import { makeScratch } from '../support/tmp.ts';
import { audit } from './audit.ts';
import { deliver, expunge, flag, folderPath, mailboxPath, makeFolder, transfer } from './mailbox.ts';
import { backUp, makeWorld, restoredTree, settle, snapshotIds, type World, useMemory } from './world.ts';

useMemory();

const USERS = ['alice@example.org', 'bob@example.org', 'carol@example.net'];
const FOLDERS = ['INBOX', 'Sent', 'Archive', 'Archive.2026'];
const KINDS = [
  'deliver',
  'deliver',
  'deliver',
  'flag',
  'flag',
  'move',
  'copy',
  'expunge',
  'makeFolder',
  'removeFolder',
  'renameFolder',
  'control',
  'removeMailbox',
  'backUp',
  'backUp',
  'backUp',
  'backUpOne',
  'kill',
  'loseState',
  'keepState',
  'rollBackState',
  'restore',
  'restoreOlder',
  'loseObject',
  'forget',
  'prune',
] as const;
type Kind = (typeof KINDS)[number];

/** One step; what the numbers choose depends on what is there at that time. */
interface Step {
  kind: Kind;
  who: number;
  what: number;
  where: number;
  odd: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  who: fc.nat(2),
  what: fc.nat(20),
  where: fc.nat(3),
  odd: fc.boolean(),
});

/** Files of one mailbox: SHA-256 by path below it. */
type Mailbox = Map<string, string>;
type Host = Map<string, Mailbox>;

interface Taken {
  id: string;
  holds: Host;
  /** Mailboxes that were not asked for may have been read all the same, and then hold this. */
  orLive?: Host;
  /** Something that it needs may have been taken away since. */
  harmed?: boolean;
}

function listed(mailbox: Mailbox | undefined): string[] {
  return [...(mailbox ?? [])].map(([path, sha]) => `${path} ${sha}`).sort();
}

function copyOf(host: Host): Host {
  return new Map([...host].map(([user, mailbox]) => [user, new Map(mailbox)]));
}

function pick<T>(items: readonly T[], number: number): T | undefined {
  return items[number % Math.max(1, items.length)];
}

class Play {
  readonly world: World;
  /** What is live, and never read from the disk. */
  readonly live: Host = new Map();
  readonly folders = new Map<string, Set<string>>();
  readonly taken: Taken[] = [];
  readonly log: string[] = [];
  /** The snapshot that the local state is of; undefined where there is none. */
  stateOf: Taken | undefined;
  kept: Taken | undefined | false = false;
  runs = 0;
  /** A run was cut off, and none came to its end since. */
  cutOff = false;
  /** The journal of a run that was cut off was lost, too: the pack that it was storing may have no tags yet, and goes up again. */
  journalLost = false;
  /** Packs were taken away since the last backup. */
  packsLost = false;
  /** Objects that were taken away. */
  readonly missing = new Set<string>();

  constructor(world: World) {
    this.world = world;
  }

  async take(next: Step): Promise<void> {
    this.log.push(JSON.stringify(next));
    const user = USERS[next.who] ?? '';
    await this[next.kind](user, next);
  }

  #path(user: string, folder: string): string {
    return folderPath(this.world.mail, user, folder);
  }

  #key(folder: string, name: string): string {
    return folder === 'INBOX' ? name : `.${folder}/${name}`;
  }

  #mailbox(user: string): Mailbox {
    let mailbox = this.live.get(user);
    if (mailbox === undefined) {
      this.live.set(user, (mailbox = new Map()));
      this.folders.set(user, new Set());
      this.#folder(user, 'INBOX');
    }
    return mailbox;
  }

  #folder(user: string, folder: string): void {
    makeFolder(this.world.mail, user, folder);
    this.folders.get(user)?.add(folder);
  }

  /** A message that is there: its folder and its path below that. */
  #message(user: string, number: number): { folder: string; name: string } | undefined {
    const all = [...(this.live.get(user)?.keys() ?? [])].filter((path) => /(^|\/)(cur|new)\//.test(path)).sort();
    const path = pick(all, number);
    if (path === undefined) return undefined;
    const [, folder, name = ''] = /^(?:\.(.*)\/)?((?:cur|new)\/.*)$/.exec(path) ?? [];
    return { folder: folder ?? 'INBOX', name };
  }

  deliver(user: string, { what, where }: Step): void {
    const mailbox = this.#mailbox(user);
    const folder = pick([...(this.folders.get(user) ?? [])], where) ?? 'INBOX';
    const bytes = `message ${what}\n`.repeat(1 + what);
    mailbox.set(this.#key(folder, deliver(this.world.mail, user, folder, bytes)), sha256(bytes));
  }

  flag(user: string, { what, where }: Step): void {
    const message = this.#message(user, what);
    if (message === undefined) return;
    const to = flag(this.#path(user, message.folder), message.name, ['', 'S', 'FS', 'Tab'][where] ?? '');
    this.#rename(user, message, message.folder, to, false);
  }

  #rename(user: string, from: { folder: string; name: string }, folder: string, name: string, copy: boolean): void {
    const mailbox = this.#mailbox(user);
    const key = this.#key(from.folder, from.name);
    const sha = mailbox.get(key) ?? '';
    if (!copy) mailbox.delete(key);
    mailbox.set(this.#key(folder, name), sha);
  }

  move(user: string, next: Step): void {
    this.#transfer(user, next, false);
  }

  copy(user: string, next: Step): void {
    this.#transfer(user, next, true);
  }

  #transfer(user: string, { what, where, odd }: Step, copy: boolean): void {
    const message = this.#message(user, what);
    const folder = pick([...(this.folders.get(user) ?? [])], where);
    if (message === undefined || folder === undefined || folder === message.folder) return;
    const base = message.name.slice(4).replace(/:.*/, '');
    const taken = [...this.#mailbox(user).keys()].some(
      (path) => path.startsWith(this.#key(folder, 'cur/') + base) || path.startsWith(this.#key(folder, 'new/') + base),
    );
    const to = transfer(join(this.#path(user, message.folder), message.name), this.#path(user, folder), copy, odd && !taken);
    this.#rename(user, message, folder, to, copy);
  }

  expunge(user: string, { what }: Step): void {
    const message = this.#message(user, what);
    if (message === undefined) return;
    expunge(this.#path(user, message.folder), message.name);
    this.live.get(user)?.delete(this.#key(message.folder, message.name));
  }

  makeFolder(user: string, { where }: Step): void {
    this.#mailbox(user);
    this.#folder(user, FOLDERS[where] ?? '');
  }

  removeFolder(user: string, { where }: Step): void {
    const folder = FOLDERS[where] ?? '';
    if (folder === 'INBOX' || this.folders.get(user)?.delete(folder) !== true) return;
    rmSync(this.#path(user, folder), { recursive: true });
    const mailbox = this.#mailbox(user);
    for (const path of mailbox.keys()) if (path.startsWith(`.${folder}/`)) mailbox.delete(path);
  }

  renameFolder(user: string, { where, what }: Step): void {
    const folders = this.folders.get(user);
    const [from = '', to = ''] = [FOLDERS[where], FOLDERS[what % 4]];
    if (from === 'INBOX' || to === 'INBOX' || folders?.has(from) !== true || folders.has(to)) return;
    renameSync(this.#path(user, from), this.#path(user, to));
    folders.delete(from);
    folders.add(to);
    const mailbox = this.#mailbox(user);
    for (const [path, sha] of new Map(mailbox)) {
      if (!path.startsWith(`.${from}/`)) continue;
      mailbox.delete(path);
      mailbox.set(`.${to}/${path.slice(from.length + 2)}`, sha);
    }
  }

  control(user: string, { what, where, odd }: Step): void {
    const mailbox = this.#mailbox(user);
    const folder = pick([...(this.folders.get(user) ?? [])], where) ?? 'INBOX';
    const name = ['dovecot-uidlist', 'dovecot-keywords', 'subscriptions'][what % 3] ?? '';
    const path = join(this.#path(user, folder), name);
    if (odd && mailbox.delete(this.#key(folder, name))) {
      rmSync(path);
      return;
    }
    const text = `3 V1 N${what}\n`.repeat(what);
    writeFileSync(path, text, { mode: 0o600 });
    utimesSync(path, 1_795_000_000 + what, 1_795_000_000 + what);
    mailbox.set(this.#key(folder, name), sha256(text));
  }

  removeMailbox(user: string): void {
    // A store that shows nothing at all is refused, and is no case for this test.
    if (this.live.size < 2 || !this.live.has(user)) return;
    rmSync(dirname(mailboxPath(this.world.mail, user)), { recursive: true });
    this.live.delete(user);
    this.folders.delete(user);
  }

  async backUp(_user: string, { odd, what }: Step): Promise<void> {
    if (this.live.size === 0) this.#mailbox(USERS[0] ?? '');
    if (odd) await settle();
    this.runs++;
    const report = await backUp(this.world, { deep: what === 0 });
    this.#noted(report.snapshot ?? '', copyOf(this.live), copyOf(this.live));
    await this.restore();
  }

  #noted(id: string, holds: Host, live: Host): void {
    this.cutOff = false;
    const taken: Taken = { id, holds, ...(this.packsLost ? { orLive: live } : {}) };
    this.packsLost = false;
    this.taken.push(taken);
    this.stateOf = taken;
  }

  /** What a backup of one mailbox holds: of the others, what the snapshot before held, where this host remembers that one. */
  #withOne(user: string): Host {
    const before = this.taken.at(-1);
    if (before !== undefined && this.stateOf?.id !== before.id) return copyOf(this.live);
    const holds = copyOf(this.stateOf?.holds ?? new Map<string, Mailbox>());
    holds.set(user, new Map(this.#mailbox(user)));
    return holds;
  }

  async backUpOne(user: string, { odd }: Step): Promise<void> {
    this.#mailbox(user);
    if (odd) await settle();
    this.runs++;
    const holds = this.#withOne(user);
    const report = await backUp(this.world, { mailboxes: [user] });
    // What lay in packs that are gone is read again, whoever's it is.
    this.#noted(report.snapshot ?? '', holds, copyOf(this.live));
    await this.restore();
  }

  /** A backup whose target stops to answer before or after it stored its so-many-th object. */
  async kill(user: string, { what, odd, where }: Step): Promise<void> {
    this.#mailbox(user);
    if (where === 0) await settle();
    this.runs++;
    const holds = copyOf(this.live);
    this.cutOff = true;
    const target = dying(this.world.target, what % 7, odd);
    await backUp(this.world, { target }).then(
      (report) => this.#noted(report.snapshot ?? '', holds, holds),
      (error: unknown) => assert.equal((error as Error).message, 'cut off'),
    );
    const id = (await snapshotIds(this.world)).at(-1);
    if (id !== undefined && id !== this.taken.at(-1)?.id) this.taken.push({ id, holds });
  }

  loseState(): void {
    if (this.cutOff) this.journalLost = true;
    rmSync(this.world.state, { recursive: true, force: true });
    this.stateOf = undefined;
  }

  keepState(): void {
    rmSync(join(this.world.base, 'kept'), { recursive: true, force: true });
    if (existsSync(this.world.state)) cpSync(this.world.state, join(this.world.base, 'kept'), { recursive: true });
    else mkdirSync(join(this.world.base, 'kept'));
    this.kept = this.stateOf;
  }

  rollBackState(): void {
    if (this.kept === false) return;
    this.loseState();
    cpSync(join(this.world.base, 'kept'), this.world.state, { recursive: true });
    this.stateOf = this.kept;
  }

  /** Somebody deletes an object of the repository. */
  async loseObject(_user: string, { what, where }: Step): Promise<void> {
    const folder = ['packs', 'tags', 'catalogs', 'snapshots'][where] ?? '';
    const objects: string[] = [];
    for await (const { path } of this.world.target.list(folder)) objects.push(path);
    const path = pick(objects.sort(), what);
    if (path === undefined) return;
    await this.world.target.remove(path);
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (folder === 'snapshots') {
      const [id = ''] = /[0-9a-f]{64}/.exec(name) ?? [];
      this.missing.add(id);
      this.taken.splice(
        this.taken.findIndex((taken) => taken.id === id),
        1,
      );
      return;
    }
    this.missing.add(name);
    for (const taken of this.taken) taken.harmed = true;
    if (folder === 'packs') this.packsLost = true;
    // Without the tags of a pack, losing the state costs an upload.
    if (folder === 'tags') this.journalLost = true;
  }

  /** Forgets by a policy, where nothing forbids it. */
  async forget(_user: string, { what }: Step): Promise<void> {
    await this.#care(this.world.target, async (options, lock) => {
      const survey = await surveyRepository(options);
      if (survey.frozen.length > 0) return;
      const plan = planForget(survey, options.believed, { policy: { last: 1 + (what % 4) }, host: undefined });
      await forgetSnapshots(options.repository, survey, plan, options.author, lock);
      for (const { id, keep } of plan.snapshots) {
        if (keep.length > 0) continue;
        this.missing.add(id);
        this.taken.splice(
          this.taken.findIndex((taken) => taken.id === id),
          1,
        );
      }
    });
  }

  /** Gives space back; where it is odd, it is cut off after so many objects. */
  async prune(_user: string, { odd, what }: Step): Promise<void> {
    let left = odd ? what % 5 : Number.POSITIVE_INFINITY;
    const { target } = this.world;
    const cutting: Target = {
      ...target,
      remove: async (path) => {
        if (left-- <= 0) throw new MailrecoverError('unreachable', 'cut off');
        await target.remove(path);
      },
    };
    await this.#care(cutting, async (options, lock) => {
      const plan = await planPrune(options);
      if (plan.survey.frozen.length === 0) await prune(options, plan, lock);
    }).catch((error: unknown) => assert.equal((error as Error).message, 'cut off'));
    for await (const { path } of target.list('locks')) await target.remove(path);
    // What comes back after it was marked is stored again.
    this.journalLost = true;
  }

  async #care(target: Target, act: (options: PruneOptions, lock: HeldLock) => Promise<void>): Promise<void> {
    const key = await readHostKey(join(this.world.keys, 'host.key'));
    if (key === undefined) return;
    const lock = await lockRepository(target, { host: 'mx1', what: 'test' });
    const options: PruneOptions = {
      repository: await openRepository(target),
      believed: new Set([key.publicHex]),
      author: { host: 'mx1', key, tool: 'test' },
      last: undefined,
      floodPerDay: 0,
      wait: 0,
      alone: true,
      progress: silentProgress,
    };
    await act(options, lock);
    await lock.release();
  }

  async restore(): Promise<void> {
    await this.#compare(this.taken.at(-1));
  }

  async restoreOlder(_user: string, { what }: Step): Promise<void> {
    await this.#compare(pick(this.taken, what));
  }

  async #compare(taken: Taken | undefined): Promise<void> {
    if (taken === undefined || taken.harmed === true) return;
    const restored = new Map([...(await restoredTree(this.world, taken.id))].filter(([, line]) => line.startsWith('file')));
    const rest = new Set(restored.keys());
    for (const user of USERS) {
      const root = `${mailboxPath('', user)}/`;
      const own = [...restored].filter(([path]) => path.startsWith(root));
      for (const [path] of own) rest.delete(path);
      const found = own.map(([path, line]) => `${path.slice(root.length)} ${line.slice(-64)}`).sort();
      const live = taken.orLive?.get(user);
      if (live !== undefined && isDeepStrictEqual(found, listed(live))) taken.holds.set(user, live);
      assert.deepEqual(found, listed(taken.holds.get(user)));
    }
    delete taken.orLive;
    assert.deepEqual([...rest], []);
  }

  /** All snapshots are sound, hold what they should, and nothing went up twice. */
  async end(): Promise<void> {
    const { snapshots, twice } = audit(this.world.repo, this.world.secrets, this.missing);
    assert.deepEqual(
      snapshots.map((snapshot) => snapshot.id),
      this.taken.map((taken) => taken.id),
    );
    // Small packs are stored together anew once there are eight of a size.
    if (this.runs < 8 && !this.journalLost) assert.deepEqual(twice, []);
    for (const taken of this.taken) await this.#compare(taken);
  }
}

function dying(target: Target, after: number, stored: boolean): Target {
  let left = after;
  return {
    ...target,
    put: async (path, data, options) => {
      if (left > 0) {
        left--;
        return target.put(path, data, options);
      }
      if (stored) await target.put(path, data, options);
      throw new MailrecoverError('unreachable', 'cut off');
    },
  };
}

test('random sequences restore what a plain model says', { timeout: 6 * 3_600_000 }, async (t) => {
  const numRuns = rounds(30, 3000);
  const seed = Number(process.env['MAILRECOVER_SEED'] ?? (numRuns === 30 ? 20_261_120 : Date.now() % 2 ** 31));
  t.diagnostic(`seed ${seed}: repeat with MAILRECOVER_SEED=${seed}`);
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), async (steps) => {
    const scratch = makeScratch('model');
    const play = new Play(await makeWorld(join(scratch.path, 'w')));
    try {
      for (const each of steps) await play.take(each);
      await play.end();
    } finally {
      await scratch.undo();
    }
  });
  await fc.assert(property, { numRuns, seed, endOnFailure: process.env['MAILRECOVER_SHRINK'] === '0' });
});
