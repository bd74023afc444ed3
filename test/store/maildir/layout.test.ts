import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { fsPath } from '../../../src/store/bytes.ts';
import { DEFAULT_LAYOUT, folderDir, folderName, type FolderLayout } from '../../../src/store/maildir/layout.ts';
import { mutf7Decode, mutf7Encode } from '../../../src/store/maildir/mutf7.ts';

const fs: FolderLayout = { ...DEFAULT_LAYOUT, layout: 'fs' };

test('modified UTF-7 as in RFC 3501', () => {
  assert.equal(mutf7Encode('~peter/mail/台北/日本語'), '~peter/mail/&U,BTFw-/&ZeVnLIqe-');
  assert.equal(mutf7Decode('~peter/mail/&U,BTFw-/&ZeVnLIqe-'), '~peter/mail/台北/日本語');
  assert.equal(mutf7Encode('a & b'), 'a &- b');
  assert.equal(mutf7Encode('😀'), '&2D3eAA-');
  // The RFC's own examples of what must not be: superfluous shift, ASCII in base64; then no end, odd bytes, half a pair, raw 8 bit.
  for (const bad of ['&Jjo-&Jjo-', '&AGE-', '&Jjo', '&JjoA-', '&2D0-', 'caf\xe9', '&-&', '&=-', 'a\tb'])
    assert.equal(mutf7Decode(bad), undefined, bad);
});

test('modified UTF-7 comes back, and has one spelling', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => mutf7Decode(mutf7Encode(text)) === text.toWellFormed()));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary-ascii' }), fc.stringMatching(/^[&A-Za-z0-9,+-]*$/)), (bytes) => {
      const text = mutf7Decode(bytes);
      assert.ok(text === undefined || mutf7Encode(text) === bytes);
    }),
  );
});

test('folder names of Maildir++ and fs', () => {
  const cases: [string, string, FolderLayout][] = [
    ['', 'INBOX', DEFAULT_LAYOUT],
    ['.A.B', 'A/B', DEFAULT_LAYOUT],
    ['.A.B', 'A.B', { ...DEFAULT_LAYOUT, separator: '.' }],
    ['.&ZeVnLIqe-', '日本語', DEFAULT_LAYOUT],
    ['.\xe6\x97\xa5', '日', { ...DEFAULT_LAYOUT, utf8: true }],
    ['.Sent', 'INBOX.Sent', { ...DEFAULT_LAYOUT, separator: '.', prefix: 'INBOX.' }],
    ['', 'Public', { ...DEFAULT_LAYOUT, inbox: false, prefix: 'Public/' }],
    ['.a\\2eb.c', 'a.b/c', { ...DEFAULT_LAYOUT, escape: '\\' }],
    ['.a\\5cb', 'a\\b', { ...DEFAULT_LAYOUT, escape: '\\' }],
    ['.a\\2fb', 'a\\2fb', { ...DEFAULT_LAYOUT, escape: '\\' }],
    ['A/B c', 'A/B c', fs],
    ['A/B', 'A.B', { ...fs, separator: '.' }],
    ['a.b', 'a\\2eb', { ...fs, separator: '.' }],
    ['.INBOX', '\\49NBOX', DEFAULT_LAYOUT],
    ['inbox', '\\69nbox', fs],
    ['INBOX/x', 'INBOX/x', fs],
  ];
  for (const [dir, name, layout] of cases) {
    assert.equal(folderName(dir, layout), name);
    assert.equal(folderDir(name, layout), dir, name);
  }
  assert.equal(folderName('sieve'), undefined);
  assert.equal(folderName('.A/B'), undefined);
  assert.equal(folderName('.caf\xe9'), 'caf%E9');
  assert.equal(folderName('.&bad'), '&bad');
  assert.equal(folderDir('inbox'), '');
  for (const name of ['', '/A', 'A/', 'A//B', 'a.b', '..', 'A/..']) assert.equal(folderDir(name), undefined, name);
  for (const name of ['.', 'A/..', 'a\0']) assert.equal(folderDir(name, fs), undefined, name);
  assert.equal(folderDir('Other/A', { ...DEFAULT_LAYOUT, prefix: 'Public/', inbox: false }), undefined);
});

