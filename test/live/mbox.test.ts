/** mbox: folders in a directory, INBOX in a file of its own, or nothing but a file. What Dovecot serves after a restore is what it served before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { dovecot, type DovecotOptions, noDovecot } from '../support/dovecot.ts';
import { flatten, imapSnapshots } from '../support/imap-snapshot.ts';
import { scratch } from '../support/tmp.ts';
import { differences } from '../support/tree.ts';
import { use } from './use.ts';
import { makeWorld } from './world.ts';

const skip = noDovecot() || notBuilt();
const USERS = ['alice@example.org', 'bob@example.net'];

for (const [title, apart] of [
  ['mbox with INBOX among the folders', false],
  ['mbox with INBOX in the spool', true],
] as const) {
  test(title, { skip }, async () => {
    const root = scratch('mbox');
    const place = (mail: string, spool: string): Pick<DovecotOptions, 'mail' | 'inbox'> => ({
      mail: `${mail}/%d/%n/mail`,
      ...(apart ? { inbox: `${spool}/%d/%n` } : {}),
    });
    const options = { users: USERS, format: 'mbox' as const };
    const server = await dovecot({ ...options, ...place(`${root}/home`, `${root}/spool`) });
    const world = await makeWorld({
      path: server.mail,
      format: 'mbox',
      separator: '/',
      ...(apart ? { inbox: `${root}/spool/%d/%n` } : {}),
    });
    for (const seed of ['one', 'two']) {
      for (const user of USERS) await use(server, user, seed);
      const before = flatten(await imapSnapshots(server, USERS));
      const messages = [...before.keys()].filter((key) => / \d+$/.test(key)).length;
      const done = await world.backup([]);
      assert.deepEqual(
        done.findings.filter(({ code }) => code !== 'new-host-key').map(({ code, message }) => `${code}: ${message}`),
        [],
      );
      assert.deepEqual([done.counts['mailboxes'], done.counts['messages']], [2, messages]);
      const proof = await world.verify('server');
      assert.deepEqual([proof.outcome, proof.findings, proof.counts['compared']], ['ok', [], messages]);
      const to = await world.restore(`restored-${seed}`);
      const again = await dovecot({ ...options, ...place(to, `${to}/.inbox`) });
      assert.deepEqual(differences(before, flatten(await imapSnapshots(again, USERS))), []);
      await again.stop();
    }
  });
}
