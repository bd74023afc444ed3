import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Gather } from '../../src/repository/pack/gather.ts';

const FRAME = 64 * 1024;

function gather(messages: readonly string[], capacity = 1024 * 1024): { gathered: Gather; kept: string[] } {
  const gathered = new Gather(capacity, true);
  const kept = messages.filter((message) => {
    const content = Buffer.from(message, 'latin1');
    const room = gathered.reserve(content.length);
    if (room === undefined) return false;
    content.copy(room);
    gathered.commit(shaOf(message), content.length, 1_700_000_000);
    return true;
  });
  return { gathered, kept };
}

/** The contents, in the order in which they were laid out, and how many frames they took. */
function laidOut(gathered: Gather): { order: string[]; frames: number } {
  const order: string[] = [];
  let frames = 0;
  gathered.layOut(Buffer.alloc(FRAME), (raw, entries) => {
    frames++;
    assert.equal(raw.length % 512, 0);
    for (const { sha, size, at } of entries) {
      const content = raw.toString('latin1', at, at + size);
      assert.equal(shaOf(content), sha);
      assert.equal(raw.toString('latin1', at - 512, at - 448), sha);
      order.push(content);
    }
  });
  return { order, frames };
}

function shaOf(message: string): string {
  return createHash('sha256').update(message, 'latin1').digest('hex');
}

test('mail of one list, kind and sender lies together, in the order in which it came', () => {
  const [list, otherCase, program, plain, html, other] = [
    'Received: x\nList-Id: <a.example.org>\nFrom: one@example.org\n\n1',
    'From: two@example.org\r\nList-ID: <a.example.org>\r\n\r\nList-Id: <z.example.org>\r\n2',
    'From: z@example.org\nSender: owner-b@example.org\n\n3',
    'Subject: x\nContent-Type: text/plain\nFrom: z@example.org\n\n4',
    'Subject: x\nContent-Type: text/html\nFrom: a@example.org\n\n5',
    'Subject: x\nContent-Type: text/plain\nFrom: b@example.org\n\n6',
  ];
  const file = 'no mail\nList-Id of nothing';
  const again = (message: string | undefined): string => `${message ?? ''} again`;
  const came = [plain, list, html, file, program, otherCase, other, again(list), again(plain)].map(String);
  const { gathered } = gather(came);
  assert.deepEqual(laidOut(gathered), {
    order: [file, list, otherCase, again(list), program, html, other, plain, again(plain)],
    frames: 1,
  });
  assert.equal(gathered.used, 0);
  assert.deepEqual(laidOut(gathered), { order: [], frames: 0 });
});

test('whatever a message holds, all come back, in frames that are no larger than they may be', () => {
  const messages = Array.from({ length: 300 }, (_, at) => `From: ${at % 7}\n\n${'x'.repeat((at * 977) % 5000)}${at}`);
  messages.push('', '\n', '\nFrom:', '\n\n', '\nList-Id:\nFrom: \xff\0\n', 'x'.repeat(FRAME - 512));
  const { gathered, kept } = gather(messages, 4 * 1024 * 1024);
  assert.equal(kept.length, messages.length);
  const { order, frames } = laidOut(gathered);
  assert.deepEqual(order.toSorted(), messages.toSorted());
  assert.ok(frames > 10);
});

test('where it is full it says so, and keeps what it has', () => {
  const { gathered, kept } = gather(['a'.repeat(500), 'b'.repeat(600), 'c'.repeat(500)], 2048);
  assert.deepEqual(kept, ['a'.repeat(500), 'c'.repeat(500)]);
  assert.equal(gathered.used, 2048);
  assert.deepEqual(laidOut(gathered).order, kept);
});
