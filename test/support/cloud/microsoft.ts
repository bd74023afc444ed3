/**
 * A stand-in for Microsoft 365 over HTTPS: the sign-in service and Graph. It checks what the real ones check, and hands mail on
 * to a real mail server, where a test reads it.
 */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { challengeOf, issuer, type Issuer, readToken } from './tokens.ts';
import { graphAnswer } from './graph.ts';
import { isDrivePath, type OneDrive, oneDrive } from './onedrive.ts';
import { type Answer, type Asked, web, type Web } from './web.ts';
import type { Authority } from './authority.ts';

export const GRAPH = 'https://graph.microsoft.com';
export const EXCHANGE = 'https://outlook.office365.com';
export const OUTLOOK = 'https://outlook.office.com';

export interface MicrosoftOptions {
  tls: Authority;
  /** Where mail goes: a Dovecot. */
  mailServer: { host: string; ports: { lmtp: number } };
  tenant: string;
  clientId: string;
  secret?: string;
  /** PEM. */
  certificate?: string;
  mailbox: string;
  /** Application permissions that were consented to. */
  roles: string[];
  /** Delegated permissions that the user may consent to. */
  scopes: string[];
  /** The users of the tenant, as Graph has them; none by default. */
  directory?: Record<string, unknown>[];
  /** Signs tokens for Exchange; Graph has keys of its own. */
  exchangeIssuer: Issuer;
}

export interface Microsoft extends Web {
  options: MicrosoftOptions;
  /** Refresh tokens by their value, and for what each is good. */
  logins: Map<string, { mailbox: string; scopes: string[]; dead?: string }>;
  /** Has the user at the sign-in page say yes, as a browser would: follows to where the page sends it. */
  approve: (authorizeUrl: string) => Promise<URL>;
  /** Types the code of another device. */
  typeCode: (userCode: string) => void;
  /** The uploads that were finished. */
  graph: Issuer;
  files: OneDrive;
}

interface Grant {
  redirectUri: string;
  challenge: string;
  scopes: string[];
}

class Refusal extends Error {
  readonly error: string;
  constructor(error: string, description: string) {
    super(`${description} Trace ID: 0000 Correlation ID: 1111 Timestamp: 2026-11-22 00:00:00Z`);
    this.error = error;
  }
}

