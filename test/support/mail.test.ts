import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { noCorpus, readCorpus } from './corpus.ts';
import { type MailKind, makeMail } from './mail.ts';
import { folderPath, type Placed, writeTree } from './maildir.ts';
import { scratch } from './tmp.ts';
import { decodeUtf7, encodeUtf7 } from './utf7.ts';

const KINDS: MailKind[] = ['plain', 'quoted', 'latin1', 'utf8', 'japanese', 'jis', 'alternative', 'mixed', 'forwarded'];

test('a seed gives the same message whatever was made before', () => {
  const first = makeMail('seed', 17);
  makeMail('other', 3);
  assert.deepEqual(makeMail('seed', 17), first);
  assert.notDeepEqual(makeMail('seed', 18).bytes, first.bytes);
  assert.notDeepEqual(makeMail('tree', 17).bytes, first.bytes);
});

test('messages have a header, a body and the size that was asked for', () => {
  for (const kind of KINDS) {
    const mail = makeMail('shape', 1, { kind, size: 20_000, sharedAttachments: 0 });
    const text = mail.bytes.toString('latin1');
    assert.match(text, /^[\x20-\x7e\n\t]+?\n\n./s, kind);
    assert.ok(text.includes(`\nMessage-ID: ${mail.messageId}\n`), kind);
    assert.ok(!text.includes('\r'), kind);
    assert.ok(Math.abs(mail.bytes.length - 20_000) < 6000, `${kind}: ${mail.bytes.length} bytes`);
    assert.ok(
      text.split('\n').every((line) => line.length < 998),
      kind,
    );
  }
});

test('sizes are log-normal: a median of some 5 KB, a mean near 14 KB, some of a megabyte', () => {
  const sizes = Array.from({ length: 4000 }, (_, index) => makeMail('sizes', index).bytes.length).sort((a, b) => a - b);
  const median = sizes[2000] ?? 0;
  assert.ok(median > 4000 && median < 6000, `median ${median}`);
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  assert.ok(mean > 11_000 && mean < 17_000, `mean ${mean}`);
  assert.ok((sizes.at(-1) ?? 0) > 500_000);
});

test('subjects that are not ASCII are folded encoded words that decode to the subject', () => {
  for (const kind of ['japanese', 'jis'] as const) {
    const mail = makeMail('subjects', 5, { kind, subject: 'さくらのかいのおしらせとつぎのよていについて' });
    const header = /\nSubject: ((?:.|\n )*)\n/.exec(mail.bytes.toString('latin1'))?.[1] ?? '';
    const decoded = header.split(/\s+/).map((word) => {
      const [, charset = '', , text = ''] = word.split('?');
      return new TextDecoder(charset).decode(Buffer.from(text, 'base64'));
    });
    assert.equal(decoded.join(''), mail.subject);
  }
});

test('modified UTF-7 there and back', () => {
  assert.equal(encodeUtf7('~peter/mail/台北/日本語'), '~peter/mail/&U,BTFw-/&ZeVnLIqe-');
  for (const name of ['INBOX', 'A & B', '受信済み', 'Süd', '😀x', '&&', 'Lists & News']) assert.equal(decodeUtf7(encodeUtf7(name)), name);
});

for (const layout of ['maildir++', 'fs'] as const) {
  test(`a tree in the layout ${layout} holds each message under its name, with its date`, () => {
    const root = scratch('tree');
    const placed: Placed[] = [];
    const users = ['alice@example.org', 'bob@example.net'];
    const tree = writeTree({ root, users, messages: 300, layout, onMessage: (message) => placed.push(message) });
    assert.equal(tree.messages, 300);
    assert.equal(placed.length, 300);
    for (const { path, mail } of placed) {
      assert.deepEqual(readFileSync(path), mail.bytes);
      assert.equal(statSync(path).mtimeMs, mail.date);
      assert.equal(statSync(path).mode & 0o777, 0o600);
    }
    for (const user of users) {
      const inbox = tree.mailboxes.get(user) ?? '';
      const uidlist = readFileSync(join(inbox, 'dovecot-uidlist'), 'utf8').trimEnd().split('\n');
      const files = ['cur', 'new'].flatMap((part) => readdirSync(join(inbox, part)));
      assert.equal(uidlist.length - 1, files.length);
      assert.ok(existsSync(join(folderPath(inbox, 'Projects/Neubau Süd', layout), 'cur')));
    }
  });
}

test('the archive of real mail reads', { skip: noCorpus() }, () => {
  const messages = readCorpus();
  assert.ok(messages.length > 0);
  for (const { bytes, name } of messages) assert.ok(!bytes.toString('latin1', 0, 5).startsWith('From '), name);
});
