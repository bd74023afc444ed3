/** mbox, sdbox and mdbox under load, with altmove and purge while they are backed up. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { notBuilt } from '../support/binary.ts';
import { type Dovecot, dovecot, noDovecot } from '../support/dovecot.ts';
import { flatten, imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { type Load, startLoad } from '../support/load.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { differences } from '../support/tree.ts';
import { judge } from './judge.ts';
import type { RestoredMessage } from './restored.ts';
import { makeWorld, type World } from './world.ts';

const USERS = ['alice@example.org', 'bob@example.org'];
const INCREMENTS = Math.min(2, rounds(1, 2));
const ROUNDS = rounds(1, 10);

for (let round = 1; round <= ROUNDS; round++)
  // One of them in `npm test`, which is near its limit of time.
  for (const format of rounds(0, 1) === 0 ? (['mdbox'] as const) : (['mdbox', 'sdbox', 'mbox'] as const))
    test(`${format} under load, round ${round} of ${ROUNDS}`, { skip: noDovecot() || notBuilt() }, (t) =>
      play(t, format, `round ${round}`),
    );

type Start = (root: string, dot: string) => Promise<Dovecot>;

async function play(t: TestContext, format: 'mdbox' | 'sdbox' | 'mbox', seed: string): Promise<void> {
  const root = scratch('load');
  const hasAlt = format !== 'mbox';
  const start: Start = (at, dot) =>
    dovecot({
      users: USERS,
      format,
      mail: `${at}/%d/%n/${format}`,
      ...(hasAlt ? { alt: `${at}/${dot}alt/%d/%n` } : {}),
      extra: ['mdbox_rotate_size = 100k'],
    });
  const server = await start(root, '');
  const world = await makeWorld({ path: server.mail, format, ...(hasAlt ? { alt: `${root}/alt/%d/%n` } : {}), separator: '/' });
  // Dovecot 2.3 does not bear several sessions that change one mbox at this pace: it ends with a failed assertion.
  const pace = format === 'mbox' ? { rate: 60, clients: USERS.length, mix: { copy: 0 } } : { rate: 200, clients: 4 };
  const load = await startLoad(server, { ...pace, seed });
  const tidying = { goesOn: hasAlt };
  const tidy = (async () => {
    while (tidying.goesOn) {
      for (const user of USERS) {
        server.doveadm('altmove', '-u', user, 'mailbox', 'INBOX', 'SEEN');
        if (format === 'mdbox') server.doveadm('purge', '-u', user);
        await sleep(150);
      }
    }
  })();
  try {
    for (let number = 0; number <= INCREMENTS; number++) {
      await sleep(500);
      await backUpUnderLoad(t, { world, load, start }, `increment ${number}`);
    }
  } finally {
    tidying.goesOn = false;
    await tidy;
    await load.stop();
  }
  t.diagnostic(`${Math.round(load.rate())} changes a second, ${JSON.stringify(load.counts)}`);
  const before = flatten(await imapSnapshots(server, USERS));
  await world.backup([]);
  const proof = await world.verify('server');
  assert.deepEqual([proof.outcome, proof.findings], ['ok', []]);
  await server.stop();
  const to = await world.restore('quiet');
  const again = await start(to, '.');
  assert.deepEqual(differences(before, flatten(await imapSnapshots(again, USERS))), []);
  await again.stop();
}

async function backUpUnderLoad(
  t: TestContext,
  { world, load, start }: { world: World; load: Load; start: Start },
  name: string,
): Promise<void> {
  const changes = (): number => Object.values(load.counts).reduce((sum, done) => sum + done, 0);
  const [from, made] = [load.ledger.now(), changes()];
  const { counts, findings, outcome } = await world.backup([]);
  const to = load.ledger.now();
  t.diagnostic(`${name}: ${changes() - made} changes in ${Math.round(to - from)} ms, ${counts['messages']} messages`);
  assert.deepEqual(
    findings.filter(({ severity, code }) => severity !== 'info' && code !== 'new-host-key').map(({ message }) => message),
    [],
  );
  assert.notEqual(outcome, 'partial');
  const restored = await world.restore(name.replace(' ', '-'));
  const again = await start(restored, '.');
  const wrong: string[] = [];
  for (const user of USERS) wrong.push(...judge(load.ledger, user, await served(again, user), from, to));
  assert.deepEqual(wrong, []);
  assert.doesNotMatch(again.log(), /Error:|Panic:|corrupted/i);
  await again.stop();
  rmSync(restored, { recursive: true });
}

/** All messages that a server shows. */
async function served(server: Dovecot, user: string): Promise<RestoredMessage[]> {
  const client = await Imap.login(server, user);
  const messages: RestoredMessage[] = [];
  for (const { name } of await client.list()) {
    const { exists } = await client.select(name);
    if (exists === 0) continue;
    for (const [uid, value] of await client.headers('Message-ID'))
      messages.push({ folder: name, base: String(uid), messageId: value.trim(), uid });
  }
  await client.close();
  return messages;
}
