/** A host that hands out files by link, and files to hand out. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Authority, authority } from '../support/cloud/authority.ts';
import { DRIVE_SCOPE } from '../support/cloud/drive.ts';
import { type Google, google } from '../support/cloud/google.ts';
import { issuer } from '../support/cloud/tokens.ts';
import { scratch } from '../support/tmp.ts';
import { type Host, tellingHost } from './host.ts';

export const ANNA = 'anna@example.net';
export const BEN = 'ben@example.org';

export interface LinksWorld {
  root: string;
  host: Host;
  tls: Authority;
  secret: (name: string, text: string) => string;
  /** A file with random bytes; its path and what is in it. */
  file: (name: string, size: number) => { path: string; bytes: Buffer };
}

export function linksWorld(): LinksWorld {
  const root = scratch('links');
  return {
    root,
    host: tellingHost(root),
    tls: authority(),
    secret(name, text) {
      writeFileSync(join(root, name), text, { mode: 0o600 });
      return `file:${join(root, name)}`;
    },
    file(name, size) {
      const bytes = randomBytes(size);
      writeFileSync(join(root, name), bytes);
      return { path: join(root, name), bytes };
    },
  };
}

/** A domain at Google with a service account that may make files for a user. */
export async function driveDomain({ tls, secret }: LinksWorld): Promise<{ domain: Google; account: object }> {
  const service = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const email = 'files@project.iam.gserviceaccount.com';
  const domain = await google({
    tls,
    mailServer: { host: '127.0.0.1', ports: { lmtp: 1 } },
    mailbox: 'backup@example.test',
    clientId: 'desktop',
    clientSecret: 'GOCSPX-nothing',
    service: {
      email,
      keyId: 'key1',
      publicPem: service.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      delegated: [DRIVE_SCOPE],
    },
    issuer: issuer(),
  });
  const key = {
    type: 'service_account',
    client_email: email,
    client_id: '1',
    private_key_id: 'key1',
    private_key: service.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    token_uri: `${domain.origin}/token`,
  };
  const account = {
    name: 'files',
    provider: 'google',
    mailbox: 'backup@example.test',
    serviceAccount: secret('service.json', JSON.stringify(key)),
    caFile: tls.caFile,
    endpoints: { token: `${domain.origin}/token`, api: domain.origin },
  };
  return { domain, account };
}
