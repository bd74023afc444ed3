/** Several stores of one host, each of another format, in one snapshot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { dovecot, type DovecotOptions, noDovecot } from '../support/dovecot.ts';
import { flatten, imapSnapshots } from '../support/imap-snapshot.ts';
import { scratch } from '../support/tmp.ts';
import { differences } from '../support/tree.ts';
import { use } from './use.ts';
import { makeWorld } from './world.ts';

const USER = 'alice@example.org';
const FORMATS = ['maildir', 'mbox', 'sdbox', 'mdbox'] as const;

test('one snapshot of four stores, of as many formats', { skip: noDovecot() || notBuilt() }, async () => {
  const root = scratch('stores');
  const optionsOf = (format: (typeof FORMATS)[number], at: string): DovecotOptions => ({
    users: [USER],
    format,
    ...(format === 'maildir' ? { layout: 'fs' as const } : {}),
    mail: `${at}/${format}/%d/%n/mail`,
  });
  const world = await makeWorld(
    FORMATS.map((format) => ({
      name: format,
      format,
      path: `${root}/${format}/%d/%n/mail`,
      separator: '/',
      ...(format === 'maildir' ? { layout: 'fs' as const } : {}),
    })),
  );
  const before = new Map<string, Map<string, string>>();
  for (const format of FORMATS) {
    const server = await dovecot(optionsOf(format, root));
    await use(server, USER, 'same');
    before.set(format, flatten(await imapSnapshots(server, [USER])));
    await server.stop();
  }
  const done = await world.backup([]);
  const messages = [...before.values()].reduce((sum, state) => sum + [...state.keys()].filter((key) => / \d+$/.test(key)).length, 0);
  assert.deepEqual([done.counts['mailboxes'], done.counts['messages']], [4, messages]);
  const proof = await world.verify('server');
  assert.deepEqual([proof.outcome, proof.findings, proof.counts['compared']], ['ok', [], messages]);
  const to = await world.restore('all');
  for (const format of FORMATS) {
    // Below the name of each store lies what lay below the fixed part of its path.
    const again = await dovecot(optionsOf(format, to));
    assert.deepEqual(differences(before.get(format) ?? new Map(), flatten(await imapSnapshots(again, [USER]))), [], format);
    await again.stop();
  }
});
