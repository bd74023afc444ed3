import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mboxEntry } from '../../../src/restore/look/export/mbox.ts';
import { NameBook, safeName } from '../../../src/restore/look/export/names.ts';

const pieces = fc.constantFrom('From ', '>', '>>From ', '\n', 'from ', 'x', ' ', 'From', '\r\n', 'é');

test('an entry of an mbox reads back as it was', () => {
  fc.assert(
    fc.property(fc.array(pieces), (list) => {
      const text = list.join('');
      const entry = mboxEntry(Buffer.from(text), {}, 1_780_000_000).toString();
      const [, ...lines] = entry.split('\n');
      // Only the first line begins an entry, and an empty line ends it.
      assert.ok(lines.every((line) => !line.startsWith('From ')));
      assert.ok(entry.endsWith('\n\n') || text === '');
      const plain = lines.map((line) => line.replace(/^>(>*From )/, '$1')).join('\n');
      const ended = text === '' || text.endsWith('\n') ? text : `${text}\n`;
      assert.equal(plain, `${ended}\n`);
    }),
  );
});

test('the line that begins an entry names sender and time', () => {
  const line = (from: string | undefined): string | undefined =>
    mboxEntry(Buffer.from('x'), from === undefined ? {} : { from }, 1_780_000_000)
      .toString()
      .split('\n')[0];
  assert.equal(line('Ann <ann@a.example>'), 'From ann@a.example Thu May 28 20:26:40 2026');
  assert.equal(line('ann@a.example (Ann)'), 'From ann@a.example Thu May 28 20:26:40 2026');
  for (const from of [undefined, '', 'nobody', '<a b>', '<ü@x>', '<\n>'])
    assert.equal(line(from), 'From MAILER-DAEMON Thu May 28 20:26:40 2026');
});

test('names of files are safe whatever they are made of', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const name = safeName(text);
      assert.ok(name !== '' && Buffer.byteLength(name) <= 200);
      // oxlint-disable-next-line no-control-regex
      assert.doesNotMatch(name, /[\u0000-\u001F\u007F/\\]|^\.|[. ]$/);
      assert.ok(name.isWellFormed());
    }),
  );
  for (const text of ['.', '..', '../../etc/passwd', '/etc', '', ' ', 'NUL', 'con.txt', 'a\u202Eb'])
    assert.match(safeName(text), /^_|^[^./]+_/, text);
  assert.equal(safeName('ann@a.example'), 'ann@a.example');
  assert.equal(safeName('日本語'), '日本語');
});

test('different things get different names', () => {
  const book = new NameBook();
  const names = ['a/b', 'a\\b', 'A_B', 'a_b~2', 'a:b'].map((text, key) => book.nameFor(String(key), text));
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, names.length);
  assert.equal(book.nameFor('0', 'a/b'), names[0]);
});
