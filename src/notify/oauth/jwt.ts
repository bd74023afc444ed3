/** Signed assertions (RFC 7515, RFC 7523) with which a program proves who it is. */
import { constants, createHash, createPrivateKey, randomUUID, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { now } from '../../system/clock.ts';

export interface Assertion {
  /** `RS256` for Google, `PS256` for Microsoft. */
  algorithm: 'RS256' | 'PS256';
  key: KeyObject;
  header?: Record<string, string>;
  claims: Record<string, string>;
  /** How long it is valid. */
  seconds: number;
}

/** A compact JWS with `iat`, `nbf`, `exp` and `jti` of this moment. */
export function signAssertion({ algorithm, key, header = {}, claims, seconds }: Assertion): string {
  const at = Math.floor(now() / 1000);
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = encode({ alg: algorithm, typ: 'JWT', ...header });
  const text = `${head}.${encode({ ...claims, iat: at, nbf: at, exp: at + seconds, jti: randomUUID() })}`;
  const padding =
    algorithm === 'PS256'
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { padding: constants.RSA_PKCS1_PADDING };
  return `${text}.${sign('sha256', Buffer.from(text), { key, ...padding }).toString('base64url')}`;
}

/** A private key in PEM, which must be RSA. @throws MailrecoverError `key`, which never shows it */
export function rsaKey(pem: string, purpose: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // Its message may hold parts of the key.
  }
  throw new MailrecoverError('key', `${purpose} is no RSA private key in PEM without a passphrase`, {
    hint: 'make one with: openssl req -x509 -newkey rsa:3072 -nodes -days 730 -keyout key.pem -out cert.pem -subj /CN=mailrecover',
  });
}

/** A certificate in PEM. @throws MailrecoverError `key` */
export function certificateOf(pem: string, purpose: string): X509Certificate {
  try {
    return new X509Certificate(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(pem)?.[0] ?? pem);
  } catch (error) {
    throw new MailrecoverError('key', `${purpose} is no certificate in PEM`, {
      hint: 'name the file that begins with BEGIN CERTIFICATE',
      cause: error,
    });
  }
}

/** How a certificate is named in the header of an assertion (RFC 7515, section 4.1.8). */
export function thumbprint(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('base64url');
}
