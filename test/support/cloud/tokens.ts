/** Tokens as an identity provider signs and checks them (RFC 7515, RFC 7519). */
import { constants, createHash, createPublicKey, generateKeyPairSync, randomBytes, sign, verify, type KeyObject } from 'node:crypto';

export interface Issuer {
  kid: string;
  publicPem: string;
  issue: (claims: Record<string, unknown>, seconds?: number) => string;
  /** The claims of a token of this issuer that is not over; throws otherwise. */
  check: (token: string) => Record<string, unknown>;
}

export function issuer(): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(8).toString('hex');
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    kid,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    issue(claims, seconds = 3600) {
      const at = Math.floor(Date.now() / 1000);
      // A token that is over from the start was issued long ago.
      const iat = seconds > 0 ? at : at + seconds - 3600;
      const text = `${encode({ alg: 'RS256', typ: 'JWT', kid })}.${encode({ iat, nbf: iat, exp: at + seconds, jti: randomBytes(8).toString('hex'), sub: 'subject', ...claims })}`;
      return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    },
    check(token) {
      const { header, claims } = readToken(token, publicKey);
      if (header['kid'] !== kid) throw new Error('signed by another key');
      if (Number(claims['exp']) * 1000 <= Date.now()) throw new Error('expired');
      return claims;
    },
  };
}

/** Header and claims of a token whose signature is right; throws otherwise. */
export function readToken(token: string, key: KeyObject | string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [head = '', body = '', signature = '', ...rest] = token.split('.');
  if (rest.length > 0 || signature === '') throw new Error('no compact JWS');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>;
  if (header['alg'] !== 'RS256' && header['alg'] !== 'PS256') throw new Error(`algorithm ${String(header['alg'])}`);
  const padding =
    header['alg'] === 'PS256'
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { padding: constants.RSA_PKCS1_PADDING };
  const keyObject = typeof key === 'string' ? createPublicKey(key) : key;
  if (!verify('sha256', Buffer.from(`${head}.${body}`), { key: keyObject, ...padding }, Buffer.from(signature, 'base64url')))
    throw new Error('the signature is wrong');
  return { header, claims: JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown> };
}

/** The challenge that belongs to a PKCE verifier (RFC 7636, section 4.2); throws for one that is not well-formed. */
export function challengeOf(verifier: string): string {
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) throw new Error('no PKCE verifier');
  return createHash('sha256').update(verifier).digest('base64url');
}
