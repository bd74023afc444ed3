import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { contentOf } from '../../../src/store/message/content.ts';
import { parseDate } from '../../../src/store/message/date.ts';
import { readHeaders } from '../../../src/store/message/headers.ts';
import { decodeValue } from '../../../src/store/message/words.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

test('the five fields, folded, in any case, with CRLF or LF', () => {
  const text =
    'Received: from x\r\n\tby y; Fri, 20 Nov 2026 02:00:00 +0000\r\nMESSAGE-ID:\r\n <abc@example.org> (comment)\r\nFrom : Alice <alice@example.org>\r\nTo: bob@example.org,\r\n  carl@example.org\r\n' +
    'cc: dave@example.org\r\nSubject: one\r\n two\r\nDate: Fri, 20 Nov 2026 11:00:00 +0900 (JST)\r\nSubject: second\r\nX-From: no\r\n\r\nFrom: body\r\n';
  const expected = {
    content: 'mail',
    messageId: '<abc@example.org>',
    from: 'Alice <alice@example.org>',
    to: 'bob@example.org,  carl@example.org, dave@example.org',
    subject: 'one two',
    date: '2026-11-20T02:00:00Z',
  };
  assert.deepEqual(readHeaders(bytes(text)), expected);
  assert.deepEqual(readHeaders(bytes(text.replaceAll('\r', ''))), expected);
});

test('what is missing is absent; a header that is cut off is read as far as it goes', () => {
  assert.deepEqual(readHeaders(bytes('Subject: x\n\n')), { content: 'mail', subject: 'x' });
  assert.deepEqual(readHeaders(bytes('Subject: x')), { content: 'mail', subject: 'x' });
  assert.deepEqual(readHeaders(bytes('Subject:')), { content: 'mail', subject: '' });
  assert.deepEqual(readHeaders(bytes('Message-ID: bare@id\n\n')), { content: 'mail', messageId: 'bare@id' });
  assert.deepEqual(readHeaders(bytes('From bob Fri Nov 20\nSubject: x\n\n')), { content: 'mail', subject: 'x' });
  const long = `X-Long: ${'x'.repeat(60_000)}\n`;
  assert.equal(readHeaders(bytes(`${long}Subject: far\n\n`)).subject, 'far');
  assert.equal(readHeaders(bytes(`Subject: near\n${long}${long}To: lost\n\n`)).subject, 'near');
  assert.deepEqual(readHeaders(bytes('Date: someday\n\n')), { content: 'mail' });
});

test('encoded words', () => {
  const cases: [string, string][] = [
    ['=?UTF-8?B?5pel5pys6Kqe?=', '日本語'],
    ['=?utf-8?q?caf=C3=A9_au_lait?= x', 'café au lait x'],
    ['=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=', '日本語'],
    ['=?Shift_JIS?B?k/qWe4zq?=', '日本語'],
    ['=?EUC-JP?B?xvzL3Ljs?=', '日本語'],
    ['=?iso-8859-1*fr?Q?=E9?=', 'é'],
    // White space between words goes; between a word and text it stays.
    ['=?utf-8?B?5pel?= \t =?utf-8?B?5pys?= a =?utf-8?B?6Kqe?=', '日本 a 語'],
    // A character that is cut in two by its words.
    ['=?utf-8?B?5pc=?= =?utf-8?B?pQ==?=', '日'],
    ['=?x-nobody-knows?Q?caf=C3=A9?=', 'café'],
    ['=?cp932?B?k/qWe4zq?=', '日本語'],
    ['=?utf-8?Q?broken', '=?utf-8?Q?broken'],
    ['=?utf-8?B??=', ''],
    ['=?utf-8?Q?a=0Ab=1B[1m?=', 'a b [1m'],
  ];
  for (const [raw, text] of cases) assert.equal(decodeValue(raw), text, raw);
});

test('raw 8-bit text', () => {
  assert.equal(decodeValue(Buffer.from('日本語 é').toString('latin1')), '日本語 é');
  assert.equal(decodeValue('\x1b$BF|K\\8l\x1b(B ok'), '日本語 ok');
  assert.equal(decodeValue('\x93\xfa\x96\x7b\x8c\xea\x82\xcc'), '日本語の');
  assert.equal(decodeValue('\xc6\xfc\xcb\xdc\xb8\xec\xa4\xce'), '日本語の');
  assert.equal(decodeValue('caf\xe9 \x93x\x94'), 'café “x”');
});