const layouts: fc.Arbitrary<FolderLayout> = fc
  .record({
    layout: fc.constantFrom('maildir++' as const, 'fs' as const),
    separator: fc.constantFrom('/', '.', '^'),
    prefix: fc.constantFrom('', 'INBOX', 'Public').map((p) => p),
    inbox: fc.boolean(),
    utf8: fc.boolean(),
  })
  .map((l) => ({ ...l, prefix: l.prefix === '' ? '' : l.prefix + l.separator }));

test('a folder name leads back to its directory, in every layout, and never out of the root', () => {
  fc.assert(
    fc.property(layouts, fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 3 }), (layout, levels) => {
      const name = layout.prefix + levels.join(layout.separator);
      const dir = folderDir(name, layout);
      if (dir === undefined || dir === '') return;
      assert.ok(!dir.split('/').some((part) => part === '' || part === '.' || part === '..'), dir);
      const back = folderName(dir, layout);
      assert.ok(back !== undefined);
      assert.equal(folderDir(back, layout), dir);
      if (!name.includes('\\')) assert.equal(back, name.toWellFormed());
    }),
  );
  fc.assert(
    fc.property(
      layouts,
      fc.string({ unit: 'binary' }),
      (layout, dir) => typeof folderName(Buffer.from(dir).toString('latin1'), layout) !== 'number',
    ),
  );
});

const path = `${process.env.PATH}:/usr/sbin:/sbin`;
const doveadm = spawnSync('dovecot', ['--version'], { encoding: 'utf8', env: { ...process.env, PATH: path } });
const version = doveadm.status === 0 ? doveadm.stdout : '';

test(
  'Dovecot itself puts folders where we look for them',
  { skip: version.startsWith('2.3') ? false : 'needs doveadm of Dovecot 2.3' },
  () => {
    const cases: [string, FolderLayout, string][] = [
      ['maildir:%ROOT%', { ...DEFAULT_LAYOUT }, ''],
      ['maildir:%ROOT%', { ...DEFAULT_LAYOUT, separator: '.', prefix: 'INBOX.' }, ''],
      ['maildir:%ROOT%:LAYOUT=fs', { ...fs }, ''],
      ['maildir:%ROOT%:UTF-8', { ...DEFAULT_LAYOUT, utf8: true }, ''],
      ['maildir:%ROOT%', { ...DEFAULT_LAYOUT, escape: '\\' }, 'mail_plugins = listescape'],
    ];
    for (const [location, layout, more] of cases) {
      const root = mkdtempSync(join(tmpdir(), 'mailrecover-layout-'));
      try {
        // Dovecot refuses to open mail as root.
        const owner = process.getuid?.() === 0 ? 65534 : process.getuid?.();
        if (owner === 65534) chownSync(root, owner, owner);
        const config = join(root, 'dovecot.conf');
        writeFileSync(
          config,
          `mail_location = ${location.replace('%ROOT%', `${root}/mail`)}\nssl = no\nfirst_valid_uid = 0\nfirst_valid_gid = 0\nmail_uid = ${owner}\nmail_gid = ${owner}\n${more}\n` +
            `namespace inbox {\n  inbox = yes\n  separator = ${layout.separator}\n  prefix = ${layout.prefix}\n}\n`,
        );
        const names = ['A', 'A/B', '日本語/会議', 'R&D', 'sp ace', 'é😀'].map(
          (name) => layout.prefix + name.replaceAll('/', layout.separator),
        );
        if (layout.escape !== undefined) names.push('v1.2', 'back\\slash');
        const env = { ...process.env, PATH: path, HOME: root, USER: 'someone' };
        for (const name of names)
          execFileSync('doveadm', ['-c', config, 'mailbox', 'create', name], {
            env,
            stdio: 'pipe',
            ...(owner === 65534 ? { uid: owner, gid: owner } : {}),
          });
        for (const name of names) {
          const dir = folderDir(name, layout);
          assert.ok(dir !== undefined, name);
          assert.ok(existsSync(fsPath(`${root}/mail/${dir}/cur`)), `${name} is not in ${dir}`);
          assert.equal(folderName(dir, layout), name);
        }
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    }
  },
);
