/** `erase` with the real program: one person's mail goes from everywhere, and everybody else's stays. */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { audit } from '../reliability/audit.ts';
import { deliver, folderPath, messagesOf } from '../reliability/mailbox.ts';
import { decryptAge, parseIdentities } from '../format/age.ts';
import { sha256 } from '../format/encoding.ts';
import { readCatalogLines, readPack } from '../format/wrapping.ts';
import { notBuilt } from '../support/binary.ts';
import { missing, run } from '../support/host.ts';
import { scratch } from '../support/tmp.ts';
import { killAt, makeSite, type Site } from './retention-setting.ts';

const skip = notBuilt();
const ALICE = 'alice@example.org';
const BOB = 'bob@example.org';
const SHARED = `From: list@example.org\nSubject: to all\n\n${'to everybody '.repeat(40)}\n`;

/** Hashes of all entries that are stored, and the text of all catalogs, read without the program. */
function storedIn(site: Site): { entries: Set<string>; catalogs: string } {
  const identities = parseIdentities(readFileSync(site.identity, 'utf8'));
  const files = (folder: string): string[] =>
    readdirSync(join(site.repo, folder), { recursive: true, withFileTypes: true }).flatMap((each) =>
      each.isFile() ? [join(each.parentPath, each.name)] : [],
    );
  const entries = new Set(files('packs').flatMap((path) => [...readPack(decryptAge(readFileSync(path), identities)).keys()]));
  return {
    entries,
    catalogs: files('catalogs')
      .flatMap((path) => readCatalogLines(decryptAge(readFileSync(path), identities)))
      .join('\n'),
  };
}

/** Shas of what lies in a mailbox. */
function hashes(site: Site, user: string): Set<string> {
  const path = folderPath(site.mail, user, 'INBOX');
  return new Set(messagesOf(path).map((message) => sha256(readFileSync(join(path, message)))));
}

/** Two people, one message that both have, and four snapshots; then alice leaves. */
async function history(): Promise<{ site: Site; alice: Set<string>; ids: string[] }> {
  const site = await makeSite([ALICE, BOB]);
  site.configure('retention: {wait: 0s}');
  const alice = new Set<string>();
  const ids: string[] = [];
  deliver(site.mail, ALICE, 'INBOX', SHARED);
  deliver(site.mail, BOB, 'INBOX', SHARED);
  for (let number = 0; number < 3; number++) {
    site.deliver(ALICE, 3, 'private');
    site.deliver(BOB, 3, 'business');
    if (number === 2) site.expunge(ALICE, 2);
    for (const sha of hashes(site, ALICE)) alice.add(sha);
    ids.push(String((await site.json(['backup']))['snapshot']));
  }
  alice.delete(sha256(SHARED));
  rmSync(join(site.mail, 'example.org/alice'), { recursive: true });
  ids.push(String((await site.json(['backup', '--deep']))['snapshot']));
  return { site, alice, ids };
}

async function assertErased(site: Site, alice: ReadonlySet<string>): Promise<void> {
  const { entries, catalogs } = storedIn(site);
  for (const sha of alice) assert.ok(!entries.has(sha), `entry ${sha} is still there`);
  assert.ok(entries.has(sha256(SHARED)));
  assert.ok(!catalogs.includes('alice@example.org'));
  const checked = await site.json(['check', '--read-data', '--identity', site.identity]);
  assert.deepEqual([checked.outcome, checked['snapshots']], ['ok', 4]);
  assert.deepEqual(
    checked.findings.filter(({ code }) => code === 'debris' || code === 'replaced'),
    [],
  );
  const found = await site.json(['find', '--mailbox', ALICE, '--identity', site.identity]).catch(() => ({ counts: { messages: 0 } }));
  assert.equal(found.counts['messages'] ?? 0, 0);
}

