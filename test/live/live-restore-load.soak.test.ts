/** Live restores while clients and deliveries change the same mailboxes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { dovecot, idOf, noDovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import type { Ledger } from '../support/ledger.ts';
import { startLoad } from '../support/load.ts';
import { writeTree } from '../support/maildir.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { makeWorld } from './world.ts';

const USERS = ['alice@example.org', 'bob@example.org'];
const FOLDERS = ['Work', 'Archive', 'Lists'];
const ROUNDS = rounds(1, 15);

type Counts = Map<string, number>;

function add(counts: Counts, key: string, number = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + number);
}

/** How often each Message-ID lies in each folder of a user. */
async function served(server: Parameters<typeof Imap.login>[0], user: string): Promise<Counts> {
  const client = await Imap.login(server, user);
  const counts: Counts = new Map();
  for (const folder of ['INBOX', ...FOLDERS]) {
    const { exists } = await client.select(folder, { readOnly: true });
    if (exists === 0) continue;
    for (const messageId of (await client.headers('Message-ID')).values()) add(counts, `${messageId} ${folder}`);
  }
  await client.close();
  return counts;
}

/** What lies where by the ledger's word, now that nobody changes anything. */
function confirmed(ledger: Ledger, user: string): Counts {
  const counts: Counts = new Map();
  for (const instance of ledger.instances) {
    const last = instance.stays.at(-1);
    if (instance.user === user && last !== undefined && last.ending === Infinity) add(counts, `${instance.messageId} ${last.folder}`);
  }
  return counts;
}

/** Message-IDs of what live restores keep beside a mailbox. */
function setAside(mail: string): Set<string> {
  const home = dirname(mail);
  const places = readdirSync(home).filter((name) => name.startsWith('.mailrecover'));
  const files = places.flatMap((name) =>
    readdirSync(join(home, name), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
  );
  return new Set(
    files.map((entry) => /^message-id:\s*(<[^>]*>)/im.exec(readFileSync(join(entry.parentPath, entry.name), 'latin1'))?.[1] ?? ''),
  );
}

for (let round = 1; round <= ROUNDS; round++) {
  test(`restored into mailboxes under load, round ${round} of ${ROUNDS}`, { skip: noDovecot() || notBuilt() }, async (t) => {
    const root = scratch('mail');
    const seed = `live ${round}`;
    writeTree({ root, seed, users: USERS, messages: 600, folders: FOLDERS, owner: idOf(), mail: { median: 1500, sigma: 1 } });
    const server = await dovecot({ users: USERS, mail: `${root}/%d/%n/Maildir` });
    const world = await makeWorld({ path: server.mail, separator: '/' }, { dovecot: { config: server.config } });
    const args = ['--yes', '--identity', `${world.directory}/etc/identity.txt`];
    // What lies there at first, and then goes: by the backup, every instance is in the snapshot.
    const start = new Map<string, Counts>();
    for (const user of USERS) start.set(user, await served(server, user));
    const startOf = (user: string): Counts => start.get(user) ?? new Map();
    await world.backup([]);

    const load = await startLoad(server, { rate: 120, clients: 4, seed, folders: ['INBOX', ...FOLDERS] });
    let restored = 0;
    const replaced = { added: 0, setAside: 0 };
    try {
      for (let number = 0; number < 3; number++) {
        const done = await world.run(['restore', 'latest', '--live', 'missing', ...args]);
        assert.notEqual(done.outcome, 'partial', JSON.stringify(done.findings));
        restored += done.counts['added'] ?? 0;
      }
    } finally {
      await load.stop();
    }
    t.diagnostic(`${JSON.stringify(load.counts)}; ${restored} came back`);
    assert.ok(restored > 0);

    // Everything that clients believe to be there is there; what else is there is a message that the snapshot had and that was expunged.
    const wrong: string[] = [];
    for (const user of USERS) {
      const [found, believed] = [await served(server, user), confirmed(load.ledger, user)];
      for (const [key, number] of believed) if ((found.get(key) ?? 0) < number) wrong.push(`${user}: lost: ${key}`);
      const [total, most]: [Counts, Counts] = [new Map(), new Map()];
      const idOf = (key: string): string => key.split(' ')[0] ?? '';
      for (const [key, number] of found) add(total, idOf(key), number);
      for (const [key, number] of believed) add(most, idOf(key), number);
      const expunged: Counts = new Map();
      for (const instance of load.ledger.instances)
        if (instance.user === user && instance.stays.at(-1)?.ending !== Infinity) add(expunged, instance.messageId);
      for (const [id, number] of total) {
        const limit = (most.get(id) ?? 0) + (expunged.get(id) ?? 0);
        if (number > limit) wrong.push(`${user}: too often: ${id}, ${number} of ${limit}`);
      }
    }
    assert.equal(wrong.join('\n'), '');

    // At rest: once more brings back the last, and then nothing.
    await world.run(['restore', 'latest', '--live', 'missing', ...args]);
    assert.equal((await world.run(['restore', 'latest', '--live', 'missing', ...args])).counts['added'], 0);
    for (const user of USERS) {
      const [now, then]: [Counts, Counts] = [new Map(), new Map()];
      for (const [key, number] of await served(server, user)) add(now, key.split(' ')[0] ?? '', number);
      for (const [key, number] of startOf(user)) add(then, key.split(' ')[0] ?? '', number);
      for (const [id, number] of then) if ((now.get(id) ?? 0) < number) wrong.push(`${user}: not brought back: ${id}`);
    }
    assert.equal(wrong.join('\n'), '');

    // And back to the first state, with deliveries coming in.
    const second = await startLoad(server, {
      rate: 60,
      clients: 2,
      seed: `${seed} again`,
      folders: ['INBOX', ...FOLDERS],
      mix: { flag: 0, move: 0, copy: 0, expunge: 0, append: 50, deliver: 50 },
    });
    try {
      const done = await world.run(['restore', 'latest', '--live', 'replace', ...args]);
      Object.assign(replaced, done.counts);
    } finally {
      await second.stop();
    }
    t.diagnostic(`replace: ${JSON.stringify(replaced)}, while ${JSON.stringify(second.counts)}`);
    for (const user of USERS) {
      const found = await served(server, user);
      // What came while it ran is served, or was there when the plan was made, and is kept aside.
      const aside = setAside(server.mailOf(user));
      const ids = new Set([...found.keys()].map((key) => key.split(' ')[0] ?? ''));
      for (const key of confirmed(second.ledger, user).keys()) {
        const id = key.split(' ')[0] ?? '';
        if (!ids.has(id) && !aside.has(id)) wrong.push(`${user}: lost: ${id}`);
      }
      for (const [key, number] of startOf(user))
        if ((found.get(key) ?? 0) < number) wrong.push(`${user}: not as it was: ${key}: ${found.get(key) ?? 0} of ${number}`);
    }
    assert.equal(wrong.join('\n'), '');
    const complaints = server
      .log()
      .split('\n')
      .filter((line) => /: (Error|Panic|Fatal): /.test(line));
    assert.deepEqual(complaints, []);
  });
}
