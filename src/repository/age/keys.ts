/** X25519 recipients and identities of age v1 (age-encryption.org/v1, "The X25519 recipient type"). */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { bech32Decode, bech32Encode } from './bech32.ts';

const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

export interface Recipient {
  /** `age1…` */
  text: string;
  publicKey: KeyObject;
  raw: Buffer;
}

export interface Identity {
  privateKey: KeyObject;
  recipient: Recipient;
}

/** The 32 raw bytes of an X25519 or Ed25519 public key. */
export function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(-32);
}

/** An X25519 public key from its 32 raw bytes. */
export function x25519PublicKey(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, raw]), format: 'der', type: 'spki' });
}

/**
 * Reads a recipient, `age1…`.
 * @throws MailrecoverError `key` for anything else
 */
export function parseRecipient(text: string): Recipient {
  const hint = "a recipient begins with age1 and is what 'age-keygen -y' prints";
  if (!text.startsWith('age1')) throw new MailrecoverError('key', `'${text.slice(0, 12)}…' is not an age recipient`, { hint });
  if (text.startsWith('age1pq1') || text.length > 62)
    throw new MailrecoverError('key', 'only X25519 recipients of age are supported', { hint, subject: text });
  const { prefix, data } = bech32Decode(text);
  if (prefix !== 'age' || data.length !== 32) throw new MailrecoverError('key', `'${text}' is not an age recipient`, { hint });
  return { text, publicKey: x25519PublicKey(data), raw: data };
}

/** An identity from its private key. */
export function identityOf(privateKey: KeyObject): Identity {
  const publicKey = createPublicKey(privateKey);
  const raw = rawPublicKey(publicKey);
  return { privateKey, recipient: { text: bech32Encode('age', raw), publicKey, raw } };
}

/**
 * Reads an identity, `AGE-SECRET-KEY-1…`.
 * @throws MailrecoverError `key`; the message never holds the text
 */
export function parseIdentity(text: string): Identity {
  const { prefix, data } = bech32Decode(text);
  if (prefix !== 'age-secret-key-' || data.length !== 32) throw new MailrecoverError('key', 'this is not an age X25519 identity');
  return identityOf(createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, data]), format: 'der', type: 'pkcs8' }));
}

/** Makes a new identity; `secret` is the text to keep, `AGE-SECRET-KEY-1…`. */
export function generateIdentity(): { secret: string; identity: Identity } {
  const { privateKey } = generateKeyPairSync('x25519');
  const raw = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32);
  return { secret: bech32Encode('age-secret-key-', raw).toUpperCase(), identity: identityOf(privateKey) };
}

/** The text of an identity, `AGE-SECRET-KEY-1…`. */
export function identityText(identity: Identity): string {
  const raw = identity.privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32);
  return bech32Encode('age-secret-key-', raw).toUpperCase();
}
