/** Tokens of Google accounts: of users (desktop applications), and of service accounts that act for a user of the domain. */
import { MailrecoverError } from '../../errors/error.ts';
import { readSecret } from '../../system/secret.ts';
import type { GoogleAccount, Provider, Purpose } from './account.ts';
import { GOOGLE_REFUSALS } from './google-refusals.ts';
import { rsaKey, signAssertion } from './jwt.ts';
import { postForm, tokenOf } from './request.ts';

const AUTHORIZE = 'https://accounts.google.com/o/oauth2/v2/auth';
const TOKEN = 'https://oauth2.googleapis.com/token';

/** Sending by the API needs `gmail.send` alone; SMTP and IMAP need all rights on the mailbox (developers.google.com/gmail/api/auth/scopes). */
export function googleScope(purpose: Purpose): string {
  // Files that the application made itself, and no others.
  if (purpose === 'files') return 'https://www.googleapis.com/auth/drive.file';
  if (purpose === 'directory') return 'https://www.googleapis.com/auth/admin.directory.user.readonly';
  return purpose === 'api' ? 'https://www.googleapis.com/auth/gmail.send' : 'https://mail.google.com/';
}

interface ServiceKey {
  client_email: string;
  client_id: string;
  private_key: string;
  private_key_id: string;
  token_uri: string;
}

/** The key file of a service account. @throws MailrecoverError `key` */
export async function serviceKey(account: GoogleAccount): Promise<ServiceKey> {
  const purpose = `the service account key of account '${account.name}'`;
  const text = await readSecret(account.serviceAccount ?? '', purpose);
  let key: Partial<ServiceKey> & { type?: string };
  try {
    key = JSON.parse(text) as typeof key;
  } catch {
    key = {};
  }
  const { client_email: email, private_key: pem, private_key_id: id } = key;
  if (key.type !== 'service_account' || typeof email !== 'string' || typeof pem !== 'string' || typeof id !== 'string') {
    throw new MailrecoverError('key', `${purpose} is no key file of a service account`, {
      hint: 'download one in JSON: Google Cloud console, IAM & Admin, Service accounts, Keys, Add key',
    });
  }
  return { client_email: email, private_key: pem, private_key_id: id, client_id: key.client_id ?? '', token_uri: key.token_uri ?? TOKEN };
}

function tokenAddress(account: GoogleAccount): string {
  return account.endpoints.token ?? TOKEN;
}

async function client(account: GoogleAccount): Promise<Record<string, string>> {
  const { clientId = '', clientSecret } = account;
  // Google gives desktop applications a secret that keeps nothing secret, and still wants to see it.
  if (clientSecret === undefined) return { client_id: clientId };
  return { client_id: clientId, client_secret: await readSecret(clientSecret, `the client secret of account '${account.name}'`) };
}

export const google: Provider<GoogleAccount> = {
  loopbackHost: '127.0.0.1',
  /** RFC 7523, section 2.1, with `sub` for whom the service account acts. */
  async application(account, purpose) {
    const key = await serviceKey(account);
    const assertion = signAssertion({
      algorithm: 'RS256',
      key: rsaKey(key.private_key, `the service account key of account '${account.name}'`),
      header: { kid: key.private_key_id },
      claims: { iss: key.client_email, sub: account.mailbox, scope: googleScope(purpose), aud: key.token_uri },
      seconds: 3600,
    });
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
    return tokenOf(account, await postForm(account, account.endpoints.token ?? key.token_uri, form, GOOGLE_REFUSALS));
  },
  async refresh(account, _purpose, refreshToken) {
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken, ...(await client(account)) };
    return tokenOf(account, await postForm(account, tokenAddress(account), form, GOOGLE_REFUSALS));
  },
  authorizeUrl(account, purpose, { redirectUri, state, challenge }) {
    const url = new URL(account.endpoints.login ?? AUTHORIZE);
    url.search = new URLSearchParams({
      client_id: account.clientId ?? '',
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: googleScope(purpose),
      state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      // Both are needed for a refresh token, the second where the user consented before.
      access_type: 'offline',
      prompt: 'consent',
      login_hint: account.mailbox,
    }).toString();
    return url.href;
  },
  async exchange(account, _purpose, { code, redirectUri, verifier }) {
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier, ...(await client(account)) };
    return tokenOf(account, await postForm(account, tokenAddress(account), form, GOOGLE_REFUSALS));
  },
};
