/** Stores as Dovecot can be told to keep them: what it serves after a restore is what it served before. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { notBuilt } from '../support/binary.ts';
import { dovecot, type DovecotOptions, noDovecot } from '../support/dovecot.ts';
import { flatten, imapSnapshots } from '../support/imap-snapshot.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { differences } from '../support/tree.ts';
import { use } from './use.ts';
import { makeWorld, type StoreSettings } from './world.ts';

const skip = noDovecot() || notBuilt();
const USERS = ['alice@example.org', 'bob@example.net'];

type Variant = Pick<DovecotOptions, 'layout' | 'prefix' | 'separator' | 'utf8'> & { apart?: boolean; home?: boolean };

/** What others have in them is tried by itself in the soak. */
const SINGLE: Record<string, Variant> = {
  'fs layout': { layout: 'fs' },
  'control and index files elsewhere': { apart: true },
};
const VARIANTS: Record<string, Variant> = {
  ...(rounds(0, 1) === 0 ? {} : SINGLE),
  'fs layout, UTF-8 names, control files elsewhere': { layout: 'fs', utf8: true, apart: true },
  'UTF-8 names, a prefix and dots': { utf8: true, prefix: 'INBOX.', separator: '.' },
  'a prefix and Sieve in the home': { prefix: 'INBOX/', home: true },
};

for (const [title, { apart, home, ...variant }] of Object.entries(VARIANTS)) {
  test(title, { skip }, async () => {
    const root = scratch('layout');
    const place = (below: string, control: string): Pick<DovecotOptions, 'mail' | 'control' | 'index'> => ({
      mail: `${below}/%d/%n/Maildir`,
      ...(apart === true ? { control: `${control}/%d/%n`, index: `${root}/index/%d/%n` } : {}),
    });
    const server = await dovecot({ users: USERS, ...place(`${root}/mail`, `${root}/control`), ...variant });
    const store: StoreSettings = {
      path: server.mail,
      separator: server.separator,
      prefix: server.prefix,
      ...(variant.layout === undefined ? {} : { layout: variant.layout }),
      ...(variant.utf8 === true ? { utf8: true } : {}),
      ...(apart === true ? { control: `${root}/control/%d/%n` } : {}),
      ...(home === true ? { home: `${root}/mail/%d/%n` } : {}),
    };
    const world = await makeWorld(store);
    for (const seed of ['one', 'two']) {
      for (const user of USERS) await use(server, user, seed);
      if (home === true) writeSieve(`${root}/mail/example.org/alice`, seed);
      const before = flatten(await imapSnapshots(server, USERS));
      const done = await world.backup([]);
      assert.deepEqual([done.outcome, done.counts['mailboxes']], [seed === 'one' ? 'warning' : 'ok', 2], JSON.stringify(done.findings));
      const proof = await world.verify('server');
      assert.deepEqual([proof.outcome, proof.findings], ['ok', []]);
      const to = await world.restore(`restored-${seed}`);
      rmSync(`${root}/index`, { recursive: true, force: true });
      const again = await dovecot({ users: USERS, ...place(to, `${to}/.control`), ...variant });
      assert.deepEqual(differences(before, flatten(await imapSnapshots(again, USERS))), []);
      await again.stop();
      if (home === true) assertSieve(`${to}/.home/example.org/alice`, seed);
    }
  });
}

function writeSieve(home: string, text: string): void {
  mkdirSync(join(home, 'sieve/tmp'), { recursive: true });
  writeFileSync(join(home, 'sieve/main.sieve'), `# ${text}\nkeep;\n`);
  writeFileSync(join(home, '.private'), 'not mail');
  rmSync(join(home, '.dovecot.sieve'), { force: true });
  symlinkSync('sieve/main.sieve', join(home, '.dovecot.sieve'));
}

function assertSieve(home: string, text: string): void {
  assert.deepEqual(readdirSync(home).toSorted(), ['.dovecot.sieve', 'sieve']);
  assert.equal(readlinkSync(join(home, '.dovecot.sieve')), 'sieve/main.sieve');
  assert.equal(readFileSync(join(home, '.dovecot.sieve'), 'utf8'), `# ${text}\nkeep;\n`);
}

test('compressed mail keeps its bytes, and the server proves all but what it can not read', { skip }, async () => {
  const root = scratch('zlib');
  const server = await dovecot({ users: USERS, mail: `${root}/%d/%n/Maildir` });
  for (const user of USERS) await use(server, user, 'zlib');
  const before = flatten(await imapSnapshots(server, USERS));
  await server.stop();
  // As the zlib plugin keeps it: the size in the name is that of the message.
  const cur = `${root}/example.org/alice/Maildir/cur`;
  const owner = statSync(cur);
  for (const [index, name] of readdirSync(cur).entries()) {
    if (index % 2 === 0) continue;
    const { mtime } = statSync(join(cur, name));
    writeFileSync(join(cur, name), gzipSync(readFileSync(join(cur, name))));
    utimesSync(join(cur, name), mtime, mtime);
  }
  spawnSync('chown', ['-R', `${owner.uid}:${owner.gid}`, cur]);
  const world = await makeWorld({ path: `${root}/%d/%n/Maildir`, separator: '/' });
  await world.backup([]);
  const proof = await world.verify('server');
  assert.deepEqual([proof.outcome, proof.counts['mismatched'], proof.counts['missing']], ['ok', 0, 0], JSON.stringify(proof.findings));
  const to = await world.restore('restored');
  for (const name of readdirSync(cur))
    assert.deepEqual(readFileSync(join(cur, name)), readFileSync(join(to, 'example.org/alice/Maildir/cur', name)));
  assert.ok(before.size > 0);
});
