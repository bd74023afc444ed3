/** Two stores with a Dovecot each, kept alike by reading the one and writing the other. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MailrecoverError } from '../../src/errors/error.ts';
import { readLag } from '../../src/standby/sync/lag.ts';
import { leaveUids, UID_GAP } from '../../src/standby/sync/leave-uids.ts';
import { liveSource } from '../../src/standby/sync/read-live.ts';
import type { SyncStore } from '../../src/standby/sync/place.ts';
import { sync, type SyncOptions, type SyncReport } from '../../src/standby/sync/sync.ts';
import { liveSink } from '../../src/standby/sync/write-live.ts';
import { silentProgress } from '../../src/system/progress.ts';
import { type Dovecot, dovecot, type DovecotOptions, noDovecot } from '../support/dovecot.ts';
import { imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { startLoad } from '../support/load.ts';
import { scratch } from '../support/tmp.ts';
import { complaints, text } from '../live/live-world.ts';

const skip = noDovecot();
const USERS = ['alice@example.org', 'bob@example.org'];
const ALICE = USERS[0] ?? '';
const DAY = Date.UTC(2020, 0, 1);

interface Pair {
  primary: Dovecot;
  standby: Dovecot;
  state: string;
  /** What a stale writer finds out. */
  epoch: { stale: boolean };
  run: (options?: Partial<SyncOptions>, settle?: number) => Promise<SyncReport>;
  roots: [string, string];
}

async function pair(variant: Partial<DovecotOptions> = {}, more: (root: string) => Partial<SyncStore> = () => ({})): Promise<Pair> {
  const roots: [string, string] = [scratch('first'), scratch('second')];
  const [primary, standby] = await Promise.all(
    roots.map((root) => {
      const { control, index } = more(root);
      return dovecot({
        users: USERS,
        mail: `${root}/mail/%d/%n/Maildir`,
        ...variant,
        ...(control === undefined ? {} : { control }),
        ...(index === undefined ? {} : { index }),
      });
    }),
  );
  if (primary === undefined || standby === undefined) throw new Error('no server');
  // Only a folder that was opened has a UIDVALIDITY.
  await imapSnapshots(primary, USERS);
  const state = scratch('state');
  const epoch = { stale: false };
  return {
    primary,
    standby,
    state,
    epoch,
    roots,
    run: (options = {}, settle = 3) =>
      sync({
        source: liveSource({
          state,
          stores: [{ name: 'mail', path: primary.mail, ...more(roots[0]) }],
          guard: async () => undefined,
          settle,
        }),
        sink: liveSink({
          state,
          stores: [{ name: 'mail', path: standby.mail, ...more(roots[1]) }],
          epoch: 0,
          from: 'mx1',
          settle,
          guard: async () => {
            if (epoch.stale) throw new MailrecoverError('refused', 'the standby serves');
          },
        }),
        all: true,
        atOnce: 3,
        progress: silentProgress,
        dryRun: false,
        adopt: false,
        allowLoss: false,
        ...options,
      }),
  };
}

async function fill(server: Dovecot): Promise<Imap> {
  const client = await Imap.login(server, ALICE);
  for (const folder of ['Work/Projects', '受信済み']) {
    await client.create(folder);
    // Only what was opened has a UIDVALIDITY.
    await client.select(folder);
  }
  for (let index = 1; index <= 12; index++) {
    const flags = [...(index % 2 === 0 ? ['\\Seen'] : []), ...(index % 3 === 0 ? ['$Forwarded', 'Wichtig'] : [])];
    await client.append('INBOX', text(`inbox-${index}`), flags, DAY + index * 1000);
    if (index <= 4) await client.append('Work/Projects', text(`work-${index}`), ['\\Flagged', 'of-work'], DAY + index * 1000);
  }
  return client;
}

