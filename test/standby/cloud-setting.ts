/** A dead mail host, its mail in a repository, and three services that can take its place: a tenant, a domain, and a host of SMTP and IMAP. */
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createRepository } from '../../src/repository/repository.ts';
import { createHostKey } from '../../src/repository/signing.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { type Document, mailrecover, mailrecoverJson, notBuilt, type Ran, type RunOptions } from '../support/binary.ts';
import { authority } from '../support/cloud/authority.ts';
import { exchange, noExchange, type Exchange } from '../support/cloud/exchange.ts';
import { DIRECTORY_SCOPE } from '../support/cloud/gmail-box.ts';
import { type Google, google, MAIL_SCOPE } from '../support/cloud/google.ts';
import { type Microsoft, microsoft } from '../support/cloud/microsoft.ts';
import { issuer } from '../support/cloud/tokens.ts';
import { missing } from '../support/host.ts';
import { Imap } from '../support/imap.ts';
import { writeMessage } from '../support/maildir.ts';
import { nameServer, noNameServer } from '../support/nameserver.ts';
import { freePorts } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';
import { makeFolder, mailboxPath } from '../reliability/mailbox.ts';

export const ALICE = 'alice@example.test';
export const BOB = 'bob@example.test';
export const CAROL = 'carol@example.test';
const ADMIN = 'admin@example.test';
const DAY = 24 * 3600 * 1000;

export const skipCloud = noExchange() || noNameServer() || notBuilt() || missing('nsupdate');

export interface CloudSetting {
  root: string;
  state: string;
  exchange: Exchange;
  microsoft: Microsoft;
  google: Google;
  /** Writes the configuration again, with changes to the service of that name or to `standby` itself. */
  configure: (name: string | undefined, change: (part: Record<string, unknown>) => void) => void;
  run: (args: string[], options?: RunOptions) => Promise<Ran>;
  json: (args: string[], options?: RunOptions & { expect?: number }) => Promise<Document>;
  dns: (name: string, type: 'MX' | 'TXT' | 'CNAME' | 'A') => Promise<string[]>;
  /** Subjects of a folder at the services' mail server, in the order of UIDs; none where there is no such folder. */
  subjects: (user: string, folder?: string) => Promise<string[]>;
  backup: () => Promise<void>;
  empty: (user: string, folder: string) => void;
  deliver: (user: string, folder: string, subject: string, daysAgo: number, bytes?: number) => void;
}

const exchangePlan = (servicePlanId: string, capabilityStatus = 'Enabled'): object => ({
  service: 'exchange',
  servicePlanId,
  capabilityStatus,
});

