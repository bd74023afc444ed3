/** Backups that are out of the ordinary: marked, passed over, and nothing is removed until a person has looked. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anomaliesOf, THRESHOLDS, type Compared } from '../../src/backup/anomaly.ts';
import { ClaimTable } from '../../src/backup/content/claims.ts';
import { Ingest } from '../../src/backup/content/ingest.ts';
import { looksLikeMail } from '../../src/store/message/looks.ts';
import { notBuilt } from '../support/binary.ts';
import { missing, run } from '../support/host.ts';
import { folderPath, messagesOf } from '../reliability/mailbox.ts';
import { scratch } from '../support/tmp.ts';
import { makeSite } from './retention-setting.ts';

const skip = notBuilt();

function codes(compared: Partial<Compared>): string[] {
  const usual: Compared = {
    before: { mailboxes: 100, messages: 10_000 },
    after: { mailboxes: 100, messages: 10_000 },
    goneMailboxes: 0,
    flagChanges: 0,
    changedContent: 0,
    stored: { messages: 100, odd: 0 },
  };
  return anomaliesOf({ ...usual, ...compared }, THRESHOLDS).map(({ code }) => code);
}

test('thresholds: large changes raise an alarm, and what small sites do every day does not', () => {
  assert.deepEqual(codes({}), []);
  assert.deepEqual(codes({ after: { mailboxes: 100, messages: 5000 } }), ['mass-deletion']);
  assert.deepEqual(codes({ after: { mailboxes: 100, messages: 6500 } }), []);
  assert.deepEqual(codes({ before: { mailboxes: 1, messages: 900 }, after: { mailboxes: 1, messages: 0 } }), []);
  assert.deepEqual(codes({ goneMailboxes: 10 }), ['mailboxes-gone']);
  assert.deepEqual(codes({ before: { mailboxes: 4, messages: 10 }, after: { mailboxes: 2, messages: 9 }, goneMailboxes: 2 }), []);
  assert.deepEqual(codes({ flagChanges: 9000 }), ['flag-storm']);
  assert.deepEqual(codes({ before: { mailboxes: 1, messages: 800 }, flagChanges: 800 }), []);
  assert.deepEqual(codes({ changedContent: 10 }), ['content-changed']);
  assert.deepEqual(codes({ changedContent: 9 }), []);
  assert.deepEqual(codes({ stored: { messages: 100, odd: 20 } }), ['odd-content']);
  assert.deepEqual(codes({ stored: { messages: 19, odd: 19 } }), []);
  assert.deepEqual(codes({ stored: { messages: 10_000, odd: 20 } }), []);
  assert.deepEqual(codes({ before: undefined, stored: { messages: 100, odd: 100 } }), []);
});

test('mail, compressed and encrypted mail look like mail; other bytes do not', () => {
  const yes = [
    'From: a@example.org\r\n',
    'Return-Path: <>\n',
    '>From x\n',
    'From a@b Mon\n',
    '',
    '\x1f\x8b\x08',
    'BZh9',
    'CRYPTED\x03\x07\x02',
    '\x28\xb5\x2f\xfd',
    'X-Long :x',
  ];
  for (const text of yes) assert.equal(looksLikeMail(Buffer.from(text, 'latin1')), true, JSON.stringify(text));
  for (const text of ['\0\0\0\0', 'PK\x03\x04', '%PDF-1.7\n', 'hello\n', '\x80\x81:'])
    assert.equal(looksLikeMail(Buffer.from(text, 'latin1')), false, text);
});

test('in files of many messages each of them is judged; one that holds none any more counts for all', () => {
  const directory = scratch('judged');
  const judge = (kind: 'dbox' | 'mbox', content: string | Buffer): [number, number] => {
    const path = join(directory, 'file');
    writeFileSync(path, content);
    const ingest = new Ingest(
      {
        thread: 0,
        secret: randomBytes(32),
        recipients: undefined,
        readBack: false,
        hard: false,
        known: undefined,
        onPack: () => undefined,
      },
      ClaimTable.create(1024),
    );
    const [outcome] = ingest.readAll([{ path, kind }]);
    assert.ok(outcome !== undefined && 'parts' in outcome, JSON.stringify(outcome));
    return [ingest.counts.messagesStored, ingest.counts.oddStored];
  };
  const record = (body: string): string =>
    `\x01\x02N          ${body.length.toString(16).toUpperCase().padStart(16, '0')}\n${body}\n\x01\x03\nR6b0256ac\nZ${body.length.toString(16)}\nG${'0123456789abcdef'.repeat(2)}\n\n`;
  const good = ['From: a@example.org\n\none\n', 'Subject: x\n\ntwo\n', 'Received: by x\n\nthree\n'];
  const dbox = (bodies: string[]): string => `2 M1e C6b0256ac\n${bodies.map(record).join('')}`;
  assert.deepEqual(judge('dbox', dbox(good)), [3, 0]);
  assert.deepEqual(judge('dbox', dbox([...good, '%PDF not mail', '\0\0\0\0'])), [5, 2]);
  assert.deepEqual(judge('dbox', randomBytes(1024 * 1024)), [16, 16]);
  assert.deepEqual(judge('dbox', '2 M1e C6b0256ac\n'), [0, 0]);
  const mbox = (bodies: string[]): string => bodies.map((body) => `From a@example.org Fri Nov 20 02:00:00 2026\n${body}\n`).join('');
  assert.deepEqual(judge('mbox', mbox(good)), [3, 0]);
  assert.deepEqual(judge('mbox', mbox([...good, '\x80\x81 not mail\n'])), [4, 1]);
  assert.deepEqual(judge('mbox', randomBytes(200_000)), [4, 4]);
});

test(
  'what ransomware leaves is marked, passed over by latest, and freezes forget and prune until it is approved',
  { skip: skip || missing('age', 'zstd'), timeout: 300_000 },
  async () => {
    const site = await makeSite();
    site.configure('retention: {wait: 0s}');
    site.deliver('alice@example.org', 40);
    const first = String((await site.json(['backup']))['snapshot']);
    site.deliver('bob@example.org', 2);
    const good = String((await site.json(['backup']))['snapshot']);
    const path = folderPath(site.mail, 'alice@example.org', 'INBOX');
    for (const message of messagesOf(path).slice(0, 30)) writeFileSync(join(path, message), randomBytes(3000));
    // In place, without a new name: only a backup that looks at every file sees that.
    const bad = await site.json(['backup', '--deep']);
    const found = bad.findings.find(({ code }) => code === 'anomaly');
    assert.match(found?.message ?? '', /other bytes.*neither mail/);
    site.deliver('bob@example.org', 2);
    const after = String((await site.json(['backup']))['snapshot']);

    const rows = (await site.json(['snapshots']))['snapshots'] as { id: string; anomalies?: string[] }[];
    assert.deepEqual(
      rows.map(({ anomalies }) => anomalies),
      [undefined, undefined, ['content-changed', 'odd-content'], ['content-changed', 'odd-content']],
    );
    const restored = await site.json(['restore', 'latest', '--to', join(scratch('anomaly'), 'to'), '--identity', site.identity]);
    assert.equal(restored['snapshot'], good);
    assert.ok(restored.findings.some(({ code }) => code === 'anomalous-snapshot'));
    const to = join(scratch('anomaly'), 'by-hand');
    run('sh', ['-c', 'cd "$0" && sh recover.sh --identity "$1" --to "$2" latest', site.repo, site.identity, to]);
    assert.equal(
      run('diff', ['-r', to, join(restored.artifacts[0] === undefined ? '' : (restored.artifacts[0] as { path: string }).path)]),
      '',
    );

    for (const args of [['forget', '--keep-last', '1'], ['forget', first], ['prune']]) {
      const refused = await site.run(args);
      assert.equal(refused.code, 20, args.join(' '));
      assert.match(refused.stderr, /out of the ordinary/);
    }
    assert.ok((await site.json(['status'], { expect: 1 })).findings.some(({ code }) => code === 'anomaly'));
    assert.equal((await site.run(['approve', after.slice(0, 12)])).code, 2);
    const approved = await site.json(['approve', after.slice(0, 12), '--reason', 'a test']);
    assert.equal(approved.counts['approved'], 2);
    assert.equal(
      (await site.json(['restore', 'latest', '--to', join(scratch('anomaly'), 'x'), '--identity', site.identity]))['snapshot'],
      after,
    );
    site.deliver('bob@example.org', 1);
    assert.equal(
      (await site.json(['backup'])).findings.some(({ code }) => code === 'anomaly'),
      false,
    );
    assert.equal((await site.json(['forget', '--keep-last', '1'])).counts['forgotten'], 4);
    assert.equal((await site.json(['prune'])).outcome, 'ok');
    assert.equal((await site.json(['check', '--read-data', '--identity', site.identity])).outcome, 'ok');
  },
);
