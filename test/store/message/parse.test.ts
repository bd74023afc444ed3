import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { checkMessage } from '../../../src/store/message/parse.ts';

const codes = (bytes: Buffer | string): string[] =>
  checkMessage(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes).problems.map((p) => p.code);

test('mail has no problem', () => {
  for (const mail of [
    'From: a@b\nSubject: x\n\nbody',
    'From: a@b\r\nSubject: x\r\n folded\r\n\r\nbody\0with nulls',
    'Received: by x\n\n',
    'X-Spam: yes\nSubject: only a header',
    'From bob Fri Nov 20\nTo: x\n\n',
    `Subject: ${'x'.repeat(5000)}\n\n`,
  ])
    assert.deepEqual(codes(mail), [], mail.slice(0, 40));
});

test('what is no mail is said to be none', () => {
  const cases: [string, string][] = [
    ['', 'empty'],
    ['\0\0\0\0', 'not-mail'],
    ['just some text\n\n', 'not-mail'],
    ['From: a\nthis is no field\n\nbody', 'header-line'],
    ['From: a\nX: b\0c\n\n', 'header-null'],
    ['Lorem: ipsum\n\nbody', 'no-fields'],
    ['\x1f\x8bxx', 'packed-damaged'],
    ['CRYPTED\x03\x07', 'crypt-damaged'],
    ['CRYPTED\x03\x07\x02\0\0\0\0\0\0\xff\xff', 'crypt-damaged'],
  ];
  for (const [text, code] of cases) assert.deepEqual(codes(text), [code], text);
});

test('packed and encrypted messages', () => {
  const mail = Buffer.from(`From: a@b\n\n${'body'.repeat(1000)}`);
  for (const pack of [gzipSync, zstdCompressSync]) {
    const packed = pack(mail);
    assert.deepEqual(checkMessage(packed).problems, []);
    assert.deepEqual(codes(packed.subarray(0, -9)), ['packed-damaged']);
    assert.deepEqual(codes(pack(Buffer.from('From: a\nno field\n\n'))), ['header-line']);
  }
  const header = Buffer.concat([Buffer.from('CRYPTED\x03\x07\x02\0\0\0\x01\0\0\0\x14xx', 'latin1'), Buffer.from('data')]);
  assert.deepEqual(checkMessage(header), { content: 'mail-crypt', problems: [], read: false });
  assert.deepEqual(codes(zstdCompressSync(header)), []);
});

test('rubbish throws nothing', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => void checkMessage(Buffer.from(raw))));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => void checkMessage(Buffer.concat([Buffer.from('From: '), raw]))));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (raw) => void checkMessage(Buffer.concat([Buffer.from('CRYPTED\x03\x07'), raw]))),
  );
});