export async function microsoft(options: MicrosoftOptions): Promise<Microsoft> {
  const graph = issuer();
  const codes = new Map<string, Grant>();
  const devices = new Map<string, { userCode: string; scopes: string[]; typed: boolean; polls: number }>();
  const assertions = new Set<string>();
  const logins: Microsoft['logins'] = new Map();

  const files = oneDrive(graph, options, () => base.port);
  const base = await web(options.tls, async (asked): Promise<Answer> => {
    const [, tenant = '', rest = ''] = /^\/([^/]+)\/oauth2\/v2\.0\/(\w+)$/.exec(asked.url.pathname) ?? [];
    if (isDrivePath(asked.url.pathname)) return files.answer(asked);
    if (rest === '') return graphAnswer({ asked, options, graph, web: base });
    try {
      if (tenant !== options.tenant) throw new Refusal('invalid_request', `AADSTS90002: Tenant '${tenant}' not found.`);
      if (rest === 'authorize') return authorize(asked);
      if (asked.method !== 'POST' || asked.form.size === 0)
        throw new Refusal('invalid_request', "AADSTS900144: The request body must contain 'grant_type'.");
      if (asked.form.get('client_id') !== options.clientId)
        throw new Refusal(
          'unauthorized_client',
          `AADSTS700016: Application with identifier '${asked.form.get('client_id') ?? ''}' was not found in the directory.`,
        );
      return { status: 200, body: rest === 'devicecode' ? device(asked.form) : token(asked.form) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.error === 'invalid_client' ? 401 : 400, body: { error: error.error, error_description: error.message } };
    }
  });

  function authorize({ url }: Asked): Answer {
    const get = (name: string): string => url.searchParams.get(name) ?? '';
    const redirectUri = get('redirect_uri');
    // Entra ignores the port of a loopback address, and takes http for `localhost` alone.
    if (!/^http:\/\/localhost:\d+\/?$/.test(redirectUri))
      throw new Refusal('invalid_request', 'AADSTS50011: The redirect URI does not match.');
    const wrong =
      get('client_id') !== options.clientId ||
      get('response_type') !== 'code' ||
      get('state').length < 16 ||
      get('code_challenge_method') !== 'S256';
    if (wrong || get('code_challenge').length !== 43)
      throw new Refusal('invalid_request', 'AADSTS9002325: Proof Key for Code Exchange is required.');
    const code = `0.A${randomBytes(40).toString('base64url')}`;
    codes.set(code, { redirectUri, challenge: get('code_challenge'), scopes: userScopes(get('scope')) });
    const target = new URL(redirectUri);
    target.search = new URLSearchParams({ code, state: get('state'), session_state: 'x' }).toString();
    return { status: 302, headers: { location: target.href } };
  }

  /** What is asked for, if all of it is of one resource and may be given. */
  function userScopes(text: string): string[] {
    const asked = text.split(' ').filter((scope) => scope !== 'offline_access');
    const resources = new Set(asked.map((scope) => new URL(scope).origin));
    if (resources.size !== 1)
      throw new Refusal('invalid_request', 'AADSTS28000: The scope is not valid because it contains more than one resource.');
    for (const scope of asked) {
      if (![GRAPH, OUTLOOK].includes(new URL(scope).origin))
        throw new Refusal('invalid_scope', `AADSTS70011: The provided value for 'scope' is not valid: ${scope}`);
      if (!options.scopes.includes(scope))
        throw new Refusal('invalid_grant', 'AADSTS65001: The user or administrator has not consented to use the application.');
    }
    if (!text.split(' ').includes('offline_access')) throw new Refusal('invalid_scope', 'no refresh token was asked for');
    return asked;
  }

  function device(form: URLSearchParams): object {
    const deviceCode = randomBytes(24).toString('base64url');
    const userCode = randomBytes(5).toString('hex').toUpperCase();
    devices.set(deviceCode, { userCode, scopes: userScopes(form.get('scope') ?? ''), typed: false, polls: 0 });
    return {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: 'https://microsoft.com/devicelogin',
      expires_in: 900,
      interval: 1,
      message: '',
    };
  }

  function token(form: URLSearchParams): object {
    const grant = form.get('grant_type');
    if (grant === 'client_credentials') return application(form);
    if (form.has('client_assertion')) checkAssertion(form.get('client_assertion') ?? '');
    if (grant === 'authorization_code') {
      const code = codes.get(form.get('code') ?? '');
      codes.delete(form.get('code') ?? '');
      if (code === undefined) throw new Refusal('invalid_grant', 'AADSTS54005: OAuth2 Authorization code was already redeemed.');
      if (form.get('redirect_uri') !== code.redirectUri)
        throw new Refusal('invalid_grant', 'AADSTS50011: The redirect URI does not match.');
      if (challengeOf(form.get('code_verifier') ?? '') !== code.challenge)
        throw new Refusal('invalid_grant', 'AADSTS501481: The Code_Verifier does not match.');
      return delegated(code.scopes, code.scopes);
    }
    if (grant === 'urn:ietf:params:oauth:grant-type:device_code') {
      const found = devices.get(form.get('device_code') ?? '');
      if (found === undefined)
        throw new Refusal('expired_token', 'AADSTS70020: The provided value for the input parameter device_code is not valid.');
      if (found.polls++ === 0) throw new Refusal('slow_down', 'too fast');
      if (!found.typed) throw new Refusal('authorization_pending', 'AADSTS70016: Pending end-user authorization.');
      devices.delete(form.get('device_code') ?? '');
      return delegated(found.scopes, found.scopes);
    }
    if (grant === 'refresh_token') {
      const login = logins.get(form.get('refresh_token') ?? '');
      if (login === undefined) throw new Refusal('invalid_grant', 'AADSTS9002313: Invalid request. Request is malformed or invalid.');
      if (login.dead !== undefined) throw new Refusal('invalid_grant', login.dead);
      const scopes = userScopes(form.get('scope') ?? '');
      return delegated(scopes, [...new Set([...login.scopes, ...scopes])]);
    }
    throw new Refusal('unsupported_grant_type', `AADSTS70003: ${grant ?? ''}`);
  }

  function application(form: URLSearchParams): object {
    if (form.has('client_assertion')) checkAssertion(form.get('client_assertion') ?? '');
    else if (options.secret === undefined || form.get('client_secret') !== options.secret)
      throw new Refusal('invalid_client', 'AADSTS7000215: Invalid client secret provided.');
    const scope = form.get('scope') ?? '';
    const resource = scope.replace(/\/\.default$/, '');
    if (resource === scope || ![GRAPH, EXCHANGE].includes(resource))
      throw new Refusal('invalid_scope', `AADSTS1002012: The provided value for scope ${scope} is not valid.`);
    const isGraph = resource === GRAPH;
    const roles = options.roles.filter((role) => (role === 'SMTP.SendAsApp' || role === 'IMAP.AccessAsApp') !== isGraph);
    // Exchange finds the mailbox by the service principal; the mail server of a test has to find it in the token.
    const claims = {
      aud: resource,
      iss: `https://sts.windows.net/${options.tenant}/`,
      appid: options.clientId,
      ...(roles.length > 0 ? { roles } : {}),
    };
    const known = !isGraph && roles.length > 0 ? { email: options.mailbox } : {};
    return {
      token_type: 'Bearer',
      expires_in: 3599,
      access_token: (isGraph ? graph : options.exchangeIssuer).issue({ ...claims, ...known }),
    };
  }

  function checkAssertion(assertion: string): void {
    const certificate = options.certificate === undefined ? undefined : new X509Certificate(options.certificate);
    const unknown = new Refusal(
      'invalid_client',
      'AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application.',
    );
    if (certificate === undefined) throw unknown;
    let read: ReturnType<typeof readToken>;
    try {
      read = readToken(assertion, certificate.publicKey);
    } catch {
      throw unknown;
    }
    const { header, claims } = read;
    if (header['x5t#S256'] !== createHash('sha256').update(certificate.raw).digest('base64url')) throw unknown;
    const at = Date.now() / 1000;
    if (Number(claims['exp']) < at || Number(claims['nbf']) > at + 300 || Number(claims['exp']) > at + 900)
      throw new Refusal('invalid_client', 'AADSTS700024: Client assertion is not within its valid time range.');
    const audience = `${base.origin}/${options.tenant}/oauth2/v2.0/token`;
    if (claims['aud'] !== audience || claims['iss'] !== options.clientId || claims['sub'] !== options.clientId)
      throw new Refusal('invalid_client', 'AADSTS700023: Client assertion audience claim does not match.');
    const id = String(claims['jti']);
    if (assertions.has(id)) throw new Refusal('invalid_client', 'AADSTS50146: the assertion was used before');
    assertions.add(id);
  }

  /** Tokens for a user; the refresh token is a new one each time, and the old one stays good. */
  function delegated(scopes: string[], consented: string[]): object {
    const resource = new URL(scopes[0] ?? GRAPH).origin;
    const isGraph = resource === GRAPH;
    const claims = {
      aud: resource,
      scp: scopes.map((scope) => scope.slice(resource.length + 1)).join(' '),
      upn: options.mailbox,
      email: options.mailbox,
    };
    const refreshToken = `0.A${randomBytes(60).toString('base64url')}`;
    logins.set(refreshToken, { mailbox: options.mailbox, scopes: consented });
    return {
      token_type: 'Bearer',
      expires_in: 3600,
      scope: scopes.join(' '),
      access_token: (isGraph ? graph : options.exchangeIssuer).issue(claims),
      refresh_token: refreshToken,
    };
  }

  return Object.assign(base, {
    options,
    logins,
    graph,
    files,
    approve: (authorizeUrl: string) => approve(authorizeUrl, options.tls),
    typeCode(userCode: string) {
      for (const found of devices.values()) if (found.userCode === userCode) found.typed = true;
    },
  });
}

/** Opens the sign-in page as a browser does, and gives where it sends the browser. */
export async function approve(authorizeUrl: string, tls: Authority): Promise<URL> {
  const { request } = await import('node:https');
  const { readFileSync } = await import('node:fs');
  return new Promise((resolve, reject) => {
    const sent = request(authorizeUrl, { ca: readFileSync(tls.caFile) }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () => {
        const { location } = reply.headers;
        if (reply.statusCode === 302 && location !== undefined) resolve(new URL(location));
        else reject(new Error(`the sign-in page says ${reply.statusCode ?? 0}: ${Buffer.concat(chunks).toString()}`));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
