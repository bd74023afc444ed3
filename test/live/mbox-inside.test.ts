/** mboxes of a mail spool: stored once however they are rewritten, locked while they are read. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { dovecot, idOf, noDovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import { makeMail } from '../support/mail.ts';
import { scratch } from '../support/tmp.ts';
import { makeWorld } from './world.ts';

const skip = noDovecot() || notBuilt();
const ALICE = 'alice@example.org';

/** A message as a delivery agent appends it. */
function entry(number: number, median = 3000): string {
  const { bytes } = makeMail('spool', number, { median });
  return `From bob@example.com Thu Nov 19 10:${String(number % 60).padStart(2, '0')}:00 2026\n${bytes.toString('latin1').replace(/^From /gm, '>From ')}\n`;
}

test('an mbox that is appended to, flagged and expunged stores what is new alone', { skip }, async () => {
  const root = scratch('spool');
  const spool = `${root}/%d/%n`;
  const box = join(root, 'example.org/alice');
  const { uid, gid } = idOf();
  mkdirSync(join(root, 'example.org'), { mode: 0o777 });
  writeFileSync(box, Array.from({ length: 60 }, (_, number) => entry(number)).join(''), 'latin1');
  chownSync(join(root, 'example.org'), uid, gid);
  chownSync(box, uid, gid);
  const world = await makeWorld({ path: spool, format: 'mbox', separator: '/', lockTimeout: 1 });
  const first = await world.backup([]);
  assert.deepEqual([first.counts['mailboxes'], first.counts['messages']], [1, 60]);
  // Never opened by a server: the proof's own gives it UIDs.
  assert.deepEqual((await world.verify('server')).findings, []);

  const server = await dovecot({ users: [ALICE], format: 'mbox', mail: `${root}/home/%d/%n`, inbox: spool });
  const client = await Imap.login(server, ALICE);
  await client.select('INBOX');
  await client.store('1:40', '+', ['\\Seen', '$label1']);
  await client.expunge('3:4');
  await client.close();
  await server.stop();
  appendFileSync(box, entry(100) + entry(101), 'latin1');
  const second = await world.backup([]);
  assert.deepEqual([second.counts['messages'], second.counts['newMessages'], second.counts['removedMessages']], [60, 2, 2]);
  const [before, stored] = [Number(first.counts['bytesStored']), Number(second.counts['bytesStored'])];
  assert.ok(stored < before / 4, `${stored} bytes stored, ${before} at first`);
  const proof = await world.verify('server');
  assert.deepEqual([proof.outcome, proof.findings, proof.counts['compared']], ['ok', [], 60]);
  const to = await world.restore('back');
  assert.deepEqual(readFileSync(join(to, 'example.org/alice')), readFileSync(box));

  // Somebody writes it: it stays as it was.
  appendFileSync(box, entry(102), 'latin1');
  writeFileSync(`${box}.lock`, '1\n');
  const locked = await world.run(['backup'], { expect: 3 });
  assert.deepEqual([locked.outcome, locked.findings[0]?.code, locked.counts['messages']], ['partial', 'mbox-locked', 60]);
  // One that is left over from a process that is dead stops nobody.
  const dead = spawnSync('true').pid;
  writeFileSync(`${box}.lock`, `${dead}:${hostname()}`);
  const free = await world.backup([]);
  assert.deepEqual([free.outcome, free.counts['messages'], existsSync(`${box}.lock`)], ['ok', 61, false]);
});
