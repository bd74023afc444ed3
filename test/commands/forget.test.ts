/** `forget`, `prune`, `hold` and `unlock` with the real program. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256 } from '../format/encoding.ts';
import { notBuilt } from '../support/binary.ts';
import { missing, run } from '../support/host.ts';
import { scratch } from '../support/tmp.ts';
import { killAt, makeSite, someSnapshots, type Site } from './retention-setting.ts';

const skip = notBuilt();

function snapshotFiles({ repo }: Site): string[] {
  const [chain = ''] = readdirSync(join(repo, 'snapshots'));
  return readdirSync(join(repo, 'snapshots', chain))
    .map((name) => join(repo, 'snapshots', chain, name))
    .sort();
}

function objects({ repo }: Site, folder: string): string[] {
  return readdirSync(join(repo, folder), { recursive: true, withFileTypes: true })
    .flatMap((each) => (each.isFile() ? [each.name] : []))
    .sort();
}

function idOf(path: string): string {
  return /-([0-9a-f]{64})\./.exec(path)?.[1] ?? '';
}

test(
  'forget shows its plan, forgets, and check stays clean; prune gives the space back in two steps',
  { skip, timeout: 300_000 },
  async () => {
    const site = await makeSite();
    site.configure('retention: {wait: 0s}');
    const ids = await someSnapshots(site, 5);
    const plan = await site.json(['forget', '--keep-last', '2', '--dry-run']);
    assert.deepEqual([plan.counts['forgotten'], plan.counts['kept']], [3, 2]);
    const rows = plan['snapshots'] as { id: string; keep: string[] }[];
    assert.deepEqual(
      rows.map(({ keep }) => keep),
      [[], [], [], ['last'], ['newest complete', 'last']],
    );
    assert.equal(snapshotFiles(site).length, 5);

    const held = String((await site.json(['hold', 'add', ids[0] ?? '', '--reason', 'case 1']))['hold']);
    assert.equal((await site.json(['forget', ids[0] ?? ''], { expect: 20 })).outcome, 'failed');
    assert.equal((await site.json(['forget', ids[4] ?? ''], { expect: 20 })).outcome, 'failed');
    const done = await site.json(['forget', '--keep-last', '2']);
    assert.equal(done.counts['forgotten'], 2);
    assert.deepEqual(snapshotFiles(site).map(idOf), [ids[0], ids[3], ids[4]]);
    assert.equal((await site.json(['check'])).outcome, 'ok');
    await site.json(['hold', 'release', held.slice(0, 12), '--reason', 'closed']);
    assert.equal((await site.json(['hold', 'list'])).counts['holds'], 0);
    assert.equal((await site.json(['forget', ids[0] ?? ''])).counts['forgotten'], 1);
    assert.equal((await site.json(['check'])).outcome, 'ok');

    const before = objects(site, 'packs').length;
    const wouldGo = await site.json(['prune', '--dry-run']);
    assert.ok((wouldGo.counts['marked'] ?? 0) > 0);
    assert.equal(objects(site, 'packs').length, before);
    const gone = await site.json(['prune']);
    assert.equal(gone.counts['removed'], wouldGo.counts['marked']);
    assert.ok(objects(site, 'packs').length < before);
    const checked = await site.json(['check', '--read-data', '--identity', site.identity]);
    assert.deepEqual([checked.outcome, checked.findings.filter(({ code }) => code === 'debris')], ['ok', []]);
    const to = scratch('restored');
    assert.equal((await site.json(['restore', 'latest', '--to', join(to, 'x'), '--identity', site.identity])).outcome, 'ok');
    assert.equal((await site.json(['backup'])).outcome, 'ok');
  },
);

test('the wait in the configuration is kept, and a second prune removes nothing before', { skip, timeout: 300_000 }, async () => {
  const site = await makeSite();
  await someSnapshots(site, 3);
  await site.json(['forget', '--keep-last', '1']);
  assert.ok(((await site.json(['prune'])).counts['marked'] ?? 0) > 0);
  const second = await site.json(['prune']);
  assert.deepEqual([second.counts['marked'], second.counts['removed']], [0, 0]);
  const [mark] = second['marks'] as { due: boolean; waitsFor: unknown[] }[];
  assert.deepEqual([mark?.due, mark?.waitsFor], [false, []]);
});

test(
  'a snapshot that vanished without a record is found, and freezes prune; so is a forged record',
  { skip, timeout: 300_000 },
  async () => {
    const site = await makeSite();
    const ids = await someSnapshots(site, 5);
    await site.json(['forget', ids[1] ?? '']);
    const [, gone = ''] = snapshotFiles(site);
    assert.equal(idOf(gone), ids[2]);
    const bytes = readFileSync(gone);
    rmSync(gone);
    const checked = await site.json(['check'], { expect: 4 });
    assert.ok(checked.findings.some(({ code, subject }) => code === 'damage' && (subject ?? '').includes(ids[2] ?? '')));
    assert.equal((await site.json(['prune'], { expect: 20 })).outcome, 'failed');
    assert.equal((await site.json(['forget', '--keep-last', '1'], { expect: 20 })).outcome, 'failed');

    // Somebody who has no key of a host says that it was forgotten.
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const key = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex');
    const fingerprint = sha256(Buffer.from(key, 'hex')).slice(0, 16);
    const chain = gone.split('/').at(-2) ?? '';
    const head = { record: 1, kind: 'forget', host: 'mx1', key, time: '2026-11-20T02:00:00.000Z', tool: 'x' };
    const body = `${JSON.stringify(head)}\n${JSON.stringify({ chain, first: 3, last: 3, parent: ids[1], ids: [ids[2]] })}\n`;
    const text = `${body}{"signature":"${sign(null, Buffer.from(body), privateKey).toString('hex')}"}\n`;
    mkdirSync(join(site.repo, 'records', fingerprint), { recursive: true });
    const path = `records/${fingerprint}/forget-${sha256(text)}.jsonl`;
    writeFileSync(join(site.repo, path), text);
    const forged = await site.json(['check'], { expect: 4 });
    assert.ok(forged.findings.some(({ subject }) => subject === path));
    assert.ok(forged.findings.some(({ subject }) => (subject ?? '').includes(ids[2] ?? '')));
    rmSync(join(site.repo, path));
    writeFileSync(gone, bytes);
    assert.equal((await site.json(['check'])).outcome, 'ok');

    // A true record with one line more.
    const [own = ''] = readdirSync(join(site.repo, 'records', chain)).filter((name) => name.startsWith('forget-'));
    const record = join(site.repo, 'records', chain, own);
    const whole = readFileSync(record);
    writeFileSync(record, whole.toString().replace('"first":2', '"first":1'));
    assert.ok((await site.json(['check'], { expect: 4 })).findings.some(({ subject }) => subject === `records/${chain}/${own}`));
    rmSync(record);
    assert.ok((await site.json(['check'], { expect: 4 })).findings.some(({ subject }) => (subject ?? '').includes(ids[1] ?? '')));
  },
);

test('a prune that is killed anywhere leaves a sound repository, and the next one ends it', { skip, timeout: 600_000 }, async () => {
  const site = await makeSite();
  site.configure('retention: {wait: 0s}');
  await someSnapshots(site, 4);
  const base = scratch('prune-kill');
  run('cp', ['-a', site.repo, join(base, 'repo')]);
  let killed = 0;
  for (const at of [2, 5, 9]) {
    rmSync(site.repo, { recursive: true });
    run('cp', ['-a', join(base, 'repo'), site.repo]);
    const plan = killAt(at, site.repo, join(base, `count-${at}`));
    const forget = await site.run(['forget', '--keep-last', '1'], { plans: [plan] });
    const prune = await site.run(['prune'], { plans: [{ ...plan, counter: join(base, `second-${at}`) }] });
    killed += [forget, prune].filter(({ signal, code }) => signal === 'SIGKILL' || code === 137).length;
    assert.equal((await site.json(['check'])).outcome, 'ok');
    await site.json(['forget', '--keep-last', '1']);
    await site.json(['prune']);
    const checked = await site.json(['check', '--read-data', '--identity', site.identity]);
    assert.deepEqual(
      [checked.outcome, checked['snapshots'], checked.findings.map(({ code }) => code).filter((code) => code === 'debris')],
      ['ok', 1, []],
    );
  }
  assert.ok(killed > 2);
});

test('a place that lets nothing be removed is named, and prune goes on', { skip, timeout: 300_000 }, async () => {
  const site = await makeSite();
  site.configure('retention: {wait: 0s}');
  await someSnapshots(site, 3);
  await site.json(['forget', '--keep-last', '1']);
  const counter = join(scratch('refused'), 'count');
  const refused = {
    do: 'fail' as const,
    at: 1,
    errno: 'EACCES' as const,
    forever: true,
    under: [join(site.repo, 'packs')],
    kinds: ['unlink' as const],
    counter,
  };
  const pruned = await site.json(['prune'], { plans: [refused], expect: 3 });
  assert.equal(pruned.outcome, 'partial');
  assert.ok((pruned.counts['left'] ?? 0) > 0 && (pruned.counts['removed'] ?? 0) > 0);
  assert.ok(pruned.findings.some(({ code }) => code === 'not-removed'));
  const again = await site.json(['prune']);
  assert.equal(again.counts['removed'], pruned.counts['left']);
  assert.equal((await site.json(['check', '--read-data'])).outcome, 'ok');
});

test('a mailbox that is held keeps every snapshot, and with an identity those alone that hold it', { skip, timeout: 300_000 }, async () => {
  const site = await makeSite();
  await someSnapshots(site, 2);
  rmSync(join(site.mail, 'example.org/bob'), { recursive: true });
  for (let number = 0; number < 2; number++) {
    site.deliver('alice@example.org', 1);
    await site.json(['backup', '--deep'], { expect: 0 });
  }
  await site.json(['hold', 'add', '--mailbox', 'bob@example.org', '--reason', 'case 7']);
  for (const name of objects(site, 'records'))
    assert.ok(!readFileSync(run('find', [site.repo, '-name', name]).trim(), 'latin1').includes('bob@'));
  assert.equal((await site.json(['forget', '--keep-last', '1', '--dry-run'])).counts['forgotten'], 0);
  const holds = (await site.json(['hold', 'list', '--identity', site.identity]))['holds'] as { mailbox: string }[];
  assert.equal(holds[0]?.mailbox, 'bob@example.org');
  const looked = await site.json(['forget', '--keep-last', '1', '--dry-run', '--identity', site.identity]);
  const reasons = (looked['snapshots'] as { keep: string[] }[]).map(({ keep }) => keep.some((reason) => reason.startsWith('held')));
  assert.deepEqual(reasons.slice(0, 2), [true, true]);
});

test(
  'unlock shows who holds the lock, and removes it only when it is stale, or by force with a reason',
  { skip, timeout: 300_000 },
  async () => {
    const site = await makeSite();
    await someSnapshots(site, 2);
    const path = join(site.repo, 'locks', `${'ab'.repeat(16)}.json`);
    const lock = (more: object): void => {
      mkdirSync(join(site.repo, 'locks'), { recursive: true });
      const holder = {
        pid: process.pid,
        started: '',
        boot: '',
        machine: 'elsewhere',
        host: 'mx9',
        what: 'mailrecover prune',
        since: '2026-11-20T02:00:00.000Z',
        counter: 0,
        period: 1000,
        ...more,
      };
      writeFileSync(path, JSON.stringify(holder));
    };
    // Somebody elsewhere who is alive: its counter goes on.
    let counter = 0;
    const timer = setInterval(() => lock({ counter: counter++ }), 300);
    try {
      lock({});
      const refused = await site.run(['forget', '--keep-last', '1']);
      assert.equal(refused.code, 11);
      assert.match(refused.stderr, /elsewhere/);
      assert.equal((await site.run(['unlock'])).code, 11);
      assert.equal((await site.run(['unlock', '--force'])).code, 2);
    } finally {
      clearInterval(timer);
    }
    lock({ counter: 10_000 });
    const shown = await site.json(['unlock', '--force', '--reason', 'the host burnt down']);
    assert.equal(shown.counts['removed'], 1);
    // A process of this host that is no more.
    lock({
      machine: run('hostname', []).trim(),
      pid: 2 ** 22 + 1,
      started: '1',
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    });
    const [row] = (await site.json(['unlock', '--dry-run']))['locks'] as { state: string }[];
    assert.equal(row?.state, 'stale');
    assert.equal((await site.json(['forget', '--keep-last', '1'])).counts['forgotten'], 1);
    assert.deepEqual(readdirSync(join(site.repo, 'locks')), []);
  },
);

test('recover.sh restores what is left after forget and prune', { skip: skip || missing('age', 'zstd'), timeout: 300_000 }, async () => {
  const site = await makeSite();
  site.configure('retention: {wait: 0s}');
  await someSnapshots(site, 4);
  await site.json(['forget', '--keep-last', '1']);
  await site.json(['prune']);
  const to = join(scratch('recovered'), 'to');
  run('sh', ['-c', `cd "$0" && sh recover.sh --identity "$1" --to "$2" latest`, site.repo, site.identity, to]);
  assert.equal(run('diff', ['-r', to, site.mail]), '');
});
