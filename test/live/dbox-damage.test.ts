/** Damage in a live sdbox or mdbox: it is named, nothing that can be had is left out, and what is unreadable is not taken for deleted. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { dovecot, noDovecot } from '../support/dovecot.ts';
import { Lmtp } from '../support/lmtp.ts';
import { makeMail } from '../support/mail.ts';
import { scratch } from '../support/tmp.ts';
import { makeWorld, type World } from './world.ts';

const ALICE = 'alice@example.org';
const MAILS = 30;

async function filled(format: 'sdbox' | 'mdbox'): Promise<{ world: World; box: string; inbox: string }> {
  const root = scratch('damage');
  const server = await dovecot({ users: [ALICE], format, mail: `${root}/%d/%n/box`, extra: ['mdbox_rotate_size = 30k'] });
  const lmtp = await Lmtp.connect(server);
  for (let number = 0; number < MAILS; number++) await lmtp.deliver(makeMail('damage', number, { median: 3000 }).bytes, ALICE);
  await lmtp.close();
  await server.stop();
  const world = await makeWorld({ path: server.mail, format, separator: '/' });
  const { counts } = await world.backup([]);
  assert.equal(counts['messages'], MAILS);
  const box = server.mailOf(ALICE);
  return { world, box, inbox: join(box, 'mailboxes/INBOX/dbox-Mails') };
}

async function told(world: World): Promise<{ codes: string[]; counts: Record<string, number> }> {
  const { findings, counts, outcome } = await world.backup([]);
  assert.equal(outcome, 'warning', JSON.stringify(findings));
  return { codes: findings.map(({ code }) => code), counts };
}

const skip = noDovecot() || notBuilt();

test('an sdbox without its index: all files are stored, and no message counts as deleted', { skip }, async () => {
  const { world, box, inbox } = await filled('sdbox');
  for (const name of readdirSync(inbox)) if (name.startsWith('dovecot.index')) rmSync(join(inbox, name));
  const { codes, counts } = await told(world);
  assert.deepEqual([codes, counts['messages'], counts['removedMessages']], [['index-damaged'], MAILS, 0]);
  const to = await world.restore('back');
  const restored = join(to, inbox.slice(box.length - 'example.org/alice/box'.length));
  for (const name of readdirSync(inbox)) assert.deepEqual(readFileSync(join(restored, name)), readFileSync(join(inbox, name)), name);
});

test('an mdbox whose index is rubbish, or cut short', { skip }, async () => {
  const { world, inbox } = await filled('mdbox');
  const log = join(inbox, 'dovecot.index.log');
  const sound = readFileSync(log);
  truncateSync(log, sound.length - 10);
  const cut = await told(world);
  assert.deepEqual([cut.codes, cut.counts['messages'], cut.counts['removedMessages']], [['index-damaged'], MAILS, 0]);
  writeFileSync(log, Buffer.alloc(sound.length, 'rubbish'));
  const rubbish = await told(world);
  assert.deepEqual([rubbish.codes, rubbish.counts['messages'], rubbish.counts['removedMessages']], [['index-damaged'], MAILS, 0]);
  writeFileSync(log, sound);
  const mended = await world.backup([]);
  assert.deepEqual([mended.outcome, mended.counts['messages'], mended.counts['newMessages']], ['ok', MAILS, 0]);
});

test('an mdbox that lost a file, its map, and half of another file', { skip }, async () => {
  const { world, box } = await filled('mdbox');
  const storage = join(box, 'storage');
  rmSync(join(storage, 'm.1'));
  const lost = await told(world);
  assert.deepEqual(lost.codes, ['messages-missing']);
  const left = lost.counts['messages'] ?? 0;
  assert.ok(left > 0 && left < MAILS, `${left} messages`);
  truncateSync(join(storage, 'm.2'), 5000);
  const halved = await told(world);
  assert.ok((halved.counts['messages'] ?? 0) < left);
  for (const name of readdirSync(storage)) if (name.startsWith('dovecot.map')) rmSync(join(storage, name));
  const mapless = await told(world);
  assert.deepEqual([mapless.codes, mapless.counts['messages']], [['messages-missing'], 0]);
  const to = await world.restore('back');
  assert.deepEqual(readdirSync(join(to, 'example.org/alice/box/storage')).sort(), readdirSync(storage).sort());
});
