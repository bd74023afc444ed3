import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { notBuilt } from '../support/binary.ts';
import { dovecot, idOf, noDovecot } from '../support/dovecot.ts';
import { flatten, imapSnapshots } from '../support/imap-snapshot.ts';
import { type Load, startLoad } from '../support/load.ts';
import { writeTree } from '../support/maildir.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { differences } from '../support/tree.ts';
import { judge } from './judge.ts';
import { restoredMessages } from './restored.ts';
import { makeWorld, type World } from './world.ts';

const USERS = ['alice@example.org', 'bob@example.org', 'carol@example.net'];
const FOLDERS = ['Work', 'Archive', 'Lists'];
const INCREMENTS = Math.min(3, rounds(1, 3));
const MESSAGES = Math.min(2000, rounds(1200, 2000));

const ROUNDS = rounds(2, 20);

for (let round = 1; round <= ROUNDS; round++) {
  test(`a store under load, round ${round} of ${ROUNDS}`, { skip: noDovecot() || notBuilt() }, (t) => play(t, `round ${round}`));
}

/** Backs up while clients change mail, several times, then once more when they have stopped. */
async function play(t: TestContext, seed: string): Promise<void> {
  const root = scratch('mail');
  writeTree({ root, seed, users: USERS, messages: MESSAGES, folders: FOLDERS, owner: idOf(), mail: { median: 2500, sigma: 1 } });
  const pattern = `${root}/%d/%n/Maildir`;
  const server = await dovecot({ users: USERS, mail: pattern });
  const world = await makeWorld({ path: pattern, separator: '/' });

  const load = await startLoad(server, { rate: 300, clients: 6, seed, folders: ['INBOX', ...FOLDERS] });
  try {
    for (let number = 0; number <= INCREMENTS; number++) {
      await sleep(300);
      await backUpUnderLoad(t, world, load, `increment ${number}`);
    }
  } finally {
    await load.stop();
  }
  t.diagnostic(`${Math.round(load.rate())} changes a second, ${JSON.stringify(load.counts)}`);
  const proof = await world.verify('server');
  assert.deepEqual(
    [proof.outcome, proof.counts['mismatched'], proof.counts['missing'], proof.counts['unexpected']],
    ['ok', 0, 0, 0],
    JSON.stringify(proof.findings),
  );

  const before = flatten(await imapSnapshots(server, USERS));
  await world.backup([]);
  assert.deepEqual(differences(before, flatten(await imapSnapshots(server, USERS))), [], 'somebody changed mail');
  await server.stop();
  const to = await world.restore('quiet');
  const again = await dovecot({ users: USERS, mail: `${to}/%d/%n/Maildir` });
  assert.deepEqual(differences(before, flatten(await imapSnapshots(again, USERS))), []);
  assert.equal((await world.verify('server')).outcome, 'ok');
  await again.stop();
  rmSync(to, { recursive: true });
}

async function backUpUnderLoad(t: TestContext, world: World, load: Load, name: string): Promise<void> {
  const changes = (): number => Object.values(load.counts).reduce((sum, done) => sum + done, 0);
  const [from, made] = [load.ledger.now(), changes()];
  const { counts, findings, outcome } = await world.backup([]);
  const to = load.ledger.now();
  const during = changes() - made;
  t.diagnostic(`${name}: ${during} changes in ${Math.round(to - from)} ms, ${counts['messages']} messages, ${counts['newMessages']} new`);
  assert.ok(during > 0, 'nothing happened during the backup');
  assert.notEqual(outcome, 'partial', JSON.stringify(findings));
  const restored = await world.restore(name.replace(' ', '-'));
  const wrong = USERS.flatMap((user) => judge(load.ledger, user, restoredMessages(placeOf(restored, user)), from, to));
  assert.deepEqual(wrong, []);
  rmSync(restored, { recursive: true });
}

function placeOf(root: string, user: string): string {
  const [name = '', domain = ''] = user.split('@');
  return join(root, domain, name, 'Maildir');
}
