/** Tokens of the Microsoft identity platform (v2.0 endpoints). */
import { randomBytes } from 'node:crypto';
import { readSecret } from '../../system/secret.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Cloud, MicrosoftAccount, Provider, Purpose } from './account.ts';
import { certificateOf, rsaKey, signAssertion, thumbprint } from './jwt.ts';
import { MICROSOFT_REFUSALS } from './microsoft-refusals.ts';
import { postForm, tokenOf } from './request.ts';

export interface CloudHosts {
  login: string;
  graph: string;
  /** The resource that SMTP and IMAP tokens are for: of users, and of applications. */
  outlook: string;
  exchange: string;
  smtp: string;
}

/** Where each cloud lives (Microsoft: national cloud deployments). The Graph scope names the Graph host of the same cloud. */
export const CLOUD_HOSTS: Record<Cloud, CloudHosts> = {
  global: {
    login: 'https://login.microsoftonline.com',
    graph: 'https://graph.microsoft.com',
    outlook: 'https://outlook.office.com',
    exchange: 'https://outlook.office365.com',
    smtp: 'smtp.office365.com',
  },
  'us-gov': {
    login: 'https://login.microsoftonline.us',
    graph: 'https://graph.microsoft.us',
    outlook: 'https://outlook.office365.us',
    exchange: 'https://outlook.office365.us',
    smtp: 'smtp.office365.us',
  },
  'us-dod': {
    login: 'https://login.microsoftonline.us',
    graph: 'https://dod-graph.microsoft.us',
    outlook: 'https://webmail.apps.mil',
    exchange: 'https://webmail.apps.mil',
    smtp: 'smtp.office365.us',
  },
  china: {
    login: 'https://login.partner.microsoftonline.cn',
    graph: 'https://microsoftgraph.chinacloudapi.cn',
    outlook: 'https://partner.outlook.cn',
    exchange: 'https://partner.outlook.cn',
    smtp: 'smtp.partner.outlook.cn',
  },
};

/** Scopes that a user is asked for. */
function userScopes({ cloud, largeMail }: MicrosoftAccount, purpose: Purpose): string {
  const { graph, outlook } = CLOUD_HOSTS[cloud];
  const scopes = {
    api: [`${graph}/Mail.Send`, ...(largeMail ? [`${graph}/Mail.ReadWrite`] : [])],
    smtp: [`${outlook}/SMTP.Send`],
    imap: [`${outlook}/IMAP.AccessAsUser.All`],
    files: [`${graph}/Files.ReadWrite`],
    directory: [`${graph}/User.Read.All`],
  };
  return [...scopes[purpose], 'offline_access'].join(' ');
}

function address(account: MicrosoftAccount, endpoint: 'authorize' | 'token' | 'devicecode'): string {
  const base = (account.endpoints.login ?? CLOUD_HOSTS[account.cloud].login).replace(/\/+$/, '');
  return `${base}/${encodeURIComponent(account.tenant)}/oauth2/v2.0/${endpoint}`;
}

/** How the program proves which it is: a secret, or an assertion signed for the certificate that the app registration holds. */
async function credentials(account: MicrosoftAccount): Promise<Record<string, string>> {
  if (account.certificate !== undefined) {
    const pem = await readSecret(account.certificate, `the certificate of account '${account.name}'`);
    const keyPem =
      account.certificateKey === undefined ? pem : await readSecret(account.certificateKey, `the private key of account '${account.name}'`);
    const certificate = certificateOf(pem, `the certificate of account '${account.name}'`);
    const key = rsaKey(keyPem, `the private key of account '${account.name}'`);
    if (!certificate.checkPrivateKey(key))
      throw new MailrecoverError('key', `the private key of account '${account.name}' does not belong to its certificate`, {
        hint: 'name the key that the certificate was made with',
      });
    const assertion = signAssertion({
      algorithm: 'PS256',
      key,
      header: { 'x5t#S256': thumbprint(certificate) },
      claims: { aud: address(account, 'token'), iss: account.clientId, sub: account.clientId },
      seconds: 300,
    });
    return { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion };
  }
  if (account.clientSecret === undefined) return {};
  return { client_secret: await readSecret(account.clientSecret, `the client secret of account '${account.name}'`) };
}

async function token(account: MicrosoftAccount, form: Record<string, string>): Promise<ReturnType<typeof tokenOf>> {
  const proof = await credentials(account);
  return tokenOf(
    account,
    await postForm(account, address(account, 'token'), { client_id: account.clientId, ...form, ...proof }, MICROSOFT_REFUSALS),
  );
}

export const microsoft: Provider<MicrosoftAccount> = {
  loopbackHost: 'localhost',
  application(account, purpose) {
    const { graph, exchange } = CLOUD_HOSTS[account.cloud];
    return token(account, {
      grant_type: 'client_credentials',
      scope: `${purpose === 'smtp' || purpose === 'imap' ? exchange : graph}/.default`,
    });
  },
  refresh: (account, purpose, refreshToken) =>
    token(account, { grant_type: 'refresh_token', refresh_token: refreshToken, scope: userScopes(account, purpose) }),
  authorizeUrl(account, purpose, { redirectUri, state, challenge }) {
    const url = new URL(address(account, 'authorize'));
    url.search = new URLSearchParams({
      client_id: account.clientId,
      response_type: 'code',
      response_mode: 'query',
      redirect_uri: redirectUri,
      scope: userScopes(account, purpose),
      state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      login_hint: account.mailbox,
      nonce: randomBytes(16).toString('base64url'),
    }).toString();
    return url.href;
  },
  exchange: (account, purpose, { code, redirectUri, verifier }) =>
    token(account, {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      scope: userScopes(account, purpose),
    }),
};

/** What the user is told to do at another device (RFC 8628, section 3.2). */
export interface DeviceCode {
  userCode: string;
  address: string;
  deviceCode: string;
  intervalMs: number;
  expiresInMs: number;
}

/** Begins a login by device code. @throws Refused */
export async function startDeviceLogin(account: MicrosoftAccount, purpose: Purpose): Promise<DeviceCode> {
  const form = { client_id: account.clientId, scope: userScopes(account, purpose) };
  const body = await postForm(account, address(account, 'devicecode'), form, MICROSOFT_REFUSALS);
  const { device_code: deviceCode, user_code: userCode, verification_uri: uri, interval, expires_in: expires } = body;
  if (typeof deviceCode !== 'string' || typeof userCode !== 'string' || typeof uri !== 'string')
    throw new MailrecoverError('failed', 'the sign-in service gave no device code', {
      hint: `mailrecover auth login ${account.name} --way browser`,
    });
  return {
    userCode,
    address: uri,
    deviceCode,
    intervalMs: (Number(interval) > 0 ? Number(interval) : 5) * 1000,
    expiresInMs: (Number(expires) > 0 ? Number(expires) : 900) * 1000,
  };
}

/** Asks whether the user has signed in. @returns the tokens, or how long to wait before the next question. @throws Refused */
export async function pollDeviceLogin(
  account: MicrosoftAccount,
  device: DeviceCode,
): Promise<{ tokens: ReturnType<typeof tokenOf> } | { waitMs: number }> {
  const body = await postForm(
    account,
    address(account, 'token'),
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: account.clientId,
      device_code: device.deviceCode,
      ...(await credentials(account)),
    },
    MICROSOFT_REFUSALS,
    ['authorization_pending', 'slow_down'],
  );
  if (body['error'] === 'slow_down') return { waitMs: device.intervalMs + 5000 };
  if (body['error'] === 'authorization_pending') return { waitMs: device.intervalMs };
  return { tokens: tokenOf(account, body) };
}