test(
  'a mailbox goes from packs, catalogs, snapshots and local state; all else is as it was',
  { skip: skip || missing('age', 'zstd'), timeout: 600_000 },
  async () => {
    const { site, alice, ids } = await history();
    const args = ['erase', '--mailbox', ALICE, '--identity', site.identity];
    assert.equal((await site.run(['erase', '--mailbox', 'nobody@example.org', '--identity', site.identity, '--dry-run'])).code, 2);
    const plan = await site.json([...args, '--dry-run']);
    assert.deepEqual([(plan['plan'] as { erased: number; shared: number; snapshots: number }).shared, plan['left']], [1, []]);
    assert.equal((await site.run([...args, '--reason', 'x'])).code, 20, 'nobody is there to confirm');
    const hold = String((await site.json(['hold', 'add', '--mailbox', ALICE, '--reason', 'case 3']))['hold']);
    assert.equal((await site.run([...args, '--reason', 'x', '--yes'])).code, 20);
    await site.json(['hold', 'release', hold.slice(0, 16), '--reason', 'closed']);
    assert.ok(storedIn(site).catalogs.includes(ALICE));

    const before = new Map<string, string>();
    for (const id of ids.slice(0, 3)) {
      const to = join(scratch('erase-before'), id);
      await site.json(['restore', id, '--to', to, '--identity', site.identity, '--mailbox', BOB]);
      before.set(id, to);
    }
    const kept = new Map<string, Buffer>();
    for (const each of readdirSync(join(site.repo, 'snapshots'), { recursive: true, withFileTypes: true }))
      if (each.isFile()) kept.set(/[0-9a-f]{64}/.exec(each.name)?.[0] ?? '', readFileSync(join(each.parentPath, each.name)));
    const certificate = join(scratch('certificate'), 'c.json');
    const done = await site.json([...args, '--reason', 'request 9', '--yes', '--certificate', certificate]);
    assert.equal(done.outcome, 'ok');
    await assertErased(site, alice);
    // The certificate says so, and is signed.
    const text = readFileSync(certificate, 'utf8');
    const { erased, key, signature, replaced } = JSON.parse(text) as {
      erased: { sha: string }[];
      key: string;
      signature: string;
      replaced: { old: string; by: string }[];
    };
    assert.deepEqual(new Set([...alice].filter((sha) => !erased.some((each) => each.sha === sha))), new Set());
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(key, 'hex')]);
    const signed = text.slice(0, text.indexOf(' "signature":'));
    assert.ok(verify(null, Buffer.from(signed), createPublicKey({ key: der, format: 'der', type: 'spki' }), Buffer.from(signature, 'hex')));
    assert.match(readFileSync(`${certificate}.txt`, 'utf8'), /request 9/);
    assert.deepEqual(replaced.map(({ old }) => old).sort(), [...ids].filter((id) => replaced.some(({ old }) => old === id)).sort());

    // Everybody else's mail, in every snapshot, byte for byte; by the program and without it.
    const now = new Map(replaced.map(({ old, by }) => [old, by]));
    audit(site.repo, parseIdentities(readFileSync(site.identity, 'utf8')), new Set(ids));
    for (const [id, to] of before) {
      const after = join(scratch('erase-after'), id);
      await site.json(['restore', now.get(id) ?? id, '--to', after, '--identity', site.identity]);
      assert.equal(run('diff', ['-r', to, after]), '');
    }
    const byHand = join(scratch('erase-hand'), 'to');
    run('sh', ['-c', 'cd "$0" && sh recover.sh --identity "$1" --to "$2" latest', site.repo, site.identity, byHand]);
    assert.equal(run('diff', ['-r', byHand, site.mail]), '');

    // Where what was replaced is still there (a run that was cut off, a place that lets nothing be removed), it is passed over.
    const [chain = ''] = readdirSync(join(site.repo, 'snapshots'));
    const last = join(
      site.repo,
      'snapshots',
      chain,
      readdirSync(join(site.repo, 'snapshots', chain))
        .sort()
        .at(-1) ?? '',
    );
    const { old = '' } = replaced.find(({ by }) => last.includes(by)) ?? {};
    if (old !== '') {
      const stale = last.replace(/[0-9a-f]{64}/, old);
      writeFileSync(stale, kept.get(old) ?? '');
      const again = join(scratch('erase-stale'), 'to');
      run('sh', ['-c', 'cd "$0" && sh recover.sh --identity "$1" --to "$2" latest', site.repo, site.identity, again]);
      assert.equal(run('diff', ['-r', again, site.mail]), '');
      const both = await site.json(['check']);
      assert.deepEqual([both.outcome, both.findings.some(({ code }) => code === 'replaced')], ['ok', true]);
      await site.json(['prune']);
      assert.throws(() => readFileSync(stale));
    }

    // The next backup goes on, and stores no mail again.
    site.deliver(BOB, 1);
    await site.json(['backup']);
    const checked = await site.json(['check', '--read-data', '--identity', site.identity]);
    assert.equal(checked.outcome, 'ok');
    assert.deepEqual(audit(site.repo, parseIdentities(readFileSync(site.identity, 'utf8')), new Set(ids)).twice, []);
    assert.equal((await site.json(['forget', '--keep-last', '1'])).counts['forgotten'], 4);
    assert.equal((await site.json(['check'])).outcome, 'ok');
  },
);

test('an erase that is killed leaves a sound repository, and goes on when it is run again', { skip, timeout: 900_000 }, async () => {
  const { site, alice } = await history();
  const base = scratch('erase-kill');
  run('cp', ['-a', site.repo, join(base, 'repo')]);
  const args = ['erase', '--mailbox', ALICE, '--identity', site.identity, '--reason', 'x', '--yes'];
  for (const at of [4, 9, 12, 16]) {
    rmSync(site.repo, { recursive: true });
    run('cp', ['-a', join(base, 'repo'), site.repo]);
    const plan = killAt(at, site.repo, join(base, `count-${at}`));
    const killed = await site.run(args, { plans: [plan] });
    assert.ok(killed.signal === 'SIGKILL' || killed.code === 137 || killed.code === 0, `${at}: ${killed.stderr}`);
    const between = await site.json(['check', '--read-data', '--identity', site.identity]);
    assert.equal(between.outcome, 'ok', `${at}: ${JSON.stringify(between.findings)}`);
    const again = await site.run(args);
    assert.ok(again.code === 0 || (killed.code === 0 && again.code === 2), again.stderr);
    await assertErased(site, alice);
  }
});
