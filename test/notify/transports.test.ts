import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { outgoing } from '../../src/notify/message.ts';
import gmail from '../../src/notify/transports/gmail.ts';
import graph from '../../src/notify/transports/graph.ts';
import smtpOAuth2 from '../../src/notify/transports/smtp-oauth2.ts';
import smtp from '../../src/notify/transports/smtp.ts';
import { accessToken } from '../../src/notify/oauth/tokens.ts';
import { authority } from '../support/cloud/authority.ts';
import { noExchange } from '../support/cloud/exchange.ts';
import { draftsLeft } from '../support/cloud/graph.ts';
import { smtpScript } from '../support/cloud/smtp-script.ts';
import type { Answer, Web } from '../support/cloud/web.ts';
import { freePorts } from '../support/ports.ts';
import { googleAccount, microsoftAccount } from './accounts.ts';
import { contract, signalOf, type SetUp, type Trouble } from './contract.ts';
import { attachmentOf, READER, SENDER, world, type World } from './world.ts';

const signal = new AbortController().signal;

const skip = noExchange();
if (skip === false) await transports();
else test('transports', { skip }, () => undefined);

async function transports(): Promise<void> {
  const here = await world();
  const stranger = authority().caFile;
  const [deadPort = 1] = await freePorts(1);

  /** Trouble at an HTTPS service: in its answers, or on the way to it. */
  const webTrouble = (server: Web, at: RegExp, trouble: Trouble | undefined, refusal: Answer): { api?: string; caFile?: string } => {
    const busy: Partial<Record<Trouble, Answer | 'cut' | 'hang' | 'slow'>> = {
      busy: { status: 503, body: 'Service Unavailable' },
      throttled: { status: 429, headers: { 'retry-after': '30' }, body: { error: { code: 'ApplicationThrottled', message: 'wait' } } },
      refusal,
      cut: 'cut',
      slow: 'slow',
      silent: 'hang',
    };
    const does = trouble === undefined ? undefined : busy[trouble];
    if (does !== undefined) server.faults.push({ at, does });
    if (trouble === 'no-name') return { api: 'https://nowhere.invalid' };
    if (trouble === 'no-port') return { api: `https://localhost:${deadPort}` };
    return trouble === 'stranger' ? { caFile: stranger } : {};
  };

  const byGraph: SetUp = (at) => async (mail, trouble) => {
    const refusal = {
      status: 403,
      body: { error: { code: 'ErrorSendAsDenied', message: 'The user does not have the right to send mail.' } },
    };
    const { api, caFile } = webTrouble(at.microsoft, /sendMail$/, trouble, refusal);
    const account = microsoftAccount(at, caFile === undefined ? {} : { caFile, name: 'stranger' });
    if (api !== undefined) account.endpoints.api = api;
    return graph.send(mail, { account, from: SENDER, tokens: { state: at.state } }, signalOf(at));
  };
  contract('graph', here, byGraph);

  const byGmail: SetUp = (at) => async (mail, trouble) => {
    const refusal = {
      status: 403,
      body: {
        error: {
          code: 403,
          message: 'Gmail API has not been used in project 1 before or it is disabled.',
          errors: [{ reason: 'accessNotConfigured' }],
        },
      },
    };
    const { api, caFile } = webTrouble(at.google, /messages\/send$/, trouble, refusal);
    const account = googleAccount(at, caFile === undefined ? {} : { caFile, name: 'stranger' });
    if (api !== undefined) account.endpoints.api = api;
    return gmail.send(mail, { account, from: SENDER, tokens: { state: at.state } }, signalOf(at));
  };
  contract('gmail', here, byGmail);

  /** Trouble at an SMTP server: a scripted one in place of the real one. */
  const smtpTrouble = async (at: World, trouble: Trouble | undefined): Promise<{ host?: string; port?: number; caFile?: string }> => {
    if (trouble === undefined) return {};
    if (trouble === 'no-name') return { host: 'nowhere.invalid' };
    if (trouble === 'no-port') return { port: deadPort };
    if (trouble === 'stranger') return { caFile: stranger };
    const replies = {
      busy: { MAIL: '451 4.7.500 Server busy. Please try again later' },
      throttled: { RCPT: '451 4.7.1 too many messages' },
      refusal: { END: '554 5.2.252 SendAsDenied; backup@example.test not allowed to send as admin@example.test' },
      cut: { DATA: 'cut' as const },
      slow: { MAIL: 'slow' },
      silent: { MAIL: 'hang' },
    }[trouble];
    return { port: (await smtpScript({ tls: at.tls, replies })).port };
  };

  const bySmtp: SetUp = (at) => async (mail, trouble) => {
    const server = { host: 'localhost', port: at.exchange.relay, security: 'starttls' as const, caFile: at.tls.caFile };
    return smtp.send(mail, { from: SENDER, ...server, ...(await smtpTrouble(at, trouble)) }, signalOf(at));
  };
  contract('smtp', here, bySmtp);

  const byXoauth2: SetUp = (at) => async (mail, trouble) => {
    const server = { host: 'localhost', port: at.exchange.submission, security: 'starttls' as const, caFile: at.tls.caFile };
    const options = { account: microsoftAccount(at), from: SENDER, tokens: { state: at.state } };
    return smtpOAuth2.send(mail, { ...options, server: { ...server, ...(await smtpTrouble(at, trouble)) } }, signalOf(at));
  };
  contract('smtp-oauth2', here, byXoauth2);

  test('smtp-oauth2: with an account at Google, and TLS from the first byte', async () => {
    const server = { host: 'localhost', port: here.exchange.submissions, security: 'tls' as const, caFile: here.tls.caFile };
    const mail = outgoing({ subject: 'xoauth2 by google', text: 'x', to: [READER] });
    const outcome = await smtpOAuth2.send(
      mail,
      { account: googleAccount(here), from: SENDER, tokens: { state: here.state }, server },
      signal,
    );
    assert.deepEqual(outcome, { accepted: [READER], refused: [] });
    await here.arrived('xoauth2 by google');
  });

  test('smtp-oauth2: a sender that is not the mailbox, and a recipient that is not there, are told apart', async () => {
    const server = { host: 'localhost', port: here.exchange.submission, security: 'starttls' as const, caFile: here.tls.caFile };
    const options = { account: microsoftAccount(here), tokens: { state: here.state }, server };
    const wrongSender = await smtpOAuth2.send(
      outgoing({ subject: 's', text: 'x', to: [READER] }),
      { ...options, from: 'other@example.test' },
      signal,
    );
    assert.equal(wrongSender.refused[0]?.refusal.code, 'sender');
    const to = [READER, 'nobody@example.test'];
    const half = await smtpOAuth2.send(outgoing({ subject: 'half', text: 'x', to }), { ...options, from: SENDER }, signal);
    assert.deepEqual(half.accepted, [READER]);
    assert.deepEqual(
      half.refused.map((each) => [each.to, each.refusal.code, each.refusal.permanent]),
      [[['nobody@example.test'], 'recipient', true]],
    );
    await here.arrived('half');
  });

  test('smtp-oauth2: tokens that are over, for somebody else, or for something else are refused by the real server', async () => {
    const server = { host: 'localhost', port: here.exchange.submission, security: 'starttls' as const, caFile: here.tls.caFile };
    const tokens = [
      ['over', here.issuer.issue({ email: SENDER }, -60)],
      ["somebody else's", here.issuer.issue({ email: 'other@example.test' })],
      ['for Graph', here.microsoft.graph.issue({ email: SENDER, aud: 'https://graph.microsoft.com' })],
    ] as const;
    for (const [what, token] of tokens) {
      const { sendBySmtp } = await import('../../src/notify/smtp-send.ts');
      const login = { user: SENDER, token: async () => ({ token, expiresAt: Date.now() + 3_600_000 }) };
      const { refused } = await sendBySmtp(outgoing({ subject: what, text: 'x', to: [READER] }), { server, from: SENDER, login }, signal);
      assert.equal(refused[0]?.refusal.code, 'smtp-login', what);
      assert.equal(refused[0]?.refusal.permanent, true, what);
      assert.ok(!JSON.stringify(refused).includes(token), 'no token in what is said');
    }
  });

  test('a token that was kept and is refused is asked for anew, once', async () => {
    const account = microsoftAccount(here, { name: 'stale' });
    await accessToken(account, 'api', { state: here.state });
    here.microsoft.faults.push({
      at: /sendMail$/,
      does: { status: 401, body: { error: { code: 'InvalidAuthenticationToken', message: 'revoked' } } },
    });
    const before = here.microsoft.asked.filter(({ url }) => url.pathname.endsWith('/token')).length;
    const outcome = await graph.send(
      outgoing({ subject: 'renewed', text: 'x', to: [READER] }),
      { account, from: SENDER, tokens: { state: here.state } },
      signal,
    );
    assert.deepEqual(outcome.accepted, [READER]);
    assert.equal(here.microsoft.asked.filter(({ url }) => url.pathname.endsWith('/token')).length, before + 1);
  });

  test('graph: a mail above the limit goes as a draft, large files by upload session without a token', async () => {
    const account = microsoftAccount(here);
    const [large, small] = [randomBytes(7_000_000), randomBytes(1_000_000)];
    const attachments = [
      { filename: 'large.bin', contentType: 'application/octet-stream', content: large },
      { filename: 'small.bin', contentType: 'application/octet-stream', content: small },
    ];
    const mail = outgoing({ subject: 'graph large', text: 'x', html: '<p>x</p>', to: [READER], attachments });
    assert.deepEqual(await graph.send(mail, { account, from: SENDER, tokens: { state: here.state } }, signal), {
      accepted: [READER],
      refused: [],
    });
    const source = await here.arrived('graph large');
    assert.ok(attachmentOf(source, 'large.bin').equals(large));
    assert.ok(attachmentOf(source, 'small.bin').equals(small));
    assert.equal(draftsLeft(), 0);
    const puts = here.microsoft.asked.filter(({ method }) => method === 'PUT');
    assert.deepEqual(
      puts.map(({ body, headers }) => [body.length <= 4 * 1024 * 1024, headers.authorization]),
      puts.map(() => [true, undefined]),
    );
    assert.ok(puts.length >= 2);
    // Cut off on the way: no draft stays behind.
    here.microsoft.faults.push({ at: /^PUT \/upload/, does: 'cut' });
    const cut = await graph.send({ ...mail, id: `${mail.id}2` }, { account, from: SENDER, tokens: { state: here.state } }, signal);
    assert.deepEqual([cut.accepted, cut.refused[0]?.refusal.permanent, draftsLeft()], [[], false, 0]);
  });

  test('graph: a short wait that is asked for is waited for', async () => {
    const account = microsoftAccount(here);
    here.microsoft.faults.push({
      at: /sendMail$/,
      does: { status: 429, headers: { 'retry-after': '1' }, body: { error: { code: 'ApplicationThrottled', message: 'wait' } } },
    });
    const mail = outgoing({ subject: 'waited', text: 'x', to: [READER] });
    assert.deepEqual((await graph.send(mail, { account, from: SENDER, tokens: { state: here.state } }, signal)).accepted, [READER]);
  });

  test('gmail: more than it takes is refused before it is sent', async () => {
    const asked = here.google.asked.length;
    const attachments = [{ filename: 'huge', contentType: 'application/octet-stream', content: Buffer.alloc(28_000_000) }];
    const mail = outgoing({ subject: 'huge', text: 'x', to: [READER], attachments });
    const { refused } = await gmail.send(mail, { account: googleAccount(here), from: SENDER, tokens: { state: here.state } }, signal);
    assert.deepEqual([refused[0]?.refusal.code, here.google.asked.length], ['too-large', asked]);
  });

  test('smtp: no password goes over a connection that is not safe', async () => {
    const { port, said } = await smtpScript({ replies: {} });
    const options = {
      from: SENDER,
      host: 'localhost',
      port,
      security: 'starttls' as const,
      user: 'u',
      password: here.secret('pw', 'hunter2'),
    };
    const { refused } = await smtp.send(outgoing({ subject: 's', text: 'x', to: [READER] }), options, signal);
    assert.equal(refused[0]?.refusal.code, 'tls');
    assert.ok(said.every((line) => !line.startsWith('AUTH')));
  });

  test('what Exchange and Gmail say about logins is explained', async () => {
    const cases: [string, string][] = [
      [
        '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled',
        'smtp-auth-disabled',
      ],
      ['535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.eurprd01.prod.exchangelabs.com]', 'smtp-login'],
      [
        '535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials',
        'smtp-login',
      ],
      ['454 4.7.0 Temporary authentication failure', 'busy'],
    ];
    for (const [reply, code] of cases) {
      const { port } = await smtpScript({ tls: here.tls, replies: { AUTH: reply } });
      const server = { host: 'localhost', port, security: 'starttls' as const, caFile: here.tls.caFile };
      const options = { account: microsoftAccount(here), from: SENDER, tokens: { state: here.state }, server };
      const { refused } = await smtpOAuth2.send(outgoing({ subject: 's', text: 'x', to: [READER] }), options, signal);
      assert.equal(refused[0]?.refusal.code, code, reply);
      assert.equal(refused[0]?.refusal.permanent, reply.startsWith('5'), reply);
    }
  });

  test('tokens are kept for their owner alone, and nothing secret is said', () => {
    const { statSync, readdirSync } = process.getBuiltinModule('node:fs');
    const directory = join(here.state, 'oauth');
    for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
  });
}
