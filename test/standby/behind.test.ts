/** `restore --behind`: mailboxes that were begun anew get their history back while their clients use them. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { type Dovecot, noDovecot } from '../support/dovecot.ts';
import { imapSnapshot, type MailboxState } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import { ALICE, asides, complaints, liveWorld, text, type LiveWorld } from '../live/live-world.ts';

const skip = noDovecot() || notBuilt();
const DAY = Date.UTC(2020, 0, 1);

test('a mailbox in use', { skip }, async () => {
  const live = await liveWorld();
  const { server, world } = live;
  const client = await Imap.login(server, ALICE);
  await client.create('Work');
  for (let index = 1; index <= 6; index++) {
    await client.append('INBOX', text(`h-${index}`), index % 2 === 0 ? ['\\Seen', 'old'] : [], DAY + index * 1000);
    await client.append('Work', text(`w-${index}`), ['\\Flagged'], DAY + index * 1000);
  }
  await client.subscribe('Work');
  await world.backup([]);
  const before = await imapSnapshot(server, ALICE);
  await client.close();
  const root = server.mailOf(ALICE);
  renameSync(root, `${root}.gone`);
  await new Promise((r) => setTimeout(r, 1100));
  const now = await Imap.login(server, ALICE);
  const lmtp = await Lmtp.connect(server);
  await lmtp.deliver(text('d-1'), ALICE);
  await now.append('INBOX', text('d-2'), ['\\Flagged', 'new'], DAY);
  await now.select('INBOX');
  const dry = await live.restore(['latest', '--behind', '--dry-run']);
  console.log(JSON.stringify(dry, null, 1));
  const done = await live.restore(['latest', '--behind']);
  console.log(JSON.stringify(done, null, 1));
  console.log(JSON.stringify(await imapSnapshot(server, ALICE), null, 1), JSON.stringify(before, null, 1));
  console.log(asides(live), complaints(server));
  console.log(await now.command('NOOP').catch(String));
});