export async function cloudSetting(): Promise<CloudSetting> {
  const root = scratch('cloud');
  const at = (name: string): string => join(root, name);
  const tls = authority();
  const signer = issuer();
  const service = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const secret = (name: string, text: string): string => {
    writeFileSync(at(name), text, { mode: 0o600 });
    return `file:${at(name)}`;
  };
  const mailServer = await exchange(tls, [ALICE, BOB], [signer]);
  const tenant = await microsoft({
    tls,
    mailServer: mailServer.dovecot,
    tenant: '11111111-2222-3333-4444-555555555555',
    clientId: '99999999-8888-7777-6666-555555555555',
    secret: 'Very~Secret.Value',
    mailbox: ALICE,
    roles: ['User.Read.All', 'IMAP.AccessAsApp'],
    scopes: [],
    directory: [
      {
        userPrincipalName: 'Alice@example.test',
        mail: 'alice.long@example.test',
        proxyAddresses: ['SMTP:alice.long@example.test', 'smtp:alice@example.test', 'X500:/o=x'],
        assignedPlans: [
          { service: 'TeamspaceAPI', servicePlanId: 'x', capabilityStatus: 'Enabled' },
          exchangePlan('9aaf7827-d63c-4b61-89c3-182f06f82e5c'),
        ],
      },
      // Somebody with a plan of another service, which brings the foundation of Exchange and no mailbox.
      { userPrincipalName: BOB, mail: null, proxyAddresses: [], assignedPlans: [exchangePlan('113feb6c-3fe4-4440-bddc-54d774bf0318')] },
      { userPrincipalName: CAROL, assignedPlans: [exchangePlan('efb87545-963c-4e0d-99df-69c6916d9eb0', 'Suspended')] },
    ],
    exchangeIssuer: signer,
  });
  const user = (primaryEmail: string, more: object = {}): Record<string, unknown> => ({
    primaryEmail,
    isMailboxSetup: true,
    suspended: false,
    ...more,
  });
  const domain = await google({
    tls,
    mailServer: mailServer.dovecot,
    mailbox: ADMIN,
    users: [user(ALICE), user('robert@example.test', { aliases: [BOB] }), user(CAROL, { suspended: true })],
    clientId: 'x',
    clientSecret: 'x',
    service: {
      email: 'mailer@project.iam.gserviceaccount.com',
      keyId: 'key1',
      publicPem: service.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      delegated: [MAIL_SCOPE, DIRECTORY_SCOPE],
    },
    issuer: signer,
  });
  const keyFile = {
    type: 'service_account',
    client_email: 'mailer@project.iam.gserviceaccount.com',
    client_id: '1',
    private_key_id: 'key1',
    private_key: service.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    token_uri: `${domain.origin}/token`,
  };
  const server = await nameServer(
    [
      'example MX 10 mx1.example',
      'example TXT "v=spf1 ip4:192.0.2.11 -all"',
      'imap.example A 192.0.2.11',
      'mx1.example A 192.0.2.11',
      'm365.cloud A 192.0.2.99',
    ],
    true,
  );
  const dnsPort = Number(server.split(':')[1]);
  const [dead = 0] = await freePorts(1);
  const zone = (mx: string): object => ({
    zone: 'test',
    server: { address: '127.0.0.1', port: dnsPort },
    wait: '60s',
    records: [
      { name: 'example.test', type: 'MX', ttl: 5, primary: ['10 mx1.example.test.'], cloud: [`0 ${mx}.`] },
      {
        name: 'example.test',
        type: 'TXT',
        ttl: 5,
        primary: ['"v=spf1 ip4:192.0.2.11 -all"'],
        cloud: ['"v=spf1 include:spf.cloud.test -all"'],
      },
      // An address that becomes an alias, and a name that was not there.
      { name: 'imap.example.test', type: 'A', ttl: 5, primary: ['192.0.2.11'], cloud: [] },
      { name: 'imap.example.test', type: 'CNAME', ttl: 5, primary: [], cloud: ['imap.cloud.test.'] },
      { name: 'autodiscover.example.test', type: 'CNAME', ttl: 5, primary: [], cloud: ['autodiscover.cloud.test.'] },
    ],
  });
  const smtp = { host: 'localhost', port: mailServer.relay };
  const imap = { host: '127.0.0.1', port: mailServer.dovecot.ports.imap, security: 'none' };
  const proof = { from: 'probe@example.net', to: ALICE, wait: '3m' };
  const common = { smtp, imap, proof, caFile: tls.caFile };
  const login = { host: '127.0.0.1', port: dead, key: secret('key', 'no key'), hostKey: `SHA256:${'A'.repeat(43)}` };
  const document = {
    host: 'mx1.example.test',
    state: at('state'),
    stores: [{ name: 'mail', format: 'maildir', path: `${root}/mail/%d/%n/Maildir` }],
    repository: { at: at('repository') },
    encryption: false,
    notify: {
      accounts: [
        {
          name: 'tenant',
          provider: 'microsoft',
          mailbox: ALICE,
          tenant: tenant.options.tenant,
          clientId: tenant.options.clientId,
          clientSecret: secret('m365-secret', 'Very~Secret.Value\n'),
          caFile: tls.caFile,
          endpoints: { login: tenant.origin, api: tenant.origin },
        },
        {
          name: 'domain',
          provider: 'google',
          mailbox: ADMIN,
          serviceAccount: secret('google.json', JSON.stringify(keyFile)),
          caFile: tls.caFile,
          endpoints: { token: `${domain.origin}/token`, api: domain.origin },
        },
      ],
    },
    standby: {
      primary: { name: 'mx1.example.test', address: '127.0.0.9', ssh: login },
      standby: { name: 'mx2.example.test', address: '127.0.0.9', ssh: login },
      domains: ['example.test'],
      clouds: [
        { name: 'm365', kind: 'microsoft', account: 'tenant', ...common, dns: [zone('m365.cloud.test')] },
        { name: 'workspace', kind: 'google', account: 'domain', ...common },
        { name: 'hosted', kind: 'imap', ...common, password: secret('master', `${mailServer.dovecot.password}\n`) },
      ] as Record<string, unknown>[],
    },
  };
  await createRepository(localTarget(at('repository')), { recipients: undefined, rescue: [] });
  await createHostKey(at('host.key'));
  const config = at('mailrecover.yaml');
  const write = (): void => writeFileSync(config, stringify(document));
  write();
  mkdirSync(at('mail'));
  chmodSync(root, 0o755);
  let count = 0;
  return {
    root,
    state: at('state'),
    exchange: mailServer,
    microsoft: tenant,
    google: domain,
    configure(name, change) {
      change(name === undefined ? document.standby : (document.standby.clouds.find((each) => each['name'] === name) ?? {}));
      write();
    },
    run: (args, options) => mailrecover(['--config', config, ...args], options),
    json: (args, options) => mailrecoverJson(['--config', config, ...args], options),
    async dns(name, type) {
      const resolver = new Resolver({ timeout: 3000, tries: 3 });
      resolver.setServers([server]);
      try {
        if (type === 'MX') return (await resolver.resolveMx(name)).map(({ exchange: each }) => each);
        if (type === 'TXT') return (await resolver.resolveTxt(name)).map((parts) => parts.join(''));
        return type === 'A' ? await resolver.resolve4(name) : await resolver.resolveCname(name);
      } catch {
        return [];
      }
    },
    async subjects(who, folder = 'INBOX') {
      const client = await Imap.login(mailServer.dovecot, who);
      try {
        const { exists } = await client.select(folder, { readOnly: true });
        return exists === 0 ? [] : [...(await client.headers('SUBJECT')).values()];
      } catch {
        return [];
      } finally {
        await client.close();
      }
    },
    backup: async () => void (await mailrecoverJson(['--config', config, 'backup'])),
    empty: (who, folder) => makeFolder(at('mail'), who, folder),
    deliver(who, folder, subject, daysAgo, bytes = 100) {
      makeFolder(at('mail'), who, folder);
      const path = join(mailboxPath(at('mail'), who), folder === 'INBOX' ? '' : `.${folder}`, 'cur', `${count}.M${count++}.mx1:2,S`);
      const date = Date.now() - daysAgo * DAY;
      const text = `Message-ID: <${subject}@example.net>\nFrom: s@example.net\nTo: ${who}\nSubject: ${subject}\nDate: ${new Date(date).toUTCString()}\n\n${'x'.repeat(70)}\n`;
      writeMessage(path, Buffer.from(text + `${'y'.repeat(70)}\n`.repeat(Math.ceil(Math.max(0, bytes - text.length) / 71))), date);
    },
  };
}
