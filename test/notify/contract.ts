/** What every transport does, whatever it talks to. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { type OutgoingMail, outgoing } from '../../src/notify/message.ts';
import type { SendOutcome } from '../../src/notify/transport.ts';
import { attachmentOf, OTHER, READER, SENDER, subjectOf, type World } from './world.ts';

/** What is in the way of the next mail. */
export type Trouble =
  /** The other side says that it can't now (5xx over HTTP, 4xx over SMTP), or that it is asked too often. */
  | 'busy'
  | 'throttled'
  /** It refuses for good. */
  | 'refusal'
  /** The connection breaks when the mail is being handed over. */
  | 'cut'
  /** Its name is not known. */
  | 'no-name'
  /** Nobody listens. */
  | 'no-port'
  /** Its certificate was issued by somebody else. */
  | 'stranger'
  /** It takes its time, and then does as it should. */
  | 'slow'
  /** It takes the connection, and says nothing. */
  | 'silent';

/** A transport set up for a world; `trouble` holds for one mail. */
export type SetUp<Place = World> = (place: Place) => (mail: OutgoingMail, trouble?: Trouble) => Promise<SendOutcome>;

const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

function say(name: string, subject: string, more: Partial<OutgoingMail> = {}): OutgoingMail {
  return outgoing({ subject: `${name}: ${subject}`, text: `${subject}\n`, to: [READER], ...more });
}

/** What every transport does that hands over mail: that it arrives, and what {@link troubles} asks. */
export function contract(name: string, world: World, setUp: SetUp): void {
  test(`${name}: a mail arrives as it was handed in`, async () => {
    const send = setUp(world);
    const data = randomBytes(50_000);
    const mail = say(name, '失敗 2/14 hosts', {
      text: '.\nA line that begins with a dot, and ünïcode.\n',
      html: '<p>失敗 <img src="cid:chart"></p>',
      headers: { 'X-Mailrecover-Status': 'failed' },
      attachments: [
        { filename: 'report.json', contentType: 'application/json', content: data },
        { filename: 'chart.png', contentType: 'image/png', content: PIXEL, cid: 'chart' },
      ],
    });
    assert.deepEqual(await send(mail), { accepted: [READER], refused: [] });
    const source = await world.arrived(`${name}: 失敗`);
    assert.equal(subjectOf(source), mail.subject);
    assert.ok(attachmentOf(source, 'report.json').equals(data));
    const header = (field: string): string => new RegExp(`^${field}: *(.*)$`, 'im').exec(source)?.[1]?.trim() ?? '';
    assert.equal(header('From'), `mailrecover <${SENDER}>`);
    assert.ok(header('Message-ID').startsWith(`<${mail.id}@`));
    assert.deepEqual([header('Auto-Submitted'), header('X-Mailrecover-Status')], ['auto-generated', 'failed']);
    assert.match(source, /multipart\/alternative/);
    assert.match(source, /Content-Id: <chart>/i);
  });

  test(`${name}: every recipient gets it once`, async () => {
    const outcome = await setUp(world)(say(name, 'to two', { to: [READER, OTHER] }));
    assert.deepEqual(outcome, { accepted: [READER, OTHER], refused: [] });
    for (const reader of [READER, OTHER]) {
      await world.arrived(`${name}: to two`, reader);
      assert.equal(await world.count(`${name}: to two`, reader), 1);
    }
  });

  troubles(name, world, setUp);
}

/** What is in the way is told as what it is, whatever the transport hands over. */
export function troubles<Place>(name: string, place: Place, setUp: SetUp<Place>): void {
  for (const [trouble, permanent, codes] of [
    ['busy', false, ['busy']],
    ['throttled', false, ['throttled', 'busy']],
    ['refusal', true, ['sender', 'mailbox', 'api-disabled', 'hook-gone']],
    ['cut', false, ['unreachable', 'busy']],
    ['no-name', false, ['unreachable']],
    ['no-port', false, ['unreachable']],
    ['stranger', false, ['tls']],
  ] as [Trouble, boolean, string[]][]) {
    test(`${name}: ${trouble} is told as what it is`, async () => {
      const { accepted, refused } = await setUp(place)(say(name, trouble), trouble);
      assert.deepEqual(accepted, []);
      const [first] = refused;
      assert.ok(first !== undefined && refused.length === 1);
      assert.deepEqual(first.to, [READER]);
      assert.equal(first.refusal.permanent, permanent, JSON.stringify(first.refusal));
      assert.ok(codes.includes(first.refusal.code), JSON.stringify(first.refusal));
      assert.ok(
        first.refusal.hint.length > 5 && /^[^A-Z]/.test(first.refusal.message) === /^(?!Graph|Google|Gmail)/.test(first.refusal.message),
        first.refusal.message,
      );
      if (trouble === 'throttled' && first.refusal.code === 'throttled') assert.equal(first.refusal.retryAfterMs, 30_000);
    });
  }

  test(`${name}: one that is slow is waited for`, async () => {
    assert.deepEqual(await setUp(place)(say(name, 'slow'), 'slow'), { accepted: [READER], refused: [] });
  });

  test(`${name}: one that says nothing is let go of when its time is up`, async () => {
    const patience = new AbortController();
    const sending = setUpWith(setUp, place, patience.signal)(say(name, 'silent'), 'silent');
    setTimeout(() => patience.abort(new Error('its time is up')), 300);
    await assert.rejects(sending, /its time is up/);
  });

  test(`${name}: it stops when it is told to`, async () => {
    const stopped = AbortSignal.abort(new Error('stopped'));
    await assert.rejects(setUpWith(setUp, place, stopped)(say(name, 'stopped')), /stopped/);
  });
}

/** The signal is the place's to give. */
function setUpWith<Place>(setUp: SetUp<Place>, place: Place, signal: AbortSignal): ReturnType<SetUp<Place>> {
  return setUp({ ...place, signal });
}

/** The signal that a transport gets. */
export function signalOf(place: object): AbortSignal {
  return (place as { signal?: AbortSignal }).signal ?? new AbortController().signal;
}
