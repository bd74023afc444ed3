/** `standby sync` between two hosts, with the real program over a real SSH server. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { readLag } from '../../src/standby/sync/lag.ts';
import { mailrecover, startMailrecover } from '../support/binary.ts';
import { imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { writeTree } from '../support/maildir.ts';
import { idOf } from '../support/dovecot.ts';
import { isRoot } from '../support/host.ts';
import { complaints, text } from '../live/live-world.ts';
import { ALICE, hosts, skipPair as skip, USERS } from './pair.ts';

const DAY = Date.UTC(2020, 0, 1);

test('from either host, and refused once the other one serves', { skip }, async () => {
  const { first, second, activate } = await hosts();
  const client = await Imap.login(first.server, ALICE);
  await client.create('Projekte/Süd');
  await client.append('Projekte/Süd', text('one'), ['\\Seen', 'Wichtig'], DAY);
  for (let index = 0; index < 30; index++) await client.append('INBOX', text(`m-${index}`), ['\\Flagged'], DAY + index * 1000);

  const dry = await first.run(['standby', 'sync', '--dry-run']);
  assert.deepEqual([dry['dryRun'], dry.counts['added'], dry['from'], dry['to']], [true, 31, 'mx1', 'mx2']);
  const pushed = await first.run(['standby', 'sync']);
  assert.deepEqual([pushed.outcome, pushed.counts['added'], pushed.findings], ['ok', 31, []]);
  assert.deepEqual(await imapSnapshots(second.server, USERS), await imapSnapshots(first.server, USERS));

  await client.select('INBOX');
  await client.expunge('1:3');
  await client.move('4', 'Projekte/Süd');
  const pulled = await second.run(['standby', 'sync', '--mailbox', 'alice@*']);
  assert.deepEqual([pulled.counts['mailboxes'], pulled.counts['added'], pulled.counts['removed']], [1, 1, 4]);
  assert.deepEqual(await imapSnapshots(second.server, USERS), await imapSnapshots(first.server, USERS));
  assert.deepEqual(
    readLag(second.state)
      .map(({ mailbox, behind }) => `${mailbox} ${behind}`)
      .toSorted(),
    USERS.map((user) => `${user} 0`),
  );
  const { stdout } = await second.attempt(['metrics']);
  assert.match(stdout, /^mailrecover_standby_mailboxes 2$/m);
  assert.match(stdout, /^mailrecover_standby_messages_behind 0$/m);
  const none = await second.run(['standby', 'sync', '--mailbox', 'nobody@example.org'], { expect: 3 });
  assert.match(JSON.stringify(none.findings), /fits 'nobody@example.org'/);

  // The standby takes over. Whatever the old host still runs changes nothing there.
  await client.append('INBOX', text('too late'), [], DAY);
  await activate(1, 'mx2');
  const other = await Imap.login(second.server, ALICE);
  await other.append('INBOX', text('of the new host'), [], DAY);
  await other.close();
  const served = await imapSnapshots(second.server, USERS);
  const back = await first.run(['standby', 'sync', '--dry-run'], { expect: 3 });
  assert.deepEqual([back['from'], back['to'], back['epoch']], ['mx2', 'mx1', 1]);
  assert.match(JSON.stringify(back.findings), /did not come from the active host/, 'mail of the split brain is not deleted');
  const before = await imapSnapshots(first.server, USERS);
  await first.run(['standby', 'sync'], { expect: 3 });
  assert.deepEqual(await imapSnapshots(second.server, USERS), served);
  assert.deepEqual(await imapSnapshots(first.server, USERS), before);
  assert.deepEqual([complaints(first.server), complaints(second.server)], [[], []]);
  await client.close();
});

test('a job that began before the switch writes nothing after it', { skip }, async () => {
  const { first, second, activate } = await hosts();
  writeTree({ root: first.root, users: USERS, messages: 1500, ...(isRoot ? { owner: idOf() } : {}) });
  const { child, done } = startMailrecover(['--config', first.config, '--json', '--events', 'standby', 'sync']);
  // It has talked to the other host, and reads.
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', () => resolve());
    child.on('close', () => resolve());
  });
  // It stands still in the middle of its work, while the other host takes over.
  const signal = (name: 'SIGSTOP' | 'SIGCONT'): boolean => process.kill(-(child.pid ?? 0), name);
  signal('SIGSTOP');
  await activate(1, 'mx2');
  const before = await imapSnapshots(second.server, USERS);
  signal('SIGCONT');
  const ran = await done;
  assert.equal(ran.code, 20, ran.stdout + ran.stderr);
  assert.match(ran.stdout, /'mx2' serves since epoch 1|switch to 'mx2' is under way/);
  assert.deepEqual(await imapSnapshots(second.server, USERS), before);
});

test('killed again and again, it goes on where it stopped', { skip }, async () => {
  const { first, second } = await hosts();
  writeTree({ root: first.root, users: USERS, messages: 600, ...(isRoot ? { owner: idOf() } : {}) });
  for (const after of [150, 300, 450, 600, 900]) {
    await mailrecover(['--config', first.config, '--json', 'standby', 'sync'], { timeout: after });
  }
  // The other side of a connection that is gone needs a moment to see that.
  for (let attempt = 0; ; attempt++) {
    const ran = await first.attempt(['--json', 'standby', 'sync']);
    if (ran.code === 0) break;
    assert.ok(ran.code === 11 && attempt < 100, ran.stdout + ran.stderr);
  }
  assert.deepEqual(await imapSnapshots(second.server, USERS), await imapSnapshots(first.server, USERS));
  const again = await first.run(['standby', 'sync']);
  assert.deepEqual([again.counts['added'], again.counts['removed'], again.outcome], [0, 0, 'ok']);
});

test('what is wrong is said, with what to do', { skip }, async () => {
  const { first, ssh } = await hosts();
  const human = await first.attempt(['standby', 'sync']);
  assert.match(human.stdout + human.stderr, /'mx2' has the mail of 'mx1'/);
  await ssh.kill();
  const gone = await first.run(['standby', 'sync'], { expect: 13 });
  assert.match(JSON.stringify(gone), /unable to reach '\S+127.0.0.1/);
  await ssh.start();
  const text = readFileSync(first.config, 'utf8');
  writeFileSync(first.config, text.replace(/\n {6}- \S+bin\/mailrecover/, '\n      - /nowhere/mailrecover'));
  const missing = await first.run(['standby', 'sync'], { expect: 2 });
  assert.match(JSON.stringify(missing), /'\/nowhere\/mailrecover --config \S+' is not installed on 'mx2'/);
  writeFileSync(first.config, text.replace(/\nstandby:[^]*$/, '\n'));
  const none = await first.run(['standby', 'sync'], { expect: 2 });
  assert.match(JSON.stringify(none), /no standby host is configured/);
});

test('from the repository, when the active host is dead', { skip }, async () => {
  const { first, second, activate } = await hosts();
  writeTree({ root: first.root, users: USERS, messages: 120, ...(isRoot ? { owner: idOf() } : {}) });
  const before = await imapSnapshots(first.server, USERS);
  const backup = await first.run(['backup']);
  const dry = await second.run(['standby', 'sync', '--from', 'repository', '--dry-run']);
  assert.deepEqual([dry.counts['added'], dry.counts['failed']], [120, 0], JSON.stringify(dry));
  const done = await second.run(['standby', 'sync', '--from', 'repository']);
  assert.deepEqual([done.counts['added'], done.findings.filter(({ severity }) => severity === 'error')], [120, []]);
  assert.deepEqual(await imapSnapshots(second.server, USERS), before);

  // A later state of the standby is not set back; the other mailbox is as it was.
  const client = await Imap.login(first.server, ALICE);
  await client.append('INBOX', text('later'), [], DAY);
  await client.close();
  await second.run(['standby', 'sync', '--mailbox', ALICE]);
  const later = await imapSnapshots(first.server, USERS);
  const again = await second.run(['standby', 'sync', '--from', 'repository']);
  assert.ok(
    again.findings.some(({ code, subject }) => code === 'newer-on-standby' && subject === ALICE),
    JSON.stringify(again),
  );
  assert.deepEqual(await imapSnapshots(second.server, USERS), later);

  // The host that serves is never written to, whatever the source.
  await activate(1, 'mx2');
  const none = await second.run(['standby', 'sync', '--from', 'repository'], { expect: 2 });
  assert.match(JSON.stringify(none), /there is no snapshot of host 'mx2'/);
  const ofOld = await second.run(['standby', 'sync', '--from', 'repository', '--snapshot', String(backup['snapshot'])], { expect: 20 });
  assert.match(JSON.stringify(ofOld), /is of 'mx1', and 'mx2' serves/);
  await second.run(['standby', 'sync', '--snapshot', 'latest'], { expect: 2 });
});
