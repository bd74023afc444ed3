/** sdbox and mdbox, with alternative storage and indexes elsewhere: what Dovecot serves after a restore is what it served before. */
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

interface Variant {
  format: 'sdbox' | 'mdbox';
  alt?: boolean;
  index?: boolean;
  utf8?: boolean;
}

const VARIANTS: Record<string, Variant> = {
  mdbox: { format: 'mdbox' },
  'mdbox with alternative storage, indexes elsewhere and UTF-8 names': { format: 'mdbox', alt: true, index: true, utf8: true },
  sdbox: { format: 'sdbox' },
  'sdbox with alternative storage and indexes elsewhere': { format: 'sdbox', alt: true, index: true },
};

for (const [title, { format, alt, index, utf8 }] of Object.entries(VARIANTS)) {
  test(title, { skip }, async () => {
    const root = scratch('dbox');
    const place = (mail: string, others: string, dot: string): Pick<DovecotOptions, 'mail' | 'alt' | 'index'> => ({
      mail: `${mail}/%d/%n/${format}`,
      ...(alt === true ? { alt: `${others}/${dot}alt/%d/%n` } : {}),
      ...(index === true ? { index: `${others}/${dot}index/%d/%n` } : {}),
    });
    const options = { users: USERS, format, ...(utf8 === true ? { utf8 } : {}), extra: ['mdbox_rotate_size = 30k'] };
    const at = place(`${root}/mail`, root, '');
    const server = await dovecot({ ...options, ...at });
    const { mail: path = '', ...apart } = at;
    const world = await makeWorld({ path, format, separator: '/', ...apart, ...(utf8 === true ? { utf8 } : {}) });
    for (const seed of ['one', 'two']) {
      for (const user of USERS) await use(server, user, seed);
      if (alt === true) server.doveadm('altmove', '-u', USERS[0] ?? '', 'mailbox', 'INBOX', 'FLAGGED');
      if (seed === 'two' && format === 'mdbox') server.doveadm('purge', '-u', USERS[0] ?? '');
      const before = flatten(await imapSnapshots(server, USERS));
      const done = await world.backup([]);
      assert.deepEqual(
        done.findings.filter(({ code }) => code !== 'new-host-key').map(({ code, message }) => `${code}: ${message}`),
        [],
      );
      const messages = [...before.keys()].filter((key) => / \d+$/.test(key)).length;
      assert.deepEqual([done.counts['mailboxes'], done.counts['messages']], [2, messages]);
      if (seed === 'two') {
        const proof = await world.verify('server');
        assert.deepEqual([proof.outcome, proof.findings, proof.counts['compared']], ['ok', [], messages]);
      }
      const to = await world.restore(`restored-${seed}`);
      const again = await dovecot({ ...options, ...place(to, to, '.') });
      assert.deepEqual(differences(before, flatten(await imapSnapshots(again, USERS))), []);
      await again.stop();
    }
  });
}
