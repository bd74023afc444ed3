import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseFetch, parseInternalDate, parseList, uidSets } from '../../../src/verify/server/fetch.ts';
import { ImapProtocolError, type ImapResponse, ResponseReader } from '../../../src/verify/server/reader.ts';

function read(chunks: Buffer[], sinks = false): { responses: ImapResponse[]; sunk: string[] } {
  const responses: ImapResponse[] = [];
  const sunk: string[] = [];
  const reader = new ResponseReader({
    response: (response) => void responses.push(response),
    sink(text) {
      if (!sinks || !text.endsWith('BODY[] ')) return undefined;
      const parts: Buffer[] = [];
      return { write: (bytes) => void parts.push(Buffer.from(bytes)), end: () => void sunk.push(Buffer.concat(parts).toString('latin1')) };
    },
  });
  for (const chunk of chunks) reader.feed(chunk);
  return { responses, sunk };
}

const STREAM = Buffer.from(
  '* OK hello {3}\r\n* 1 FETCH (UID 7 FLAGS (\\Seen a) INTERNALDATE "01-Jan-2020 00:00:00 +0100" X-GUID {4}\r\na"\xff) RFC822.SIZE 5 BODY[] {5}\r\nab\r\nc)\r\n' +
    '* 2 FETCH (UID 8 BODY[] {0}\r\n FLAGS ())\r\n* LIST (\\HasNoChildren) "/" {3}\r\na b\r\nm1 OK done\r\n',
  'latin1',
);

test('responses come out whole, however the stream is cut', () => {
  const whole = read([STREAM], true);
  assert.equal(whole.responses.length, 5);
  assert.deepEqual(whole.sunk, ['ab\r\nc', '']);
  const [, first, second, list] = whole.responses as [ImapResponse, ImapResponse, ImapResponse, ImapResponse];
  assert.deepEqual(parseFetch(first), { uid: 7, flags: ['\\Seen', 'a'], internalDate: 1577833200, guid: 'a"\xff)', size: 5 });
  assert.deepEqual(parseFetch(second), { uid: 8, flags: [] });
  assert.deepEqual(parseList(list), { attributes: ['\\hasnochildren'], name: 'a b' });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: STREAM.length - 1 }), { maxLength: 20 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      const chunks = at.slice(1).map((end, index) => STREAM.subarray(at[index], end));
      assert.deepEqual(read(chunks, true), whole);
    }),
  );
});

for (const [name, hostile] of [
  ['a line without an end', 'x'.repeat(2 << 20)],
  ['a literal that is huge', '* 1 FETCH (X-GUID {99999999999}\r\n'],
  ['a literal that is larger than any number', `* 1 FETCH (X-GUID {${'9'.repeat(400)}}\r\n`],
  ['a literal that nobody keeps', '* 1 FETCH (X-GUID {65537}\r\n'],
  ['literals without an end', '* 1 FETCH (X-GUID {1}\r\na'.replace('X-GUID', 'X').concat(' {1}\r\na'.repeat(1000))],
  ['a NUL', '* 1 FETCH (\0)\r\n'],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(() => read([Buffer.from(hostile, 'latin1')]), ImapProtocolError);
  });
}

test('values that make no sense are refused, or passed over, but never loop or crash otherwise', () => {
  const piece = fc.constantFrom('(', ')', '"', '\\', ' ', 'UID', '7', 'FLAGS', 'NIL', '\0', 'X-GUID', '{', 'é', 'RFC822.SIZE');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      for (const head of ['* 1 FETCH (', '* LIST ']) {
        try {
          const response = { text: head + pieces.join(''), literals: [Buffer.from('x'), null] };
          parseFetch(response);
          parseList(response);
        } catch (error) {
          assert.ok(error instanceof ImapProtocolError, String(error));
        }
      }
    }),
  );
  assert.throws(() => parseFetch({ text: `* 1 FETCH (FLAGS ${'('.repeat(5000)}`, literals: [] }), ImapProtocolError);
});

test('dates are read in every zone, and what is none is none', () => {
  assert.equal(parseInternalDate('21-Nov-2026 23:18:50 +0000'), 1795303130);
  assert.equal(parseInternalDate(' 1-Jan-1970 00:00:00 -0130'), 5400);
  assert.equal(parseInternalDate('31-Dec-1969 23:59:55 +0000'), -5);
  for (const none of ['', 'x', '21-Nov-2026', '21-Foo-2026 23:18:50 +0000']) assert.ok(Number.isNaN(parseInternalDate(none)));
});

test('sets of UIDs are ranges, and short', () => {
  assert.deepEqual(uidSets([]), []);
  assert.deepEqual(uidSets([1, 2, 3, 7, 9, 10]), ['1:3,7,9:10']);
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 5000 })), (numbers) => {
      const uids = numbers.toSorted((a, b) => a - b);
      const sets = uidSets(uids, 50);
      assert.ok(sets.every((set) => set.length <= 60));
      const back = sets
        .flatMap((set) => set.split(','))
        .flatMap((range) => {
          const [first = 0, last = first] = range.split(':').map(Number);
          return Array.from({ length: last - first + 1 }, (_, index) => first + index);
        });
      assert.deepEqual(back, uids);
    }),
  );
});
