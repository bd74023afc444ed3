import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createFetch } from '../../src/notify/http.ts';
import { networkRefusal } from '../../src/notify/network.ts';
import { recognise, retryAfter, shownReply } from '../../src/notify/refusal.ts';
import { SMTP_REFUSALS } from '../../src/notify/refusals/smtp.ts';
import { authority, noAuthority } from '../support/cloud/authority.ts';
import { web } from '../support/cloud/web.ts';

const skip = noAuthority();

test('a server that says nothing is given up, a redirect is not followed, plain HTTP is not spoken', { skip }, async () => {
  const tls = authority();
  const server = await web(tls, () => ({ status: 302, headers: { location: 'https://elsewhere.invalid/' } }));
  const fetch = createFetch({ ca: readFileSync(tls.caFile, 'utf8'), idleMs: 200 });
  server.faults.push({ at: /./, does: 'hang' });
  const failed: unknown = await fetch(`${server.origin}/x`).catch((error: unknown) => error);
  assert.equal(networkRefusal(failed, 'there')?.code, 'unreachable');
  assert.equal((await fetch(`${server.origin}/x`, { method: 'POST', body: 'secret' })).status, 302);
  assert.equal(server.asked.length, 2);
  await assert.rejects(fetch('http://127.0.0.1/'), /is not https/);
  const aborted: unknown = await fetch(server.origin, { signal: AbortSignal.abort(new Error('stopped')) }).catch((error: unknown) => error);
  assert.ok(aborted instanceof Error);
  assert.equal(server.asked.length, 2);
});

test('what strangers say is shown on one line, without tokens', () => {
  const said = shownReply('AADSTS7000215: Invalid.\r\n\u001B[31meyJhbGciOi.eyJhdWQi.c2ln\nTrace ID: 0 Correlation ID: 1');
  assert.equal(said, 'AADSTS7000215: Invalid. [31m***');
  assert.ok(shownReply('x'.repeat(1000)).length <= 300);
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-22T00:00:00Z');
  assert.equal(retryAfter('30', now), 30_000);
  assert.equal(retryAfter('Sun, 22 Nov 2026 00:01:00 GMT', now), 60_000);
  assert.equal(retryAfter('soon', now), undefined);
  assert.equal(retryAfter('99999999', now), 86_400_000);
});

test('what SMTP servers say is known by what they mean', () => {
  const known: [string, string, boolean][] = [
    ['550 5.1.1 <x@example.test>: Recipient address rejected: User unknown in virtual mailbox table', 'recipient', true],
    ['552 5.3.4 Message size exceeds fixed limit', 'too-large', true],
    ['554 5.7.1 <x@y>: Relay access denied', 'relay', true],
    ['452 4.2.2 The email account that you tried to reach is over quota', 'recipient-full', false],
    ['550 5.7.60 SMTP; Client does not have permissions to send as this sender', 'sender', true],
    ['421 4.7.0 Try again later', 'busy', false],
    ['530 5.7.0 Must issue a STARTTLS command first', 'smtp-login', true],
    ['571 whatever', 'rejected', true],
  ];
  for (const [text, code, permanent] of known) {
    const found = recognise(SMTP_REFUSALS, text);
    assert.deepEqual([found?.code, found?.permanent], [code, permanent], text);
  }
});
