import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { noServer, places, told, variedMessages, verify, writeMailbox } from './fixture.ts';

test('an exact copy is proved', { skip: noServer }, async () => {
  const at = places();
  const alice = writeMailbox(at.scratch, {
    folders: [
      { name: 'INBOX', dir: '', messages: variedMessages('inbox') },
      { name: 'Archive/2025', dir: '.Archive.2025', messages: variedMessages('archive') },
      { name: '受信済み/メール', dir: '.&U9dP4W4IMH8-.&MOEw,DDr-', messages: variedMessages('japanese') },
    ],
  });
  const report = await verify(at, [alice]);
  assert.deepEqual(report.findings, []);
  assert.deepEqual(report.counts, { mailboxes: 1, messages: 24, compared: 24, mismatched: 0, missing: 0, unexpected: 0 });
  assert.deepEqual(report.canary, { delivered: true, fetched: true });
  assert.deepEqual(report.leftovers, []);
  assert.deepEqual(readdirSync(at.work), []);
  assert.ok(report.firstLoginMs !== undefined && report.firstLoginMs > 0 && report.completeMs >= report.firstLoginMs);
  assert.deepEqual(told(report), []);
});

test('a message that Dovecot numbered twice has its later UID', { skip: noServer }, async () => {
  const at = places();
  const alice = writeMailbox(at.scratch);
  const list = join(alice.mailPath, 'dovecot-uidlist');
  const [header, first, ...rest] = readFileSync(list, 'utf8').split('\n');
  const name = first?.slice(first.indexOf(':'));
  writeFileSync(list, [header, `5 ${name}`, first, ...rest].join('\n'));
  const report = await verify(at, [alice]);
  assert.deepEqual([report.findings, report.counts.compared], [[], report.counts.messages]);
});
