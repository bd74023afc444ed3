/** forget, prune and erase where two hosts write into one repository, with the real program. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mailrecoverJson, notBuilt, type Document } from '../support/binary.ts';
import { deliver, makeFolder } from '../reliability/mailbox.ts';
import { scratch } from '../support/tmp.ts';
import { makeSite, someSnapshots, type Site } from './retention-setting.ts';

const skip = notBuilt();

interface Second {
  mail: string;
  json(args: string[], expect?: number): Promise<Document>;
}

/** A second host with mail of its own and the same repository. */
async function secondHost(site: Site): Promise<Second> {
  const root = scratch('second');
  const mail = join(root, 'mail');
  mkdirSync(join(root, 'etc'));
  const config = join(root, 'etc/mailrecover.yaml');
  const text = readFileSync(site.config, 'utf8')
    .replaceAll(site.mail, mail)
    .replace(/^host: .*$/m, 'host: mx2')
    .replace(/^state: .*$/m, `state: ${join(root, 'state')}`);
  writeFileSync(config, text);
  makeFolder(mail, 'carol@example.net', 'INBOX');
  deliver(mail, 'carol@example.net', 'INBOX', 'Subject: here\n\nI am on the other host\n');
  const json = (args: string[], expect = 0): Promise<Document> => mailrecoverJson(['--config', config, ...args], { expect });
  await json(['backup']);
  // Each believes what the other one signs.
  const keys = ((await json(['snapshots', '--limit', '0'])).findings ?? []).flatMap(({ subject }) =>
    /^[0-9a-f]{64}$/.test(subject ?? '') ? [subject] : [],
  );
  writeFileSync(config, `${text}\ntrust: [${keys.join(', ')}]\n`);
  const others = ((await site.json(['snapshots', '--limit', '0'])).findings ?? []).flatMap(({ subject }) =>
    /^[0-9a-f]{64}$/.test(subject ?? '') ? [subject] : [],
  );
  site.configure(`trust: [${others.join(', ')}]`);
  return { mail, json };
}

function waitsFor(document: Document): string[] {
  return (document['marks'] as { waitsFor: { host: string }[] }[]).flatMap((mark) => mark.waitsFor.map(({ host }) => host));
}

test(
  'prune waits until the other host has made a backup, or was called gone; check is clean on both',
  { skip, timeout: 600_000 },
  async () => {
    const site = await makeSite();
    site.configure('retention: {wait: 0s}');
    await someSnapshots(site, 3);
    const other = await secondHost(site);
    await site.json(['forget', '--keep-last', '1', '--host', 'mx1']);
    const first = await site.json(['prune']);
    assert.deepEqual([first.counts['removed'], (first.counts['marked'] ?? 0) > 0], [0, true]);
    const waiting = await site.json(['prune']);
    assert.deepEqual([waiting.counts['removed'], waitsFor(waiting)], [0, ['mx2']]);
    assert.ok(waiting.findings.some(({ code }) => code === 'prune-waits'));
    await other.json(['backup']);
    const done = await site.json(['prune']);
    assert.ok((done.counts['removed'] ?? 0) > 0);
    assert.equal((await site.json(['check', '--read-data', '--identity', site.identity])).outcome, 'ok');
    assert.equal((await other.json(['check'])).outcome, 'ok');

    // It is silent from now on.
    await someSnapshots(site, 2);
    await site.json(['forget', '--keep-last', '1', '--host', 'mx1']);
    assert.deepEqual(waitsFor(await site.json(['prune', '--dry-run'])), []);
    await site.json(['prune']);
    assert.deepEqual(waitsFor(await site.json(['prune'])), ['mx2']);
    assert.equal((await site.run(['prune', '--gone', 'mx2'])).code, 2);
    assert.equal((await site.run(['prune', '--gone', 'mx7', '--reason', 'x'])).code, 2);
    const gone = await site.json(['prune', '--gone', 'mx2', '--reason', 'taken out of service']);
    assert.ok((gone.counts['removed'] ?? 0) > 0);
    assert.equal((await site.json(['check', '--read-data'])).outcome, 'ok');
    // And it comes back all the same.
    deliver(other.mail, 'carol@example.net', 'INBOX', 'Subject: again\n\nI am back\n');
    await other.json(['backup']);
    await someSnapshots(site, 2);
    await site.json(['forget', '--keep-last', '1', '--host', 'mx1']);
    await site.json(['prune']);
    assert.deepEqual(waitsFor(await site.json(['prune'])), ['mx2']);
    assert.equal((await other.json(['check'])).outcome, 'ok');
  },
);

test('erase takes out of its own snapshots, and says what waits for the other host', { skip, timeout: 600_000 }, async () => {
  const site = await makeSite();
  site.configure('retention: {wait: 0s}');
  await someSnapshots(site, 2);
  const other = await secondHost(site);
  const done = await site.json(
    [
      'erase',
      '--mailbox',
      'alice@example.org',
      '--identity',
      site.identity,
      '--reason',
      'x',
      '--yes',
      '--certificate',
      join(scratch('cert'), 'c.json'),
    ],
    { expect: 3 },
  );
  assert.match((done['left'] as string[]).join(), /until host mx2/);
  assert.ok(done.findings.some(({ code }) => code === 'mailbox-live'));
  await other.json(['backup']);
  assert.ok(((await site.json(['prune'])).counts['removed'] ?? 0) > 0);
  const checked = await site.json(['check', '--read-data', '--identity', site.identity]);
  assert.deepEqual([checked.outcome, checked.findings.filter(({ code }) => code === 'debris')], ['ok', []]);
  // What the other host holds, only that host can replace.
  const foreign = await site.json(['erase', '--mailbox', 'carol@example.net', '--identity', site.identity, '--dry-run']);
  assert.match((foreign['left'] as string[]).join(), /of host 'mx2'/);
});
