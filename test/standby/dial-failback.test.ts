/** Mailboxes that were begun anew, on a pair of hosts: nothing is copied or merged until their history is back, and then everything is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginDial } from '../../src/standby/dial/begin.ts';
import { imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import { text } from '../live/live-world.ts';
import { ALICE, hosts, skipPair as skip, USERS, type Host } from './pair.ts';

const DAY = Date.UTC(2020, 0, 1);

async function subjects({ server }: Host): Promise<string[]> {
  const client = await Imap.login(server, ALICE);
  const { exists } = await client.select('INBOX', { readOnly: true });
  const found = exists === 0 ? [] : [...(await client.headers('Subject')).values()];
  await client.close();
  return found;
}

test('what an empty mailbox lacks is not deleted anywhere; once its history is back, both hosts are merged', { skip }, async () => {
  const { first, second, activate } = await hosts();
  const client = await Imap.login(first.server, ALICE);
  for (const subject of ['h-1', 'h-2', 'h-3', 'h-4']) await client.append('INBOX', text(subject), [], DAY);
  await first.run(['standby', 'sync']);
  await client.append('INBOX', text('h-5'), [], DAY);
  await client.select('INBOX');
  await client.expunge('2');
  await first.run(['backup']);
  await client.append('INBOX', text('after-backup'), [], DAY);
  await client.store('3', '+', ['\\Flagged']);
  await client.close();

  await activate(1, 'mx2');
  const stores = [{ name: 'mail', path: second.server.mail, layout: 'maildir++' as const }];
  const anew = await beginDial(
    { state: second.state, stores },
    { run: '1'.padStart(16, '0'), epoch: 1, from: 'mx1', keepSince: new Date(Date.now() + 3_600_000).toISOString() },
  );
  assert.equal(anew.anew, USERS.length);
  const lmtp = await Lmtp.connect(second.server);
  await lmtp.deliver(text('d-1'), ALICE);
  assert.deepEqual(await subjects(second), ['d-1']);
  const old = await imapSnapshots(first.server, USERS);
  for (const command of [
    ['standby', 'sync'],
    ['standby', 'failback', '--yes', '--allow-loss'],
  ]) {
    const ran = await second.run(command, { expect: 3 });
    assert.ok(
      ran.findings.every(({ code }) => code === 'dial-tone'),
      JSON.stringify(ran.findings),
    );
  }
  assert.deepEqual(await imapSnapshots(first.server, USERS), old);
  assert.deepEqual(await subjects(second), ['d-1']);
  // The host that does not serve is not filled.
  await first.run(['restore', 'latest', '--behind', '--yes'], { expect: 20 });

  const back = await second.run(['restore', '--behind', '--yes']);
  assert.deepEqual(
    back.findings.map(({ code }) => code),
    ['unconfirmed-key'],
    JSON.stringify(back.findings),
  );
  await lmtp.deliver(text('d-2'), ALICE);
  assert.deepEqual(await subjects(second), ['h-1', 'h-3', 'h-4', 'h-5', 'd-1', 'd-2']);
  const merged = await second.run(['standby', 'failback', '--yes']);
  assert.equal(merged.outcome, 'ok', JSON.stringify(merged.findings));
  assert.deepEqual([merged.counts['added'], merged.counts['removed'], merged.counts['reflagged']], [1, 0, 1]);
  assert.deepEqual(await subjects(second), ['h-1', 'h-3', 'h-4', 'h-5', 'd-1', 'd-2', 'after-backup']);
  assert.deepEqual(await imapSnapshots(first.server, [ALICE]), await imapSnapshots(second.server, [ALICE]));
});
