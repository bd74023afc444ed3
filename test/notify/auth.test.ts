import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { accessToken } from '../../src/notify/oauth/tokens.ts';
import { clientCertificate } from '../support/cloud/authority.ts';
import { tmpfs } from '../support/disk.ts';
import { isRoot } from '../support/host.ts';
import { noExchange } from '../support/cloud/exchange.ts';
import { MAIL_SCOPE, SEND_SCOPE } from '../support/cloud/google.ts';
import { approve, GRAPH, OUTLOOK } from '../support/cloud/microsoft.ts';
import { readToken } from '../support/cloud/tokens.ts';
import { notBuilt } from '../support/binary.ts';
import { Imap } from '../support/imap.ts';
import { makeWorld } from '../live/world.ts';
import { until } from '../support/ports.ts';
import { googleAccount, microsoftAccount } from './accounts.ts';
import { tellingHost } from './host.ts';
import { READER, SENDER, world } from './world.ts';

const skip = noExchange() || notBuilt();
if (skip === false) await logins();
else test('logins', { skip }, () => undefined);

async function logins(): Promise<void> {
  const here = await world();
  const host = tellingHost(here.root);
  const { microsoft, google } = here;
  const plain = (account: object): object => Object.fromEntries(Object.entries(account).filter(([, value]) => value !== undefined));
  const m365 = (more: object = {}): object => plain({ ...microsoftAccount(here), ...more });
  const workspace = (more: object = {}): object => plain({ ...googleAccount(here), cloud: undefined, ...more });
  const user = (more: object = {}): object => m365({ grant: 'delegated', clientSecret: undefined, ...more });
  const desktop = {
    grant: 'delegated',
    serviceAccount: undefined,
    clientId: google.options.clientId,
    clientSecret: here.secret('desktop', 'GOCSPX-nothing'),
  };
  const tell = (accounts: object[], transports: object[] = []): void => host.tell({ to: [READER], accounts, transports });

  /** Runs a login, and does what the user would do with the address that it shows. */
  const signIn = async (
    name: string,
    ...more: string[]
  ): Promise<{ code: number | null; stderr: string; json: Record<string, unknown> }> => {
    const { child, done } = host.start('auth', 'login', name, '--json', ...more);
    let shown = '';
    child.stderr?.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const address = (): string | undefined => /^https:\/\/\S+/m.exec(shown)?.[0];
    const code = (): string | undefined => /code (\w+),/.exec(shown)?.[1];
    await until(() => address() !== undefined || code() !== undefined || child.exitCode !== null, 30_000);
    const [opened, typed] = [address(), code()];
    if (typed !== undefined) microsoft.typeCode(typed);
    else if (opened !== undefined) {
      const back = await approve(opened, here.tls);
      // A browser that comes with somebody else's answer is turned away, and changes nothing.
      const forged = new URL(back);
      forged.searchParams.set('state', 'x'.repeat(32));
      assert.equal((await fetch(forged)).status, 404);
      assert.equal((await fetch(back)).status, 200);
    }
    const ran = await done;
    return { code: ran.code, stderr: ran.stderr, json: ran.json() };
  };

  test('an application at Microsoft: secret, test mail, token, status', async () => {
    const soon = new Date(Date.now() + 10 * 86_400_000).toISOString().slice(0, 10);
    tell([m365({ secretExpires: soon })]);
    const tried = await host.run('auth', 'test', 'm365', '--json');
    assert.equal(tried.code, 0, tried.stdout + tried.stderr);
    assert.deepEqual(tried.json().counts, { transports: 1, sent: 1 });
    await here.arrived('test of graph');
    const token = await host.run('auth', 'token', 'm365', '--for', 'api');
    assert.equal(microsoft.graph.check(token.stdout.trim())['aud'], GRAPH);
    assert.equal((await host.run('auth', 'token', 'm365', '--for', 'api')).stdout, token.stdout, 'a good token is used again');
    const smtp = await host.run('auth', 'token', 'm365');
    assert.equal(readToken(smtp.stdout.trim(), here.issuer.publicPem).claims['aud'], 'https://outlook.office365.com');
    const status = await host.run('auth', 'status', '--json');
    assert.deepEqual(
      [status.code, status.json().outcome, status.json().findings.map(({ code }) => code)],
      [0, 'warning', ['credential-ends']],
    );
    const text = await host.run('auth', 'status');
    assert.match(text.stdout, /client secret +ends on .* in (9|10) days/);
    for (const said of [tried, status, text]) assert.ok(!(said.stdout + said.stderr).includes('Very~Secret'));
  });

  test('a mailbox at Microsoft is backed up over IMAP with the rights of the application', async () => {
    const { ports, host: address } = here.exchange.dovecot;
    const client = await Imap.login(here.exchange.dovecot, SENDER);
    await client.append('INBOX', Buffer.from('Subject: far away\r\n\r\nx\r\n'), ['\\Seen']);
    await client.close();
    const account = { name: 'shop', host: address, port: ports.imap, security: 'none', user: SENDER, oauth: 'm365' };
    const stores = [{ name: 'far', imap: { accounts: ['shop'] } }];
    const far = await makeWorld([], { stores, accounts: [account], notify: { to: [READER], accounts: [m365()] } });
    const made = await far.backup([]);
    assert.ok(Number(made.counts['messages']) >= 1, JSON.stringify(made));
    // A token is kept for the next time; without one, and with a wrong secret, nobody gets in.
    const wrong = m365({ clientSecret: here.secret('wrong', 'Wrong~Secret\n') });
    const refused = await makeWorld([], { stores, accounts: [account], notify: { to: [READER], accounts: [wrong] } });
    const told = await refused.backup([], { expect: 12 });
    assert.ok(!JSON.stringify(told).includes('Wrong~Secret'));
  });

  test('an application at Microsoft with a certificate; each known refusal is explained', async () => {
    const certificate = clientCertificate();
    const account = m365({
      clientSecret: undefined,
      certificate: `file:${certificate.certFile}`,
      certificateKey: `file:${certificate.keyFile}`,
    });
    tell([account]);
    const refused = async (...args: string[]): Promise<{ exit: number | null; codes: string[] }> => {
      const ran = await host.run('auth', ...args, '--json');
      const found = ran.json().findings;
      for (const { hint = '' } of found) assert.ok(hint !== '');
      return { exit: ran.code, codes: found.map(({ code }) => code) };
    };
    assert.deepEqual(await refused('test', 'm365'), { exit: 12, codes: ['certificate-unknown'] });
    microsoft.options.certificate = certificate.cert;
    assert.deepEqual(await refused('test', 'm365'), { exit: 0, codes: [] });
    const status = (await host.run('auth', 'status', '--json')).json();
    assert.equal(((status['accounts'] as { ends: { what: string }[] }[])[0]?.ends ?? [])[0]?.what, 'certificate');

    microsoft.options.roles = ['SMTP.SendAsApp'];
    assert.deepEqual(await refused('test', 'm365'), { exit: 12, codes: ['consent'] });
    microsoft.options.roles = ['Mail.Send', 'SMTP.SendAsApp'];

    const wrong: [object, string][] = [
      [{ clientSecret: here.secret('wrong', 'nonsense') }, 'secret-wrong'],
      [{ clientId: 'somebody-else' }, 'client-unknown'],
      [{ tenant: 'nowhere.example' }, 'tenant-unknown'],
      [{ mailbox: 'ghost@example.test' }, 'mailbox'],
      [{ cloud: 'china' }, 'scope'],
    ];
    for (const [more, code] of wrong) {
      tell([m365(more)]);
      assert.deepEqual((await refused('test', 'm365')).codes, [code]);
    }
    tell([m365({ clientSecret: 'file:/nowhere/secret' })]);
    assert.deepEqual(await refused('test', 'm365'), { exit: 12, codes: ['key'] });
    assert.deepEqual(await refused('status'), { exit: 12, codes: ['secret-unreadable'] });

    // A clock that is off is what is named, whatever the service says of it.
    tell([m365({ clientSecret: here.secret('wrong', 'nonsense') })]);
    microsoft.skew = 3_600_000;
    assert.deepEqual((await refused('test', 'm365')).codes, ['clock']);
    microsoft.skew = 0;
  });

  test('a user at Microsoft signs in with a browser; the login is kept alive, and rotated tokens are kept', async () => {
    tell([user()]);
    const before = await host.run('auth', 'test', 'm365', '--json');
    assert.deepEqual([before.code, before.json().findings.map(({ code }) => code)], [12, ['login-needed']]);
    const signed = await signIn('m365');
    assert.equal(signed.code, 0, signed.stderr);
    const file = join(host.state, 'oauth/m365.json');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const kept = (): { refreshToken: string } => JSON.parse(readFileSync(file, 'utf8')) as { refreshToken: string };
    const first = kept().refreshToken;
    assert.ok(microsoft.logins.has(first));
    assert.ok(!signed.stderr.includes(first));
    assert.equal((await host.run('auth', 'test', 'm365', '--json')).code, 0);
    assert.equal((await host.run('auth', 'refresh', '--json')).json().counts['refreshed'], 1);
    assert.notEqual(kept().refreshToken, first);
    assert.ok(microsoft.logins.has(kept().refreshToken));

    // What is asked for in addition needs a consent of its own.
    const imap = await host.run('auth', 'token', 'm365', '--for', 'imap', '--json');
    assert.deepEqual([imap.code, (imap.json()['error'] as { hint?: string } | undefined)?.hint?.includes('consent')], [12, true]);

    for (const login of microsoft.logins.values()) login.dead = 'AADSTS700082: The refresh token has expired due to inactivity.';
    const dead = await host.run('auth', 'refresh', '--json');
    assert.equal(dead.code, 12);
    assert.match(dead.json().findings[0]?.hint ?? '', /auth login/);
    // Another application's login is of no use, and says so.
    tell([user({ clientId: 'other' })]);
    assert.equal((await host.run('auth', 'status', '--json')).json().findings[0]?.code, 'login-needed');
  });

  test('a user at Microsoft signs in with a code at another device, for SMTP', async () => {
    tell([user()], [{ name: 'out', kind: 'smtp-oauth2', account: 'm365', host: 'localhost', port: here.exchange.submission }]);
    assert.equal((await signIn('m365', '--way', 'device')).code, 0);
    assert.ok([...microsoft.logins.values()].some(({ scopes }) => scopes.includes(`${OUTLOOK}/SMTP.Send`)));
    const sent = await host.run('notify', 'test', '--json');
    assert.equal(sent.code, 0, sent.stdout);
    await here.arrived('test of out');
  });

  test('a service account at Google: delegation is explained, and sends once it is right', async () => {
    tell([workspace()]);
    const status = await host.run('auth', 'status');
    assert.match(status.stdout, new RegExp(`client id 1234567890, scopes ${SEND_SCOPE}`));
    const { service } = google.options;
    assert.ok(service !== undefined);
    service.delegated = [];
    const refused = await host.run('auth', 'test', 'google', '--json');
    assert.deepEqual([refused.code, refused.json().findings[0]?.code], [12, 'unauthorized-client']);
    assert.match(refused.json().findings[0]?.hint ?? '', /Domain-wide delegation/);
    service.delegated = [SEND_SCOPE, MAIL_SCOPE];
    assert.equal((await host.run('auth', 'test', 'google', '--json')).code, 0);
    await here.arrived('test of gmail');
    for (const [more, code] of [
      [{ mailbox: 'ghost@example.test' }, 'mailbox'],
      [
        { serviceAccount: here.secret('other.json', readFileSync(join(here.root, 'google.json'), 'utf8').replace('"key1"', '"key2"')) },
        'key-wrong',
      ],
      [{ serviceAccount: here.secret('rubbish.json', '{}') }, 'key'],
    ] as const) {
      tell([workspace(more)]);
      assert.deepEqual(
        (await host.run('auth', 'test', 'google', '--json')).json().findings.map((each) => each.code),
        [code],
      );
    }
    google.skew = -3_600_000;
    tell([workspace({ name: 'skewed', mailbox: 'ghost@example.test' })]);
    assert.equal((await host.run('auth', 'test', 'skewed', '--json')).json().findings[0]?.code, 'clock');
    google.skew = 0;
  });

  test('a user at Google signs in with a browser; a consent screen in testing is told', async () => {
    tell([workspace(desktop)]);
    google.testing = 7 * 86_400 - 60;
    assert.equal((await signIn('google')).code, 0);
    const status = (await host.run('auth', 'status', '--json')).json();
    assert.deepEqual(
      status.findings.map(({ code, hint }) => [code, hint?.includes('In production')]),
      [['credential-ends', true]],
    );
    assert.equal((await host.run('auth', 'test', 'google', '--json')).code, 0);
    google.testing = undefined;
    google.rotates = true;
    for (let round = 0; round < 2; round++) assert.equal((await host.run('auth', 'refresh')).code, 0);
    for (const login of google.logins.values()) login.revoked = true;
    const revoked = await host.run('auth', 'refresh', '--json');
    assert.deepEqual([revoked.code, revoked.json().findings[0]?.code], [12, 'no-token']);
    const device = await host.run('auth', 'login', 'google', '--way', 'device');
    assert.equal(device.code, 2);
  });

  test('many runs at once exchange a rotating token one after the other, and lose none', async () => {
    google.rotates = true;
    const account = googleAccount(here, { ...desktop, grant: 'delegated', name: 'many' });
    const state = join(here.root, 'many');
    tell([workspace({ ...desktop, name: 'many' })]);
    assert.equal((await signIn('many')).code, 0);
    const kept = readFileSync(join(host.state, 'oauth/many.json'), 'utf8');
    const { mkdirSync } = process.getBuiltinModule('node:fs');
    mkdirSync(join(state, 'oauth'), { recursive: true });
    writeFileSync(join(state, 'oauth/many.json'), kept);
    const tokens = await Promise.all(Array.from({ length: 8 }, () => accessToken(account, 'api', { state, fresh: true })));
    assert.equal(new Set(tokens.map(({ token }) => token)).size, 8);
    assert.equal(
      (JSON.parse(readFileSync(join(state, 'oauth/many.json'), 'utf8')) as { refreshToken: string }).refreshToken.length > 0,
      true,
    );
    assert.deepEqual(readdirSync(join(state, 'oauth')), ['many.json']);
  });

  test(
    'on a full disk a token is given all the same, and it is said that it can not be kept',
    { skip: isRoot ? false : 'needs root, to mount a file system' },
    async () => {
      const state = tmpfs(1);
      const account = microsoftAccount(here, { name: 'full' });
      try {
        for (;;) appendFileSync(join(state, 'filler'), Buffer.alloc(4096));
      } catch {
        // It is full.
      }
      const told: string[] = [];
      const { token } = await accessToken(account, 'api', { state, unsaved: ({ code }) => void told.push(code) });
      assert.equal(microsoft.graph.check(token)['aud'], GRAPH);
      assert.ok(told.includes('no-space'));
      assert.ok(!existsSync(join(state, 'oauth/full.json')) || readFileSync(join(state, 'oauth/full.json'), 'utf8') !== '');
    },
  );

  test('a kept login that is rubbish, or of a run that was killed, is no obstacle', async () => {
    const state = join(here.root, 'rubbish');
    const { mkdirSync } = process.getBuiltinModule('node:fs');
    mkdirSync(join(state, 'oauth'), { recursive: true });
    const account = microsoftAccount(here, { name: 'r' });
    for (const rubbish of ['', 'null', '[]', '{"of":1,"access":null}', '\u0000\u0001']) {
      writeFileSync(join(state, 'oauth/r.json'), rubbish);
      writeFileSync(join(state, 'oauth/r.json.lock'), JSON.stringify({ pid: 999_999_999, start: '1', since: '', what: 'token' }));
      assert.ok((await accessToken(account, 'api', { state })).token.length > 0, rubbish);
    }
  });

  test('the configuration is checked: what does not go together is named', async () => {
    tell(
      [m365({ clientSecret: undefined })],
      [
        { name: 'a', kind: 'gmail', account: 'm365' },
        { name: 'b', kind: 'smtp', host: 'x', user: 'u', from: READER },
      ],
    );
    const checked = (await host.run('config', 'check', '--json')).json();
    const text = checked.findings.map(({ message }) => message).join('\n');
    assert.match(text, /clientSecret.*is missing/);
    assert.match(text, /account.*must be an account at google/);
    assert.match(text, /user.*and 'password' go together/);
    tell([m365({ clientSecret: 'hunter2' })]);
    const plainSecret = await host.run('config', 'check', '--json');
    assert.ok(!plainSecret.stdout.includes('hunter2'));
  });
}
