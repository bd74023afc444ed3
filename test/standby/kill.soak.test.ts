/** Synchronisations and merges that are killed at any moment, while clients and deliveries go on. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mailrecover, type Ran } from '../support/binary.ts';
import type { Dovecot } from '../support/dovecot.ts';
import { imapSnapshots } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { startLoad } from '../support/load.ts';
import { Random } from '../support/random.ts';
import { rounds } from '../support/soak.ts';
import { complaints } from '../live/live-world.ts';
import { hosts, skipPair as skip, USERS, type Host } from './pair.ts';

const ROUNDS = rounds(1, 12);
const LOAD = { clients: 2, rate: 60, folders: ['INBOX', 'Work', 'Archive'] };

/** Runs a command and kills it after some time, along with what it had started. */
function killed(host: Host, args: string[], after: number): Promise<Ran> {
  return mailrecover(['--config', host.config, '--json', ...args], { timeout: after });
}

/** Runs it until no left-over process of the other side is in the way. */
async function finished(host: Host, args: string[]): Promise<Ran> {
  for (let attempt = 0; ; attempt++) {
    const ran = await host.attempt(['--json', ...args]);
    if (ran.code !== 11 || attempt > 200) return ran;
  }
}

/** How often each Message-ID is there, wherever. */
async function counts(server: Dovecot, user: string): Promise<Map<string, number>> {
  const client = await Imap.login(server, user);
  const found = new Map<string, number>();
  for (const { name } of await client.list()) {
    const { exists } = await client.select(name, { readOnly: true });
    if (exists > 0) for (const id of (await client.headers('Message-ID')).values()) found.set(id, (found.get(id) ?? 0) + 1);
  }
  await client.close();
  return found;
}

for (let round = 1; round <= ROUNDS; round++) {
  test(`round ${round}: killed under load, and both hosts served`, { skip }, async () => {
    const random = new Random(`standby ${round}`);
    const pair = await hosts();
    const { first, second } = pair;
    const load = await startLoad(first.server, { ...LOAD, seed: `first ${round}` });
    for (let index = 0; index < 4; index++) await killed(first, ['standby', 'sync', '--allow-loss'], 200 + random.int(1200));
    await load.stop();
    const synced = await finished(first, ['standby', 'sync', '--allow-loss']);
    assert.equal(synced.code, 0, synced.stdout);
    assert.deepEqual(await imapSnapshots(second.server, USERS), await imapSnapshots(first.server, USERS));

    // Both serve. What is there once on each host, and not at all in the common state, must be there once in the end.
    const base = new Map<string, Map<string, number>>();
    for (const user of USERS) base.set(user, await counts(second.server, user));
    await pair.activate(1, 'mx2');
    const loads = await Promise.all(
      [first, second].map(({ server, name }) => startLoad(server, { ...LOAD, rate: 40, seed: `${name} ${round}` })),
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await Promise.all(loads.map((each) => each.stop()));
    const sides = new Map<string, [Map<string, number>, Map<string, number>]>();
    for (const user of USERS) sides.set(user, [await counts(first.server, user), await counts(second.server, user)]);

    for (let index = 0; index < 4; index++) await killed(second, ['standby', 'failback', '--yes', '--allow-loss'], 300 + random.int(1500));
    const merged = await finished(second, ['standby', 'failback', '--yes', '--allow-loss']);
    assert.equal(merged.code, 0, merged.stdout);
    for (const user of USERS) {
      const [theirs, ours] = sides.get(user) ?? [];
      const after = await counts(second.server, user);
      for (const id of new Set([...(theirs?.keys() ?? []), ...(ours?.keys() ?? [])])) {
        const [was, their, our, now] = [base.get(user), theirs, ours, after].map((each) => each?.get(id) ?? 0);
        const what = `${id} of ${user}: ${was} times before, ${their} and ${our} on the hosts, ${now} after`;
        if (was === 0) assert.equal(now, (their ?? 0) + (our ?? 0), what);
        else if (their === was && our === was) assert.ok((now ?? 0) >= (was ?? 0), what);
        else assert.ok((now ?? 0) <= Math.max(was ?? 0, their ?? 0, our ?? 0) + 1, what);
      }
    }
    assert.deepEqual(await imapSnapshots(first.server, USERS), await imapSnapshots(second.server, USERS));
    // A message that was moved away and back has its old name: Dovecot itself writes that twice, and says so when it reads it.
    const serious = ({ server }: Host): string[] => complaints(server).filter((line) => !line.includes('Duplicate file entry'));
    assert.deepEqual([serious(first), serious(second)], [[], []]);
    for (const user of USERS) {
      const places = readdirSync(join(first.root, 'example.org', user.split('@')[0] ?? ''));
      assert.deepEqual(
        places.filter((name) => name.startsWith('.mailrecover-sync')),
        [],
      );
    }
  });
}
