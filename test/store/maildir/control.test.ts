import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { imapFlags, maildirFlags } from '../../../src/store/maildir/flags.ts';
import { formatKeywords, parseKeywords } from '../../../src/store/maildir/keywords.ts';
import { contentsLeftOut, leftOut } from '../../../src/store/maildir/leftout.ts';
import { parseUidlist } from '../../../src/store/maildir/uidlist.ts';

const uidlist = (text: string): ReturnType<typeof parseUidlist> => parseUidlist(Buffer.from(text, 'latin1'));

test('dovecot-uidlist, version 3', () => {
  const list = uidlist('3 V1795214400 N14 G3085f01b6ef9f26a1234567890abcdef X9\n1 :a.M1.h\n2 S12 W14 :b,S=12\n9 Gabc :c:2,S\n');
  assert.deepEqual(list, {
    version: 3,
    uidValidity: 1795214400,
    nextUid: 14,
    guid: '3085f01b6ef9f26a1234567890abcdef',
    uids: new Map([
      ['a.M1.h', 1],
      ['b,S=12', 2],
      ['c', 9],
    ]),
    torn: false,
    damage: undefined,
  });
});

test('dovecot-uidlist: version 1, a torn line, UIDs beyond the header', () => {
  assert.deepEqual(
    [...(uidlist('1 5 9\n3 x:2,\n4 y\n')?.uids ?? [])],
    [
      ['x', 3],
      ['y', 4],
    ],
  );
  const torn = uidlist('3 V5 N2\n1 :a\n2 :b');
  assert.deepEqual([torn?.torn, torn?.uids.size, torn?.damage], [true, 1, undefined]);
  assert.equal(uidlist('3 V5 N2\n7 :a\n')?.nextUid, 8);
  assert.equal(uidlist('3 V5 N2\n')?.nextUid, 2);
});

test('dovecot-uidlist: what is damaged is said with its line, and the rest is read', () => {
  for (const [text, line, size] of [
    ['3 V5 N9\n2 :a\n1 :b\n', 3, 2],
    ['3 V5 N9\n2 :a\n2 :b\n', 3, 2],
    ['3 V5 N9\nrubbish\n2 :a\n', 2, 1],
    ['3 V5 N9\n1 a\n2 :a\n', 2, 1],
    ['3 V5 N9\n1 S5\n2 :a\n', 2, 1],
    ['3 V5 N9\n1 :\n2 :a\n', 2, 1],
    ['3 V5 N9\n1 :../a\n2 :a\n', 2, 1],
    ['3 V5 N9\n4294967295 :a\n', 2, 0],
    ['3 V5 N9\n0 :a\n', 2, 0],
    ['3 V5 N9\n\n2 :a\n', 2, 1],
    ['3 V5 N9 Gxyz\n2 :a\n', 1, 1],
  ] as const) {
    const list = uidlist(text);
    assert.deepEqual([list?.damage?.line, list?.uids.size], [line, size], text);
  }
  for (const text of ['', '3 V5 N9', '3 V0 N9\n', '3 V5\n', '2 5 9\n', '3 Vx N9\n', '3 V99999999999 N1\n', 'rubbish\n'])
    assert.equal(uidlist(text), undefined, text);
});

test('dovecot-uidlist: of two lines with one name the later counts', () => {
  const list = uidlist('3 V5 N9\n1 :a\n2 :b\n3 :a\n');
  assert.deepEqual([list?.damage, ...(list?.uids ?? [])], [undefined, ['b', 2], ['a', 3]]);
});

test('dovecot-uidlist: what is written comes back, and rubbish throws nothing', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9.,=_-]{1,20}$/);
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 30 }), fc.integer({ min: 1, max: 0xffffffff }), (names, validity) => {
      const text = `3 V${validity} N${names.length + 1}\n${names.map((n, i) => `${i + 1} W7 :${n}\n`).join('')}`;
      const list = uidlist(text);
      assert.deepEqual([list?.uidValidity, list?.nextUid, list?.damage], [validity, names.length + 1, undefined]);
      assert.deepEqual([...(list?.uids.keys() ?? [])], names);
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseUidlist(Buffer.concat([Buffer.from('3 V1 N1\n'), bytes]))));
  fc.assert(fc.property(fc.stringMatching(/^[0-9 :VNGa\n]*$/), (text) => void uidlist(text)));
});