test('the standby becomes what the primary is, change by change, with all UIDs', { skip }, async () => {
  const { primary, standby, state, run, roots } = await pair();
  const client = await fill(primary);
  const dry = await run({ dryRun: true });
  assert.deepEqual([dry.counts.added, readdirSync(roots[1])], [16, ['mail']]);
  const first = await run();
  assert.deepEqual([first.findings, first.counts.added, first.counts.failed], [[], 16, 0]);
  assert.deepEqual(await imapSnapshots(standby, USERS), await imapSnapshots(primary, USERS));

  // Flags, an expunge, a move, a new folder, one that goes; the standby's Dovecot was there meanwhile and has indexes.
  await client.select('INBOX');
  await client.store('1:3', '+', ['\\Flagged', 'Neu']);
  await client.expunge('5,6');
  await client.move('7', '受信済み');
  await client.append('INBOX', text('new'), [], DAY);
  await client.command('UNSELECT');
  await client.command('DELETE "Work/Projects"');
  await client.create('Later');
  await client.select('Later');
  const second = await run();
  const { added, removed } = second.counts;
  assert.deepEqual([second.findings, added, removed], [[], 2, 7], JSON.stringify(second));
  assert.deepEqual(await imapSnapshots(standby, USERS), await imapSnapshots(primary, USERS));

  const third = await run();
  assert.deepEqual([third.counts.unchanged, third.counts.added], [2, 0]);
  const lag = readLag(state);
  assert.deepEqual(
    lag.map(({ mailbox, behind, trouble }) => [mailbox, behind, trouble]).toSorted((a, b) => String(a).localeCompare(String(b))),
    [
      ['alice@example.org', 0, undefined],
      ['bob@example.org', 0, undefined],
    ],
  );
  assert.ok(lag.every(({ syncedAt = '' }) => syncedAt > '2020'));
  assert.deepEqual(complaints(standby), []);
  const names = readdirSync(join(roots[1], 'mail/example.org/alice')).sort();
  assert.deepEqual(
    names.filter((name) => name.startsWith('.mailrecover')),
    [],
  );
  await client.close();
});

test('a stale writer changes nothing, and mail of the standby is never deleted', { skip }, async () => {
  const { primary, standby, epoch, run } = await pair();
  const client = await fill(primary);
  await run();
  epoch.stale = true;
  await client.append('INBOX', text('later'), [], DAY);
  const before = await imapSnapshots(standby, USERS);
  await assert.rejects(run(), (error: MailrecoverError) => error.code === 'refused');
  assert.deepEqual(await imapSnapshots(standby, USERS), before);

  // Even where nobody knows that the standby served: what came to it stays, and the mailbox with it.
  epoch.stale = false;
  const other = await Imap.login(standby, ALICE);
  await other.append('INBOX', text('of the standby'), ['\\Seen'], DAY);
  await other.close();
  const served = await imapSnapshots(standby, USERS);
  const report = await run();
  assert.deepEqual(
    report.findings.map(({ code, severity }) => [code, severity]),
    [['not-synced', 'error']],
  );
  assert.deepEqual(await imapSnapshots(standby, USERS), served);
  const adopted = await run({ adopt: true });
  assert.deepEqual([adopted.findings, adopted.counts.setAside, adopted.counts.added], [[], 1, 1]);
  assert.deepEqual(await imapSnapshots(standby, USERS), await imapSnapshots(primary, USERS));
  assert.deepEqual(complaints(standby), []);
  await client.close();
});

test('an emptied mailbox is not emptied on the standby unasked', { skip }, async () => {
  const { primary, standby, run, roots, state } = await pair();
  const client = await Imap.login(primary, ALICE);
  for (let index = 0; index < 120; index++) await client.append('INBOX', text(`m-${index}`), [], DAY);
  await run();
  const before = await imapSnapshots(standby, USERS);
  await client.select('INBOX');
  await client.expunge('1:100');
  const refused = await run();
  assert.deepEqual(
    refused.findings.map(({ code }) => code),
    ['mass-deletion'],
  );
  assert.deepEqual(await imapSnapshots(standby, USERS), before);
  const allowed = await run({ allowLoss: true });
  assert.deepEqual([allowed.findings, allowed.counts.removed], [[], 100]);
  assert.deepEqual(await imapSnapshots(standby, USERS), await imapSnapshots(primary, USERS));
  // A file system that is not mounted.
  await client.close();
  rmSync(join(roots[0], 'mail/example.org/alice/Maildir'), { recursive: true });
  const gone = await run();
  assert.deepEqual([gone.counts.mailboxes, gone.counts.removed], [1, 0]);
  assert.deepEqual(
    gone.findings.map(({ code, subject }) => [code, subject]),
    [['mailbox-gone', ALICE]],
  );
  assert.deepEqual(
    readLag(state).map(({ mailbox }) => mailbox),
    ['bob@example.org'],
  );
  assert.deepEqual((await run()).findings, []);
  assert.deepEqual(Object.keys((await imapSnapshots(standby, [ALICE]))[ALICE]?.folders['INBOX']?.messages ?? {}).length, 20);
});

test('times alone tell that nothing changed', { skip }, async () => {
  const { primary, standby, run, roots } = await pair();
  const client = await fill(primary);
  await client.close();
  // The window of three seconds made as good as none.
  await run({}, 0.000_001);
  await run({}, 0.000_001);
  // A file that a listing would show, though its directory has the time that it had.
  const third = await run({}, 0.000_001);
  assert.deepEqual([third.counts.unchanged, third.counts.failed], [2, 0], JSON.stringify(third));
  writeFileSync(join(roots[0], 'mail/example.org/alice/Maildir/cur/1.manual:2,S'), text('by hand'));
  utimesSync(join(roots[0], 'mail/example.org/alice/Maildir/cur'), 1, 1);
  const fourth = await run({}, 0.000_001);
  assert.deepEqual([fourth.counts.added, fourth.counts.unchanged], [1, 1]);
  assert.ok(standby.pid > 0);
});

