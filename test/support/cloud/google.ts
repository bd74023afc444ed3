/** A stand-in for Google over HTTPS: sign-in page, token endpoint, and the sending method of the Gmail API. */
import { randomBytes } from 'node:crypto';
import type { Authority } from './authority.ts';
import { type Drive, drive } from './drive.ts';
import { gmailBox, type GmailBox } from './gmail-box.ts';
import { handOn, inspect } from './mail.ts';
import { challengeOf, type Issuer, readToken } from './tokens.ts';
import { type Answer, type Asked, web, type Web } from './web.ts';

export const SEND_SCOPE = 'https://www.googleapis.com/auth/gmail.send';
export const MAIL_SCOPE = 'https://mail.google.com/';
const MAX_UPLOAD = 36_700_160;

export interface GoogleOptions {
  tls: Authority;
  mailServer: { host: string; ports: { lmtp: number } };
  mailbox: string;
  clientId: string;
  clientSecret: string;
  /** The service account: its address, key id, public key, and the scopes that the domain delegated to it. */
  service?: { email: string; keyId: string; publicPem: string; delegated: string[] };
  /** The users of the domain, as the directory has them; `mailbox` is its administrator. */
  users?: Record<string, unknown>[];
  issuer: Issuer;
}

export interface Google extends Web {
  options: GoogleOptions;
  logins: Map<string, { scopes: string[]; revoked: boolean }>;
  drive: Drive;
  boxes: GmailBox;
  /** Where set, a login ends after so many seconds, as with a consent screen in testing. */
  testing: number | undefined;
  /** Where set, each use of a refresh token gives a new one, and the old one is worth nothing. */
  rotates: boolean;
}

class Refusal extends Error {
  readonly error: string;
  constructor(error: string, description: string) {
    super(description);
    this.error = error;
  }
}

export async function google(options: GoogleOptions): Promise<Google> {
  const codes = new Map<string, { redirectUri: string; challenge: string; scopes: string[] }>();
  const logins: Google['logins'] = new Map();
  const files = drive(options.issuer, () => base.origin);
  const boxes = gmailBox(options.issuer, options.users ?? [], options.mailbox);
  const base = await web(options.tls, async (asked): Promise<Answer> => {
    try {
      if (asked.url.pathname === '/o/oauth2/v2/auth') return authorize(asked);
      if (asked.url.pathname === '/token') return { status: 200, body: token(asked.form) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.error === 'invalid_client' ? 401 : 400, body: { error: error.error, error_description: error.message } };
    }
    if (/^\/(?:drive\/|upload\/(?:drive|session)\/)/.test(asked.url.pathname)) return files.answer(asked);
    return boxes.answer(asked) ?? gmail(asked, options);
  });
  const server: Google = Object.assign(base, {
    options,
    logins,
    drive: files,
    boxes,
    testing: undefined as number | undefined,
    rotates: false,
  });
  return server;

  function authorize({ url }: Asked): Answer {
    const get = (name: string): string => url.searchParams.get(name) ?? '';
    if (!/^http:\/\/127\.0\.0\.1:\d+\/?$/.test(get('redirect_uri'))) throw new Refusal('redirect_uri_mismatch', 'Bad redirect');
    const wrong = get('client_id') !== options.clientId || get('response_type') !== 'code' || get('access_type') !== 'offline';
    if (wrong || get('code_challenge_method') !== 'S256' || get('code_challenge').length !== 43 || get('state').length < 16)
      throw new Refusal('invalid_request', 'Missing required parameter');
    const code = `4/0${randomBytes(30).toString('base64url')}`;
    codes.set(code, { redirectUri: get('redirect_uri'), challenge: get('code_challenge'), scopes: get('scope').split(' ') });
    const target = new URL(get('redirect_uri'));
    target.search = new URLSearchParams({ state: get('state'), code, scope: get('scope') }).toString();
    return { status: 302, headers: { location: target.href } };
  }

  function token(form: URLSearchParams): object {
    const grant = form.get('grant_type');
    if (grant === 'urn:ietf:params:oauth:grant-type:jwt-bearer') return assertion(form.get('assertion') ?? '');
    if (form.get('client_id') !== options.clientId || form.get('client_secret') !== options.clientSecret)
      throw new Refusal('invalid_client', 'The OAuth client was not found.');
    if (grant === 'authorization_code') {
      const code = codes.get(form.get('code') ?? '');
      codes.delete(form.get('code') ?? '');
      if (code === undefined) throw new Refusal('invalid_grant', 'Malformed auth code.');
      if (form.get('redirect_uri') !== code.redirectUri) throw new Refusal('redirect_uri_mismatch', 'Bad Request');
      if (challengeOf(form.get('code_verifier') ?? '') !== code.challenge) throw new Refusal('invalid_grant', 'Invalid code verifier.');
      const ends = server.testing === undefined ? {} : { refresh_token_expires_in: server.testing };
      return { ...access(code.scopes), refresh_token: newLogin(code.scopes), ...ends };
    }
    if (grant === 'refresh_token') {
      const old = form.get('refresh_token') ?? '';
      const login = logins.get(old);
      if (login === undefined || login.revoked) throw new Refusal('invalid_grant', 'Token has been expired or revoked.');
      if (!server.rotates) return access(login.scopes);
      logins.delete(old);
      return { ...access(login.scopes), refresh_token: newLogin(login.scopes) };
    }
    throw new Refusal('unsupported_grant_type', `Invalid grant_type: ${grant ?? ''}`);
  }

  function newLogin(scopes: string[]): string {
    const value = `1//0${randomBytes(40).toString('base64url')}`;
    logins.set(value, { scopes, revoked: false });
    return value;
  }

  function access(scopes: string[], user = options.mailbox): object {
    // SMTP is for those who hold all rights on the mailbox; the mail server of a test knows them by the address in the token.
    const known = scopes.includes(MAIL_SCOPE) ? { email: user } : {};
    return {
      access_token: options.issuer.issue({ aud: 'gmail', sub: user, scope: scopes.join(' '), ...known }),
      expires_in: 3599,
      scope: scopes.join(' '),
      token_type: 'Bearer',
    };
  }

  function assertion(text: string): object {
    const { service } = options;
    if (service === undefined) throw new Refusal('invalid_grant', 'Invalid grant: account not found');
    let read: ReturnType<typeof readToken>;
    try {
      read = readToken(text, service.publicPem);
    } catch {
      throw new Refusal('invalid_grant', 'Invalid JWT Signature.');
    }
    const { header, claims } = read;
    if (header['alg'] !== 'RS256' || header['kid'] !== service.keyId) throw new Refusal('invalid_grant', 'Invalid JWT Signature.');
    if (claims['iss'] !== service.email) throw new Refusal('invalid_grant', 'Invalid grant: account not found');
    if (claims['aud'] !== `${base.origin}/token`) throw new Refusal('invalid_grant', 'Invalid JWT: Failed audience check.');
    const [at, iat, exp] = [Date.now() / 1000, Number(claims['iat']), Number(claims['exp'])];
    if (Math.abs(at - iat) > 300 || exp - iat > 3600 || exp < at)
      throw new Refusal(
        'invalid_grant',
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
      );
    const user = String(claims['sub']);
    if (user !== options.mailbox && !(options.users ?? []).some(({ primaryEmail }) => primaryEmail === user))
      throw new Refusal('invalid_grant', 'Invalid email or User ID');
    const scopes = String(claims['scope']).split(' ');
    if (!scopes.every((scope) => service.delegated.includes(scope)))
      throw new Refusal(
        'unauthorized_client',
        'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
      );
    return access(scopes, user);
  }
}