test('dovecot-keywords', () => {
  const keywords = parseKeywords(Buffer.from('0 $Forwarded\n1 NonJunk\n25 仕事\n26 no\nx y\n3\n4 \n7 torn'));
  assert.deepEqual(
    [...keywords],
    [
      [0, '$Forwarded'],
      [1, 'NonJunk'],
      [25, '仕事'],
    ],
  );
  assert.deepEqual(parseKeywords(Buffer.from(formatKeywords(keywords))), keywords);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseKeywords(Buffer.from(bytes))));
});

test('flags of file names and of IMAP', () => {
  const keywords = new Map([
    [0, '$Forwarded'],
    [2, 'work'],
  ]);
  assert.deepEqual(imapFlags(':2,FSac', keywords), ['\\Flagged', '\\Seen', '$Forwarded', 'work']);
  assert.deepEqual(imapFlags(':2,DFRSTb', keywords), ['\\Draft', '\\Flagged', '\\Answered', '\\Seen', '\\Deleted', 'unknown-1']);
  assert.deepEqual(imapFlags(':2,S,x'), ['\\Seen']);
  for (const none of ['', ':2,', ':1,S', ':2', ':2,P!']) assert.deepEqual(imapFlags(none), [], none);
  assert.deepEqual(imapFlags(':x:2,S'), ['\\Seen']);

  const made = maildirFlags(['\\seen', 'Work', 'new', '\\Recent'], keywords);
  assert.equal(made.flagsPart, ':2,Sbc');
  assert.deepEqual(
    [...made.keywords],
    [
      [0, '$Forwarded'],
      [2, 'work'],
      [1, 'new'],
    ],
  );
  assert.deepEqual(maildirFlags(Array.from({ length: 28 }, (_, i) => `k${i}`)).lost, ['k26', 'k27']);
  assert.equal(maildirFlags([]).flagsPart, ':2,');

  const flag = fc.constantFrom('\\Seen', '\\Flagged', '\\Answered', '\\Draft', '\\Deleted', 'a', 'b', '$Junk', '仕事');
  fc.assert(
    fc.property(fc.uniqueArray(flag), (flags) => {
      const { flagsPart, keywords: names } = maildirFlags(flags);
      assert.deepEqual(imapFlags(flagsPart, names).toSorted(), flags.toSorted());
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void imapFlags(text)));
});

test('what is left out, and what is not', () => {
  const out: Record<string, string> = {
    'dovecot.index': 'index',
    'dovecot.index.cache': 'index',
    'dovecot.index.log.2': 'index',
    'dovecot.list.index': 'index',
    'dovecot.list.index.log': 'index',
    'dovecot-uidlist.lock': 'lock',
    maildirsize: 'quota',
    'roundcube.svbin': 'compiled',
    '.dovecot.svbin': 'compiled',
    'temp.mx1.1234.abcdef': 'temporary',
    '.temp.mx1.12.34.ab': 'temporary',
    '.nfs0000000001234567': 'temporary',
  };
  for (const [name, reason] of Object.entries(out)) assert.equal(leftOut(name, 'file'), reason, name);
  for (const name of [
    'dovecot-uidlist',
    'dovecot-keywords',
    'dovecot-uidvalidity',
    'dovecot-uidvalidity.5f3a',
    'subscriptions',
    'dovecot-acl',
    'dovecot-attributes',
    'maildirfolder',
    'dovecot.mailbox.log',
    '.dovecot.sieve',
    'a.sieve',
    'temperature.txt',
    'dovecot.indexed',
    'x',
  ])
    assert.equal(leftOut(name, 'file'), undefined, name);
  assert.equal(leftOut('fts-flatcurve', 'directory'), 'search');
  assert.equal(leftOut('dovecot.index', 'directory'), undefined);
  assert.deepEqual([contentsLeftOut('tmp'), contentsLeftOut('cur')], [true, false]);
});
