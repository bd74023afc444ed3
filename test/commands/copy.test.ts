/** `copy` with the real program. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Document, mailrecoverJson, notBuilt } from '../support/binary.ts';
import { run } from '../support/host.ts';
import { scratch } from '../support/tmp.ts';
import { makeSite, someSnapshots } from './retention-setting.ts';

const skip = notBuilt();

function filesOf(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .flatMap((each) => (each.isFile() ? [join(each.parentPath, each.name).slice(path.length + 1)] : []))
    .sort();
}

test(
  'copies are sound, hold what the source holds, and grow by what is missing; they come back the other way',
  { skip, timeout: 300_000 },
  async () => {
    const site = await makeSite();
    const away = join(scratch('copy'), 'away');
    site.configure(`retention: {wait: 0s}\ncopies: [{name: away, at: ${away}}]`);
    const ids = await someSnapshots(site, 3);
    const plan = await site.json(['copy', '--dry-run']);
    assert.equal((plan['copies'] as { snapshots: number }[])[0]?.snapshots, 3);
    assert.throws(() => readdirSync(away));
    // Cut off in the middle, then again.
    const counter = join(scratch('copy-kill'), 'count');
    await site.run(['copy'], { plans: [{ do: 'kill', at: 6, under: [away], kinds: ['rename'], counter }] });
    assert.equal((await site.json(['check', '--repository', away])).outcome === 'failed', false);
    const copied = await site.json(['copy', 'away']);
    assert.equal(copied.outcome, 'ok');
    const objects = (path: string): string[] => filesOf(path).filter((file) => /^(packs|tags|catalogs|snapshots)\//.test(file));
    assert.deepEqual(objects(away), objects(site.repo));
    const checked = await site.json(['check', '--repository', away, '--read-data', '--identity', site.identity]);
    assert.deepEqual([checked.outcome, checked['snapshots']], ['ok', 3]);
    const again = await site.json(['copy']);
    assert.deepEqual([again.counts['snapshots'], again.counts['bytes']], [0, 0]);

    // The same place has its own forget and prune, which wait for nobody, and what it forgot stays forgotten.
    await site.json(['forget', ids[0] ?? '', '--repository', away]);
    await site.json(['prune', '--repository', away]);
    const pruned = await site.json(['prune', '--repository', away]);
    assert.deepEqual([pruned.outcome, pruned['marks']], ['ok', []]);
    const third = (await site.json(['copy']))['copies'] as { snapshots: number; forgotten: number }[];
    assert.deepEqual([third[0]?.snapshots, third[0]?.forgotten], [0, 1]);
    assert.equal((await site.json(['check', '--repository', away])).outcome, 'ok');

    // The repository is lost, and comes back from the copy; the next backup goes on where it was.
    rmSync(site.repo, { recursive: true });
    await site.json(['copy', site.repo, '--from', 'away', '--init', '--repository', away]);
    assert.equal((await site.json(['check', '--read-data'])).findings.filter(({ severity }) => severity === 'error').length, 0);
    const newest = await site.json(['backup']);
    assert.equal(newest.counts['newMessages'], 0);
    assert.equal((await site.json(['check'])).outcome, 'ok');
    assert.deepEqual(
      filesOf(join(site.repo, 'records')).filter((file) => file.includes('/copy-')),
      [],
    );
  },
);

test(
  'only some snapshots are copied, and check knows that the others were left out; damage is not copied',
  { skip, timeout: 300_000 },
  async () => {
    const site = await makeSite();
    const ids = await someSnapshots(site, 2);
    const since = new Date(Date.now() + 1100).toISOString();
    run('sleep', ['1.2']);
    ids.push(...(await someSnapshots(site, 2)));
    const away = join(scratch('copy-some'), 'away');
    const refused = await site.run(['copy', away]);
    assert.equal(refused.code, 10);
    const first = await site.json(['copy', away, '--init', '--since', since]);
    assert.equal(first.counts['snapshots'], 2);
    const checked = await site.json(['check', '--repository', away]);
    assert.deepEqual([checked.outcome, checked['snapshots']], ['ok', 2]);
    // One that vanishes there is found all the same.
    const [chain = ''] = readdirSync(join(away, 'snapshots'));
    const [oldest = ''] = readdirSync(join(away, 'snapshots', chain)).sort();
    const path = join(away, 'snapshots', chain, oldest);
    const bytes = readFileSync(path);
    rmSync(path);
    assert.equal((await site.json(['check', '--repository', away], { expect: 4 })).outcome, 'failed');
    writeFileSync(path, bytes);
    // What is damaged at the source does not get there; the rest does, the older ones, too.
    const pack = filesOf(join(site.repo, 'packs')).find((file) => !filesOf(join(away, 'packs')).includes(file)) ?? '';
    const whole = readFileSync(join(site.repo, 'packs', pack));
    writeFileSync(join(site.repo, 'packs', pack), Buffer.from(whole).fill(0, 200, 210));
    const damaged = await site.run(['copy', away, '--json']);
    assert.equal(damaged.code, 4);
    assert.ok(!filesOf(join(away, 'packs')).includes(pack));
    writeFileSync(join(site.repo, 'packs', pack), whole);
    await site.json(['copy', away]);
    const all = await site.json(['check', '--repository', away, '--read-data']);
    assert.deepEqual([all.outcome, all['snapshots']], ['ok', 4]);
  },
);

test(
  'a host that only keeps copies needs no key to begin with, and nothing but reading at the source',
  { skip, timeout: 300_000 },
  async () => {
    const site = await makeSite();
    await someSnapshots(site, 1);
    const vault = scratch('vault');
    const config = join(vault, 'mailrecover.yaml');
    const sheet = readFileSync(join(site.root, 'etc/recovery-sheet.txt'), 'utf8');
    const hostKey = /SIGNING KEY.*\n([0-9a-f ]+)\n/.exec(sheet)?.[1]?.replaceAll(' ', '') ?? '';
    writeFileSync(
      config,
      [
        'host: vault',
        `state: ${vault}/state`,
        `stores: [{name: mail, path: '/nowhere/%d/%n/Maildir'}]`,
        `recipients: [${/age1[a-z0-9]+/.exec(sheet)?.[0] ?? ''}]`,
        `trust: [${hostKey}]`,
        `repository: ${vault}/copy`,
        `copies: [{name: source, at: ${site.repo}}]`,
      ].join('\n'),
    );
    const before = filesOf(site.repo);
    const vaultRun = (...args: string[]): Promise<Document> => mailrecoverJson(['--config', config, ...args]);
    assert.equal((await vaultRun('copy', join(vault, 'copy'), '--repository', site.repo, '--init')).outcome, 'ok');
    await someSnapshots(site, 1);
    assert.equal((await vaultRun('copy', '--from', 'source')).counts['snapshots'], 1);
    assert.equal((await vaultRun('check', '--read-data')).outcome, 'ok');
    assert.ok(before.every((file) => filesOf(site.repo).includes(file)));
    assert.deepEqual(
      filesOf(site.repo).filter((file) => file.startsWith('locks/') || file.startsWith('records/')),
      [],
    );
  },
);