function apiError(status: number, reason: string, message: string): Answer {
  return { status, body: { error: { code: status, message, errors: [{ message, domain: 'global', reason }] } } };
}

async function gmail(asked: Asked, options: GoogleOptions): Promise<Answer> {
  if (
    asked.method !== 'POST' ||
    asked.url.pathname !== '/upload/gmail/v1/users/me/messages/send' ||
    asked.url.searchParams.get('uploadType') !== 'media'
  )
    return apiError(404, 'notFound', `no such method: ${asked.method} ${asked.url.pathname}`);
  let claims: Record<string, unknown>;
  try {
    claims = options.issuer.check(/^Bearer (\S+)$/.exec(asked.headers.authorization ?? '')?.[1] ?? '');
  } catch {
    return apiError(401, 'authError', 'Invalid Credentials');
  }
  const scopes = String(claims['scope']).split(' ');
  if (claims['aud'] !== 'gmail' || !(scopes.includes(SEND_SCOPE) || scopes.includes(MAIL_SCOPE)))
    return apiError(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.');
  if (asked.headers['content-type'] !== 'message/rfc822') return apiError(400, 'badContent', 'Media type is not supported.');
  if (asked.body.length > MAX_UPLOAD) return apiError(413, 'uploadTooLarge', 'Request Entity Too Large');
  let mail: ReturnType<typeof inspect>;
  try {
    mail = inspect(asked.body);
  } catch (error) {
    return apiError(400, 'invalidArgument', String(error));
  }
  if (mail.to.length === 0) return apiError(400, 'invalidArgument', 'Recipient address required');
  // Gmail writes the address of the account into From, whatever stands there.
  const bytes = Buffer.from(asked.body.toString('latin1').replace(/^From: .*$/m, `From: mailrecover <${String(claims['sub'])}>`), 'latin1');
  await handOn(options.mailServer, bytes, mail.to);
  const id = randomBytes(8).toString('hex');
  return { status: 200, body: { id, threadId: id, labelIds: ['SENT'] } };
}
