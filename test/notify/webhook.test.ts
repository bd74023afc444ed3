import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deliver, type DeliveryOptions, flush } from '../../src/notify/deliver.ts';
import { type NotifyEvent, type OutgoingMail, outgoing } from '../../src/notify/message.ts';
import { ownRecipient, type Route } from '../../src/notify/routes.ts';
import { openSpool } from '../../src/notify/spool.ts';
import webhook, { type WebhookOptions } from '../../src/notify/transports/webhook.ts';
import { notBuilt } from '../support/binary.ts';
import { authority, noAuthority } from '../support/cloud/authority.ts';
import {
  type Hooks,
  hooks,
  NTFY_TOKEN,
  ROUTING_KEY,
  SIGNING_SECRET,
  SLACK_PATH,
  type Taken,
  TEAMS_SIGNATURE,
} from '../support/cloud/hooks.ts';
import { freePorts } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';
import { signalOf, type SetUp, troubles } from './contract.ts';
import { tellingHost } from './host.ts';

const skip = noAuthority();
if (skip === false) await webhooks();
else test('webhooks', { skip }, () => undefined);

async function webhooks(): Promise<void> {
  const root = scratch('hooks');
  const tls = authority();
  const here = await hooks(tls);
  const stranger = authority().caFile;
  const [deadPort = 1] = await freePorts(1);
  const signal = new AbortController().signal;
  const services = ['slack', 'teams', 'ntfy', 'pagerduty', 'generic'] as const;
  const secret = (name: string, text: string): string => {
    writeFileSync(join(root, name), `${text}\n`, { mode: 0o600 });
    return `file:${join(root, name)}`;
  };
  const tokens = { ntfy: NTFY_TOKEN, pagerduty: ROUTING_KEY, generic: SIGNING_SECRET };
  const options = (template: Taken['service'], more: Partial<WebhookOptions> = {}): WebhookOptions => ({
    name: template,
    template,
    url: secret(`${template}-url`, here.at(template)),
    ...(template in tokens ? { token: secret(`${template}-token`, tokens[template as keyof typeof tokens]) } : {}),
    always: false,
    caFile: tls.caFile,
    ...more,
  });
  const event = (outcome: NotifyEvent['outcome'], key = 'mx1/backup'): NotifyEvent => ({
    key,
    host: 'mx1',
    command: 'backup',
    outcome,
    summary: `backup of mx1: ${outcome}`,
  });
  const say = (subject: string, more: Partial<OutgoingMail> = {}): OutgoingMail =>
    outgoing({ subject, text: 'host  <mx1> & more\n', to: ['admin@example.test'], ...more });
  const last = (service: Taken['service']): Taken => {
    const found = here.taken.findLast((each) => each.service === service);
    assert.ok(found !== undefined, `nothing came to ${service}`);
    return found;
  };

  for (const template of services) {
    const setUp: SetUp<Hooks> = (at) => async (mail, trouble) => {
      const does = {
        busy: { status: 503, body: '<html>Service Unavailable</html>' },
        throttled: { status: 429, headers: { 'retry-after': '30' }, body: 'rate_limited' },
        refusal: { status: 404, body: 'no_service' },
        cut: 'cut' as const,
        slow: 'slow' as const,
        silent: 'hang' as const,
      };
      if (trouble !== undefined && trouble in does) here.faults.push({ at: /^POST/, does: does[trouble as keyof typeof does] });
      const url = new URL(here.at(template));
      if (trouble === 'no-name') url.host = 'nowhere.invalid';
      if (trouble === 'no-port') url.port = String(deadPort);
      const caFile = trouble === 'stranger' ? stranger : tls.caFile;
      return webhook.send(mail, options(template, { url: secret('trouble', url.href), caFile }), signalOf(at));
    };
    troubles(template, here, setUp);

    test(`${template}: a message arrives as it was handed in, once`, async () => {
      const before = here.taken.length;
      const mail = say('失敗 2/14 <hosts> & others', { events: [event('failed')] });
      assert.deepEqual(await webhook.send(mail, options(template), signal), { accepted: mail.to, refused: [] });
      assert.equal(here.taken.length, before + 1);
      const { title, text } = last(template);
      const plain = (escaped: string): string => escaped.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
      assert.equal(plain(title), template === 'pagerduty' ? 'trigger backup of mx1: failed' : mail.subject);
      assert.ok(plain(text).includes('host  <mx1> & more'), text);
    });

    test(`${template}: what is too long is cut, and says so`, async () => {
      for (const text of ['x'.repeat(600_000), '日本語 "\\" <&>\n'.repeat(60_000), '\u{1F4E7}'.repeat(200_000), '```\n'.repeat(50_000)]) {
        const mail = say(`long ${'件'.repeat(5000)}`, { text, events: [event('partial', 'k'.repeat(400))] });
        const outcome = await webhook.send(mail, options(template), signal);
        assert.deepEqual(outcome.refused, []);
        assert.match(last(template).text, /\[cut: \d+ more characters did not fit\]/);
        assert.ok(last(template).text.isWellFormed());
      }
    });

    test(`${template}: no secret is ever said, and a wrong one is a refusal for good`, async () => {
      const url = new URL(here.at(template));
      if (template === 'slack') url.pathname = '/services/T01ABCDEF/B01ABCDEF/wrongwrongwrongwrong';
      if (template === 'teams') url.searchParams.set('sig', 'wrongwrongwrongwrong');
      const token = template === 'slack' || template === 'teams' ? {} : { token: secret('wrong', 'wrongwrongwrongwrong') };
      const { accepted, refused } = await webhook.send(
        say('secret'),
        options(template, { url: secret('url', url.href), ...token }),
        signal,
      );
      assert.deepEqual([accepted, refused.length, refused[0]?.refusal.permanent], [[], 1, true]);
      const said = JSON.stringify(refused);
      for (const word of ['wrongwrong', 'T01ABCDEF', TEAMS_SIGNATURE, ROUTING_KEY, NTFY_TOKEN]) assert.ok(!said.includes(word), said);
      here.faults.push({ at: /^POST/, does: { status: 302, headers: { location: 'https://elsewhere.invalid/' } } });
      const moved = await webhook.send(say('moved'), options(template), signal);
      assert.equal(moved.refused[0]?.refusal.code, 'hook-moved');
    });
  }

  test('a page that says 200 is not the service', async () => {
    for (const template of ['slack', 'teams', 'ntfy', 'pagerduty'] as const) {
      here.faults.push({ at: /^POST/, does: { status: 200, body: '<html>Sign in to the network</html>' } });
      const { accepted, refused } = await webhook.send(say('portal'), options(template), signal);
      assert.deepEqual([accepted, refused[0]?.refusal.code], [[], 'hook-answer'], template);
    }
  });

  test('an address that is none is told without being shown', async () => {
    const http = options('slack', { url: secret('http', `http://hooks.example.test${SLACK_PATH}`) });
    await assert.rejects(
      webhook.send(say('x'), http, signal),
      (error: Error) => /no https/.test(error.message) && !error.message.includes('T01'),
    );
    await assert.rejects(webhook.send(say('x'), options('slack', { url: 'file:/nowhere/url' }), signal), /unable to get the address/);
  });

  test('pagerduty: an incident opens, and ends when all is well; a test leaves none open', async () => {
    const send = (more: Partial<OutgoingMail>): ReturnType<typeof webhook.send> =>
      webhook.send(say('x', more), options('pagerduty'), signal);
    here.open.clear();
    await send({ events: [event('failed'), event('warning', 'mx2/verify')] });
    assert.deepEqual(
      [...here.open],
      [
        ['mailrecover/mx1/backup', 'critical'],
        ['mailrecover/mx2/verify', 'warning'],
      ],
    );
    await send({ events: [event('ok')] });
    await send({ events: [event('ok')] });
    assert.deepEqual([...here.open.keys()], ['mailrecover/mx2/verify']);
    await send({});
    assert.deepEqual([...here.open.keys()], ['mailrecover/mx2/verify']);
  });

  test('ntfy: how bad it is decides how loud it is', async () => {
    for (const [outcome, priority] of [
      ['ok', '2'],
      ['warning', '3'],
      ['partial', '4'],
      ['failed', '5'],
    ] as const) {
      await webhook.send(say('loud', { events: [event(outcome)] }), options('ntfy'), signal);
      const { headers } = last('ntfy');
      assert.deepEqual([headers['priority'], headers['tags']], [priority, `mailrecover,${outcome}`]);
    }
    await webhook.send(say('by header', { headers: { 'X-Mailrecover-Status': 'failed' } }), options('ntfy'), signal);
    assert.equal(last('ntfy').headers['priority'], '5');
  });

  test('generic: the document holds the report that is attached, where it fits', async () => {
    const attach = (content: string): Partial<OutgoingMail> => ({
      attachments: [{ filename: 'report.json', contentType: 'application/json', content: Buffer.from(content) }],
    });
    await webhook.send(say('report', attach('{"hosts":[1]}')), options('generic'), signal);
    const { body, headers } = last('generic');
    assert.deepEqual(body['report'], { hosts: [1] });
    assert.equal(headers['x-mailrecover-id'], body['id']);
    await webhook.send(say('report', attach(`{"x":"${'x'.repeat(600_000)}"}`)), options('generic'), signal);
    assert.deepEqual([last('generic').body['report'], last('generic').body['reportLeftOut']], [undefined, { bytes: 600_008 }]);
  });

  const route = (template: Taken['service'], more: Partial<WebhookOptions> = {}): Route => ({
    name: template,
    kind: 'webhook',
    options: options(template, more),
  });
  const relay: Route = {
    name: 'relay',
    kind: 'smtp',
    options: { from: 'a@example.test', host: 'localhost', port: deadPort, security: 'none' },
  };
  const delivery = (routes: Route[], state = scratch('spool')): DeliveryOptions => ({ state, reserve: 0, routes, signal });

  test('a webhook has its turn where mail fails; one that is told of everything has its own', async () => {
    const message = { subject: 'turns', text: 'x\n', to: ['admin@example.test'] };
    const first = await deliver(message, delivery([relay, route('slack')]));
    assert.deepEqual([first.status, first.accepted], ['delivered', ['admin@example.test']]);

    const state = scratch('spool');
    const both = delivery([relay, route('slack', { always: true })], state);
    const second = await deliver(message, both);
    assert.deepEqual([second.status, second.accepted, second.left], ['spooled', [ownRecipient('slack')], ['admin@example.test']]);
    const slacks = here.taken.filter(({ service }) => service === 'slack').length;
    const again = await flush({ ...both, routes: [route('ntfy'), ...both.routes], all: true, now: true });
    assert.deepEqual([again.sent.length, again.findings], [1, []]);
    assert.equal(here.taken.filter(({ service }) => service === 'slack').length, slacks, 'who was told is not told again');

    // The webhook fails, and is tried again by itself; one that the configuration has no longer is owed nothing.
    here.faults.push({ at: /services/, does: { status: 503, body: 'busy' } });
    const third = await deliver(message, delivery([route('ntfy'), route('slack', { always: true })], state));
    assert.deepEqual([third.status, third.left], ['spooled', [ownRecipient('slack')]]);
    const gone = await flush({ ...delivery([route('ntfy')], state), all: true, now: true });
    assert.deepEqual([gone.sent.length, gone.findings, readdirSync(join(state, 'spool'))], [1, [], []]);
  });

  test('late messages come to a webhook as one, and open what is still open', async () => {
    const state = scratch('spool');
    const spool = openSpool(state, 0);
    const writtenAt = Date.now() - 3_600_000;
    const events = [[event('failed')], [event('failed', 'mx2/backup')], [event('ok')]];
    for (const [index, each] of events.entries())
      await spool.add({ ...say(`late ${index}`, { events: each }), id: `000-${index}`, writtenAt: writtenAt + index });
    here.open.clear();
    const { sent } = await flush({ ...delivery([route('pagerduty')], state), all: false, now: true });
    assert.deepEqual([sent.length, [...here.open.keys()]], [3, ['mailrecover/mx2/backup']]);
  });

  test('at the shell: webhooks alone need no recipient; mistakes in the configuration are named', { skip: notBuilt() }, async () => {
    const host = tellingHost(root);
    const part = (template: Taken['service'], more: object = {}): object => {
      const { url, token } = options(template);
      return { name: template, kind: 'webhook', template, url, ...(token === undefined ? {} : { token }), caFile: tls.caFile, ...more };
    };
    host.tell({ transports: services.map((each) => part(each)) });
    const tried = await host.run('notify', 'test', '--json');
    assert.deepEqual([tried.code, tried.json().counts], [0, { transports: 5, sent: 5 }], tried.stdout);
    const status = await host.run('notify', 'status', '--json');
    assert.deepEqual([status.code, status.json().findings], [0, []]);
    host.tell({ transports: [part('slack', { url: secret('gone', `${here.origin}/services/T/B/gonegonegone`) })] });
    const gone = await host.run('notify', 'test');
    assert.deepEqual([gone.code, gone.stdout.includes('gonegone'), gone.stderr.includes('gonegone')], [1, false, false]);
    assert.match(gone.stdout + gone.stderr, /no longer there/);
    host.tell({ transports: [part('slack', { url: here.at('slack') }), { name: 'pd', kind: 'webhook', template: 'pagerduty' }] });
    const wrong = await host.run('config', 'check');
    assert.match(wrong.stdout + wrong.stderr, /url' must be a reference/);
    assert.match(wrong.stdout + wrong.stderr, /token' is missing/);
    assert.ok(!(wrong.stdout + wrong.stderr).includes('T01ABCDEF'));
  });
}
