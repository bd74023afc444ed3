/** A mail server, a tenant at Microsoft and a domain at Google, for tests of sending. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Authority, authority } from '../support/cloud/authority.ts';
import { type Exchange, exchange } from '../support/cloud/exchange.ts';
import { type Google, google, MAIL_SCOPE, SEND_SCOPE } from '../support/cloud/google.ts';
import { GRAPH, type Microsoft, microsoft, OUTLOOK } from '../support/cloud/microsoft.ts';
import { issuer, type Issuer } from '../support/cloud/tokens.ts';
import { Imap } from '../support/imap.ts';
import { until } from '../support/ports.ts';
import { scratch } from '../support/tmp.ts';

export const SENDER = 'backup@example.test';
export const READER = 'admin@example.test';
export const OTHER = 'second@example.test';
const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = '99999999-8888-7777-6666-555555555555';
export const SECRET = 'Very~Secret.Value';

export interface World {
  root: string;
  state: string;
  tls: Authority;
  exchange: Exchange;
  microsoft: Microsoft;
  google: Google;
  /** Signs what the mail server takes. */
  issuer: Issuer;
  /** Writes a secret file and gives the reference to it. */
  secret: (name: string, text: string) => string;
  serviceKey: string;
  /** Waits for a mail whose subject holds this, and gives its source, with lines unfolded. */
  arrived: (subject: string, reader?: string) => Promise<string>;
  /** How many mails with this in their subject the reader has. */
  count: (subject: string, reader?: string) => Promise<number>;
}

export async function world(): Promise<World> {
  const root = scratch('cloud');
  const tls = authority();
  const signer = issuer();
  const mail = await exchange(tls, [SENDER, READER, OTHER], [signer]);
  const service = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const secret = (name: string, text: string): string => {
    writeFileSync(join(root, name), text, { mode: 0o600 });
    return `file:${join(root, name)}`;
  };
  const tenant = await microsoft({
    tls,
    mailServer: mail.dovecot,
    tenant: TENANT,
    clientId: CLIENT,
    secret: SECRET,
    mailbox: SENDER,
    roles: ['Mail.Send', 'Mail.ReadWrite', 'SMTP.SendAsApp'],
    scopes: [`${GRAPH}/Mail.Send`, `${OUTLOOK}/SMTP.Send`],
    exchangeIssuer: signer,
  });
  const domain = await google({
    tls,
    mailServer: mail.dovecot,
    mailbox: SENDER,
    clientId: 'desktop.apps.googleusercontent.com',
    clientSecret: 'GOCSPX-nothing',
    service: {
      email: 'mailer@project.iam.gserviceaccount.com',
      keyId: 'key1',
      publicPem: service.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      delegated: [SEND_SCOPE, MAIL_SCOPE],
    },
    issuer: signer,
  });
  const keyFile = {
    type: 'service_account',
    client_email: 'mailer@project.iam.gserviceaccount.com',
    client_id: '1234567890',
    private_key_id: 'key1',
    private_key: service.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    token_uri: `${domain.origin}/token`,
  };
  mkdirSync(join(root, 'state'));
  const sources = async (subject: string, reader: string): Promise<string[]> => {
    const imap = await Imap.login(mail.dovecot, reader);
    try {
      const all: string[] = [];
      if ((await imap.select('INBOX')).exists > 0) await imap.fetch('1:*', ({ body }) => void all.push(unfolded(body.toString('latin1'))));
      return all.filter((text) => subjectOf(text).includes(subject));
    } finally {
      await imap.close();
    }
  };
  return {
    root,
    state: join(root, 'state'),
    tls,
    exchange: mail,
    microsoft: tenant,
    google: domain,
    issuer: signer,
    secret,
    serviceKey: secret('google.json', JSON.stringify(keyFile)),
    async arrived(subject, reader = READER) {
      let found: string | undefined;
      await until(async () => (found = (await sources(subject, reader))[0]) !== undefined, 20_000);
      if (found === undefined) throw new Error(`no mail '${subject}' came\n${mail.postfix.log()}\n${mail.dovecot.log()}`);
      return found;
    },
    count: async (subject, reader = READER) => (await sources(subject, reader)).length,
  };
}

function unfolded(source: string): string {
  return source.replace(/\r\n[ \t]+/g, ' ');
}

/** The subject of a mail, decoded (RFC 2047). */
export function subjectOf(source: string): string {
  const raw = /^Subject: (.*)$/im.exec(source)?.[1]?.trim() ?? '';
  return raw.replace(/\?=\s+=\?/g, '?==?').replace(/=\?utf-8\?([BQ])\?([^?]*)\?=/gi, (_all, kind: string, text: string) =>
    kind.toUpperCase() === 'B'
      ? Buffer.from(text, 'base64').toString()
      : Buffer.from(
          text.replace(/_/g, ' ').replace(/=([0-9A-F]{2})/gi, (_hex, digits: string) => String.fromCharCode(parseInt(digits, 16))),
          'latin1',
        ).toString(),
  );
}

/** The decoded bytes of the attachment of that name. */
export function attachmentOf(source: string, name: string): Buffer {
  const at = source.search(new RegExp(`^Content-Disposition: attachment;.*${name.replace('.', '\\.')}`, 'im'));
  if (at < 0) throw new Error(`no attachment '${name}'`);
  const begin = source.indexOf('\r\n\r\n', at) + 4;
  const end = source.indexOf('\r\n--', begin);
  return Buffer.from(source.slice(begin, end), 'base64');
}