test('dates', () => {
  const cases: [string, string | undefined][] = [
    ['Fri, 20 Nov 2026 02:00:00 +0000', '2026-11-20T02:00:00Z'],
    [' 1 Jan 2027 00:30 +0100', '2026-12-31T23:30:00Z'],
    ['Tue, 15 Nov 94 08:12:31 EST', '1994-11-15T13:12:31Z'],
    ['15 Nov 05 08:12:31 GMT', '2005-11-15T08:12:31Z'],
    ['Mon, 2 Feb 104 10:00:00 -0800', '2004-02-02T18:00:00Z'],
    ['Thu, 22 Aug 0102 12:07:35 +0800', '2002-08-22T04:07:35Z'],
    ['20-Nov-2026 02:00:00 -0030', '2026-11-20T02:30:00Z'],
    ['Fri, 20 Nov 2026 02:00:00', '2026-11-20T02:00:00Z'],
    ['Fri, 20 Xyz 2026 02:00:00', undefined],
    ['99 Nov 2026 02:00:00', undefined],
    ['yesterday', undefined],
    ['', undefined],
  ];
  for (const [raw, iso] of cases) assert.equal(parseDate(raw), iso, raw);
});

test('what is packed is opened, what is encrypted is called so', () => {
  const mail = bytes(`Subject: packed\nMessage-ID: <a@b>\n\n${'body '.repeat(100_000)}`);
  assert.deepEqual(readHeaders(gzipSync(mail)), { content: 'gzip', messageId: '<a@b>', subject: 'packed' });
  assert.deepEqual(readHeaders(zstdCompressSync(mail)), { content: 'zstd', messageId: '<a@b>', subject: 'packed' });
  const noise = Buffer.concat([bytes('Subject: noise\n\n'), Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251))]);
  for (const packed of [gzipSync(noise), zstdCompressSync(noise)]) assert.equal(readHeaders(packed.subarray(0, 200_000)).subject, 'noise');
  assert.equal(readHeaders(gzipSync(Buffer.concat([bytes('Subject: zeros\n\n'), Buffer.alloc(50_000_000)]))).subject, 'zeros');
  assert.deepEqual(readHeaders(bytes('CRYPTED\x03\x07\x02xxxx')), { content: 'mail-crypt' });
  assert.deepEqual(readHeaders(bytes('\x1f\x8bdamaged')), { content: 'gzip' });
  assert.deepEqual(readHeaders(bytes('\x28\xb5\x2f\xfd')), { content: 'zstd' });
  for (const [head, content] of [
    ['BZh9', 'bzip2'],
    ['\xfd7zXZ\0', 'xz'],
    ['', 'empty'],
    ['\0\0', 'unknown'],
    ['hello world', 'unknown'],
    [': x', 'unknown'],
    ['X-A\t: b', 'mail'],
  ] as const) {
    assert.equal(contentOf(bytes(head)), content);
  }
});

test('rubbish throws nothing', () => {
  const piece = fc.constantFrom(
    'From: ',
    'Subject:',
    'Date:',
    'To: ',
    '=?',
    '?Q?',
    '?B?',
    '?=',
    'utf-8',
    '\n',
    '\r\n',
    ' ',
    '<',
    '>',
    '\0',
    '\xff',
    '\x1b$B',
    '=E3',
    '20 Nov 2026 1:00',
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (raw) => void readHeaders(Buffer.from(raw))));
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void readHeaders(bytes(pieces.join('')))));
  for (const magic of ['\x1f\x8b\x08', '\x28\xb5\x2f\xfd']) {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (raw) => void readHeaders(Buffer.concat([bytes(magic), raw]))));
  }
  fc.assert(fc.property(fc.string(), (raw) => void parseDate(raw)));
});

test('any text comes back out of encoded words', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', ' x', '日', 'é', '😀', '=', '?', '_'), minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 9 }),
      (text, cut) => {
        const raw = Buffer.from(text);
        const words: string[] = [];
        for (let at = 0; at < raw.length; at += cut) words.push(`=?UTF-8?B?${raw.subarray(at, at + cut).toString('base64')}?=`);
        assert.equal(decodeValue(words.join('\r\n ').replaceAll('\r\n', '')), text.trim());
      },
    ),
  );
});
