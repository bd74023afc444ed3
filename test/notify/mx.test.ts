import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { outgoing } from '../../src/notify/message.ts';
import mx, { type MxOptions } from '../../src/notify/transports/mx.ts';
import type { SendOutcome } from '../../src/notify/transport.ts';
import { notBuilt } from '../support/binary.ts';
import { authority } from '../support/cloud/authority.ts';
import { noExchange } from '../support/cloud/exchange.ts';
import { type Script, smtpScript } from '../support/cloud/smtp-script.ts';
import { nameServer, noNameServer } from '../support/nameserver.ts';
import { freePorts } from '../support/ports.ts';
import { contract, signalOf, type SetUp } from './contract.ts';
import { tellingHost } from './host.ts';
import { OTHER, READER, SENDER, world } from './world.ts';

const skip = noExchange() || noNameServer();
if (skip === false) await direct();
else test('mx', { skip }, () => undefined);

async function direct(): Promise<void> {
  const here = await world();
  const names = await nameServer([
    'example MX 10 mx.example',
    'mx.example A 127.0.0.1',
    'several MX 20 mx.example',
    'several MX 10 busy.several',
    'several MX 5 dead.several',
    'several MX 1 nowhere.several',
    'busy.several A 127.0.0.2',
    'dead.several A 127.0.0.4',
    'implicit A 127.0.0.2',
    'six MX 10 mx.six',
    'mx.six AAAA ::1',
    'null MX 0 .',
    'text TXT "no mail, no address"',
    'lost MX 10 nowhere.lost',
    'broken NS ns.broken',
    'ns.broken A 127.0.0.9',
  ]);
  const stranger = authority().caFile;
  const [deadPort = 1] = await freePorts(1);
  const { signal } = new AbortController();
  const port = here.exchange.relay;
  const options = (more: Partial<MxOptions> = {}): MxOptions => ({
    from: SENDER,
    port,
    security: 'opportunistic',
    nameServers: [names],
    caFile: here.tls.caFile,
    ...more,
  });
  const send = (to: string[], subject: string, more: Partial<MxOptions> = {}): Promise<SendOutcome> =>
    mx.send(outgoing({ subject, text: 'x\n', to }), options(more), signal);
  /** A scripted server at that address, on the port on which the real one listens at its own. */
  const script = (host: string, replies: Script['replies'], at = port): ReturnType<typeof smtpScript> =>
    smtpScript({ tls: here.tls, replies, at: { host, port: at } });

  const byMx: SetUp = (at) => async (mail, trouble) => {
    const replies = {
      busy: { MAIL: '451 4.7.500 Server busy. Please try again later' },
      throttled: { RCPT: '451 4.7.1 too many messages' },
      refusal: { MAIL: '550 5.7.60 SendAsDenied; not allowed to send as' },
      cut: { DATA: 'cut' as const },
    };
    const more: Partial<MxOptions> = {};
    if (trouble !== undefined && trouble in replies)
      more.port = (await smtpScript({ tls: at.tls, replies: replies[trouble as keyof typeof replies] })).port;
    if (trouble === 'no-name') more.nameServers = [`127.0.0.1:${deadPort}`];
    if (trouble === 'no-port') more.port = deadPort;
    if (trouble === 'stranger') Object.assign(more, { security: 'starttls', caFile: stranger });
    return mx.send(mail, options(more), signalOf(at));
  };
  contract('mx', here, byMx);

  test('mx: servers in their order, until one takes it; what one refuses for good no other is asked', async () => {
    const busy = await script('127.0.0.2', {
      RCPT: (line) => (line.includes('nobody') ? '550 5.1.1 no such user' : '450 4.2.0 greylisted'),
    });
    // The last is the real one, which is for another domain.
    const { accepted, refused } = await send(['admin@several.test', 'nobody@several.test'], 'several');
    assert.deepEqual(accepted, []);
    assert.deepEqual(
      refused.map(({ to, refusal }) => [to, refusal.code, refusal.permanent]),
      [
        [['nobody@several.test'], 'recipient', true],
        [['admin@several.test'], 'recipient', true],
      ],
    );
    assert.equal(busy.said.filter((line) => line.startsWith('RCPT')).length, 2);
  });

  test('mx: recipients by their domains, each with what became of it', async () => {
    const to = [READER, 'a@null.test', OTHER, 'b@absent.test', 'c@text.test', 'd@lost.test', 'e@broken.test', 'nobody@example.test'];
    const { accepted, refused } = await send(to, 'mx: by domain');
    assert.deepEqual(accepted, [READER, OTHER]);
    assert.deepEqual(
      refused
        .map(({ to: [address], refusal }) => [address, refusal.code, refusal.permanent])
        .toSorted((a, b) => String(a).localeCompare(String(b))),
      [
        ['a@null.test', 'no-mail', true],
        ['b@absent.test', 'recipient', true],
        ['c@text.test', 'no-mail-host', true],
        ['d@lost.test', 'no-mail-host', true],
        ['e@broken.test', 'unreachable', false],
        ['nobody@example.test', 'recipient', true],
      ],
    );
    await here.arrived('mx: by domain');
    await here.arrived('mx: by domain', OTHER);
  });

  test('mx: without an MX the domain itself takes mail; address literals; IPv6', async () => {
    const [other = 1] = await freePorts(1);
    const four = await script('127.0.0.2', {}, other);
    const to = ['a@implicit.test', 'b@[127.0.0.2]'];
    assert.deepEqual(await send(to, 'implicit', { port: other, ehlo: 'mx1.example.test' }), { accepted: to, refused: [] });
    assert.equal(four.said.filter((line) => line === 'EHLO mx1.example.test').length, 4, 'before and after STARTTLS, for two domains');
    if (!Object.values(networkInterfaces()).some((list = []) => list.some(({ address }) => address === '::1'))) return;
    const six = await script('::1', {}, other);
    assert.deepEqual((await send(['c@six.test'], 'six', { port: other })).accepted, ['c@six.test']);
    assert.ok(six.said.includes('STARTTLS'));
  });

  test('mx: TLS where it is offered; where it fails, and is not demanded, the mail goes without', async () => {
    for (const trouble of [{ replies: { STARTTLS: '454 4.7.0 TLS not available' } }, { replies: {}, oldTls: true }]) {
      const { said, port: other } = await smtpScript({ tls: here.tls, ...trouble });
      const clear = await send([READER], 'clear', { port: other });
      assert.deepEqual(clear, { accepted: [READER], refused: [] });
      assert.ok(said.includes('STARTTLS') && said.includes('DATA'));
      const demanded = await send([READER], 'demanded', { port: other, security: 'starttls' });
      assert.deepEqual([demanded.accepted, demanded.refused[0]?.refusal.code, demanded.refused[0]?.refusal.permanent], [[], 'tls', false]);
    }
    // Demanded TLS is checked: this certificate is for localhost.
    const wrong = await send([READER], 'name', { security: 'starttls' });
    assert.match(wrong.refused[0]?.refusal.message ?? '', /for another name/);
  });

  test('mx: a greeting that turns everybody away is no last word', async () => {
    const [other = 1] = await freePorts(1);
    await script('127.0.0.1', { GREETING: '554 5.7.1 Service unavailable; client host blocked' }, other);
    const { refused } = await send([READER], 'greeting', { port: other });
    assert.deepEqual([refused[0]?.refusal.code, refused[0]?.refusal.permanent], ['content', false]);
    await assert.rejects(send([READER], 'servers', { nameServers: ['nonsense'] }), /no addresses of name servers/);
  });

  test('mx: at the shell', { skip: notBuilt() }, async () => {
    const host = tellingHost(here.root);
    const transport = { name: 'direct', kind: 'mx', from: SENDER, port, nameServers: [names] };
    host.tell({ to: [READER], transports: [transport] });
    const sent = await host.run('notify', 'test', '--json');
    assert.equal(sent.code, 0, sent.stdout + sent.stderr);
    await here.arrived('test of direct');
    host.tell({ to: ['a@broken.test'], transports: [transport] });
    const unknown = await host.run('notify', 'test');
    assert.equal(unknown.code, 13);
    assert.match(unknown.stdout + unknown.stderr, /host -t mx broken\.test/);
  });
}