test('while clients change mail all the time nothing is lost or doubled', { skip }, async () => {
  const { primary, standby, run } = await pair();
  const load = await startLoad(primary, { clients: 4, rate: 150 });
  const until = performance.now() + 4000;
  let runs = 0;
  while (performance.now() < until || runs < 3) {
    const { findings } = await run({ allowLoss: true });
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'error'),
      [],
    );
    runs++;
  }
  await load.stop();
  await run({ allowLoss: true });
  assert.deepEqual(await imapSnapshots(standby, USERS), await imapSnapshots(primary, USERS));
  assert.deepEqual(complaints(standby), []);
});

test('UIDs that a dead host may have given are left out, with and without indexes', { skip }, async () => {
  const { primary, standby, run } = await pair();
  const client = await fill(primary);
  await client.close();
  await run();
  // The one mailbox was opened by the standby's Dovecot and has indexes, the other has none.
  const before = (await imapSnapshots(standby, [ALICE]))[ALICE]?.folders ?? {};
  assert.ok((await leaveUids([{ name: 'mail', path: standby.mail }])) >= 3);
  const other = await Imap.login(standby, ALICE);
  await other.append('INBOX', text('after the switch'), [], DAY);
  await other.close();
  const after = (await imapSnapshots(standby, [ALICE]))[ALICE]?.folders ?? {};
  for (const [folder, { uidValidity, uidNext, messages }] of Object.entries(before)) {
    assert.equal(after[folder]?.uidValidity, uidValidity);
    assert.ok((after[folder]?.uidNext ?? 0) >= uidNext + UID_GAP, folder);
    for (const uid of Object.keys(messages)) assert.deepEqual(after[folder]?.messages[Number(uid)], messages[Number(uid)]);
  }
  const given = Math.max(...Object.keys(after['INBOX']?.messages ?? {}).map(Number));
  assert.ok(given >= (before['INBOX']?.uidNext ?? 0) + UID_GAP);
  const bob = await Imap.login(standby, USERS[1] ?? '');
  await bob.append('INBOX', text('first'), [], DAY);
  assert.ok((await bob.select('INBOX')).uidNext > UID_GAP);
  await bob.close();
  assert.deepEqual(complaints(standby), []);
});

const VARIANTS: Record<string, [Partial<DovecotOptions>, (root: string) => Partial<SyncStore>]> = {
  'folders as directories': [{ layout: 'fs' }, () => ({ layout: 'fs' })],
  'control and index files elsewhere': [{}, (root) => ({ control: `${root}/control/%d/%n`, index: `${root}/index/%d/%n` })],
  'a prefix, UTF-8 names and Sieve': [{ prefix: 'INBOX/', utf8: true }, (root) => ({ home: `${root}/mail/%d/%n` })],
};

for (const [title, [variant, more]] of Object.entries(VARIANTS)) {
  test(`other stores: ${title}`, { skip }, async () => {
    const { primary, standby, run, roots } = await pair(variant, more);
    const client = await Imap.login(primary, ALICE);
    const folder = `${primary.prefix}Projekte/受信済み`;
    await client.create(folder);
    for (let index = 0; index < 5; index++)
      await client.append(index < 3 ? 'INBOX' : folder, text(`m-${index}`), ['\\Seen', 'Wichtig'], DAY);
    await client.select(folder);
    const home = join(roots[0], 'mail/example.org/alice');
    mkdirSync(join(home, 'sieve'));
    writeFileSync(join(home, 'sieve/main.sieve'), 'keep;');
    symlinkSync('sieve/main.sieve', join(home, '.dovecot.sieve'));
    // Nothing of the mailbox is on the standby, not even a directory for its domain.
    for (const name of readdirSync(roots[1])) rmSync(join(roots[1], name, 'example.org'), { recursive: true, force: true });
    assert.deepEqual((await run()).findings, []);
    assert.deepEqual(await imapSnapshots(standby, USERS), await imapSnapshots(primary, USERS));
    await client.move('4', 'INBOX');
    await client.select('INBOX');
    await client.expunge('1');
    assert.deepEqual((await run()).findings, []);
    assert.deepEqual(await imapSnapshots(standby, USERS), await imapSnapshots(primary, USERS));
    const copied = join(roots[1], 'mail/example.org/alice/.dovecot.sieve');
    assert.deepEqual(
      [existsSync(copied), existsSync(copied) && readFileSync(copied, 'utf8')],
      more(roots[0]).home === undefined ? [false, false] : [true, 'keep;'],
    );
    assert.deepEqual(complaints(standby), []);
    await client.close();
  });
}
