/** Accounts at the stand-ins of a world. */
import type { GoogleAccount, MicrosoftAccount } from '../../src/notify/oauth/account.ts';
import { SECRET, SENDER, type World } from './world.ts';

export function microsoftAccount({ microsoft, tls, secret }: World, more: Partial<MicrosoftAccount> = {}): MicrosoftAccount {
  const { tenant, clientId } = microsoft.options;
  return {
    name: 'm365',
    provider: 'microsoft',
    grant: 'application',
    cloud: 'global',
    mailbox: SENDER,
    tenant,
    clientId,
    clientSecret: secret('m365-secret', `${SECRET}\n`),
    largeMail: false,
    caFile: tls.caFile,
    endpoints: { login: microsoft.origin, api: microsoft.origin },
    ...more,
  };
}

export function googleAccount({ google, tls, serviceKey }: World, more: Partial<GoogleAccount> = {}): GoogleAccount {
  return {
    name: 'google',
    provider: 'google',
    grant: 'application',
    mailbox: SENDER,
    serviceAccount: serviceKey,
    caFile: tls.caFile,
    endpoints: { login: `${google.origin}/o/oauth2/v2/auth`, token: `${google.origin}/token`, api: google.origin },
    ...more,
  };
}
