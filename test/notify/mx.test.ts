import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { outgoing } from '../../src/notify/message.ts';
import { parsePolicy, stsAllows } from '../../src/system/mta-sts.ts';
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
    'sts MX 10 mx.sts',
    'mx.sts A 127.0.0.1',
    'mta-sts.sts A 127.0.0.77',
    '_mta-sts.sts TXT "v=STSv1; id=20260101;"',
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
      slow: { MAIL: 'slow' },
      silent: { MAIL: 'hang' },
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

  test('mx: a policy of MTA-STS that is enforced is kept to, also when it can no longer be fetched', async (t) => {
    const directory = dirname(here.tls.caFile);
    const at = (name: string): string => join(directory, name);
    const run = (...args: string[]): void => assert.equal(spawnSync('openssl', args, { cwd: directory }).status, 0, args.join(' '));
    run(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=x',
      '-addext',
      'subjectAltName=DNS:mta-sts.sts.test,DNS:mx.sts.test',
      '-keyout',
      'sts.key',
      '-out',
      'sts.csr',
    );
    run(
      'x509',
      '-req',
      '-in',
      'sts.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-copy_extensions',
      'copy',
      '-days',
      '2',
      '-out',
      'sts.pem',
    );
    const tls = { ...here.tls, cert: readFileSync(at('sts.pem'), 'utf8'), key: readFileSync(at('sts.key'), 'utf8') };
    let policy: string | undefined;
    let asked = 0;
    const server = createServer({ cert: tls.cert, key: tls.key }, (_request, response) => {
      asked++;
      response.writeHead(policy === undefined ? 404 : 200, { 'content-type': 'text/plain' }).end(policy ?? '');
    });
    const taken = await new Promise<Error | undefined>((resolve) =>
      server.once('error', resolve).listen(443, '127.0.0.77', () => resolve(undefined)),
    );
    // Policies are fetched from that port alone.
    if (taken !== undefined) return t.skip(`needs port 443: ${taken.message}`);
    after(() => server.close());
    const stsCache = join(here.root, 'mta-sts');
    const right = await smtpScript({ tls, replies: {} });
    // This one has a certificate of the same authority for another name.
    const wrong = await smtpScript({ tls: here.tls, replies: {} });
    const to = ['a@sts.test'];
    const by = (at: number): Promise<SendOutcome> => send(to, 'sts', { port: at, stsCache });

    assert.deepEqual((await by(wrong.port)).accepted, to, 'without a policy any certificate will do');
    const text = (mode: string, name: string): string => `version: STSv1\r\nmode: ${mode}\r\nmx: ${name}\r\nmax_age: 86400\r\n`;
    policy = text('enforce', '*.sts.test');
    const refused = await by(wrong.port);
    assert.deepEqual([refused.accepted, refused.refused[0]?.refusal.permanent], [[], false]);
    assert.match(refused.refused[0]?.refusal.message ?? '', /for another name/);
    assert.deepEqual(await by(right.port), { accepted: to, refused: [] });
    const soFar = asked;
    policy = undefined;
    assert.deepEqual((await by(wrong.port)).accepted, [], 'it was kept');
    assert.equal(asked, soFar);

    mkdirSync(stsCache, { recursive: true });
    writeFileSync(join(stsCache, 'sts.test.json'), JSON.stringify({ id: 'old', mode: 'enforce', mx: ['mx.sts.test'], until: 4e12 }));
    assert.deepEqual((await by(wrong.port)).accepted, [], 'one that was kept holds on while a new one can not be had');
    policy = text('enforce', 'mail.elsewhere.test');
    const none = await by(right.port);
    assert.deepEqual([none.accepted, none.refused[0]?.refusal.code], [[], 'tls']);
    writeFileSync(join(stsCache, 'sts.test.json'), '{');
    policy = text('testing', 'mail.elsewhere.test');
    assert.deepEqual((await by(wrong.port)).accepted, to, 'one that is only tested changes nothing');
  });

  test('mx: what is a policy, and which servers it allows', () => {
    const policy = parsePolicy('version: STSv1\nmode: enforce\nmx: MX1.example.org.\nmx: *.example.net\nmax_age: 604800\n');
    assert.ok(policy !== undefined);
    assert.deepEqual(policy, { mode: 'enforce', mx: ['mx1.example.org', '*.example.net'], maxAge: 604_800 });
    for (const [host, allowed] of [
      ['mx1.example.org', true],
      ['MX1.Example.ORG', true],
      ['a.example.net', true],
      ['example.net', false],
      ['a.b.example.net', false],
      ['mx2.example.org', false],
    ] as const)
      assert.equal(stsAllows(policy, host), allowed, host);
    for (const text of [
      '',
      '<html>',
      'version: STSv1\nmode: enforce\nmax_age: 1\n',
      'version: STSv2\nmode: none\nmax_age: 1\n',
      'version: STSv1\nmode: on\nmx: a\nmax_age: 1\n',
      'version: STSv1\nmode: testing\nmx: a\n',
    ])
      assert.equal(parsePolicy(text), undefined, text);
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
