/** The Ed25519 key (RFC 8032) by which a host signs its snapshots. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { MailrecoverError } from '../errors/error.ts';
import { ifPresent, writeDurable } from '../system/files.ts';

const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export interface HostKey {
  privateKey: KeyObject;
  /** The public key, 64 hex digits. */
  publicHex: string;
}

function hostKeyOf(privateKey: KeyObject): HostKey {
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return { privateKey, publicHex: der.subarray(-32).toString('hex') };
}

/** Reads the host's key from a PEM file, or undefined where there is none. */
export async function readHostKey(path: string): Promise<HostKey | undefined> {
  const pem = await ifPresent(() => readFile(path, 'utf8'));
  if (pem === undefined) return undefined;
  try {
    return hostKeyOf(createPrivateKey(pem));
  } catch {
    throw new MailrecoverError('key', `'${path}' is not the signing key of a host`, {
      hint: 'restore the file from a copy, or move it away: then the next backup makes a new key, which must be confirmed anew',
      subject: path,
    });
  }
}

/** Makes the host's key and writes it, readable by its owner alone. */
export async function createHostKey(path: string): Promise<HostKey> {
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeDurable(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  return hostKeyOf(privateKey);
}

/** Signs `text`; 128 hex digits. */
export function signText(text: string, key: HostKey): string {
  return sign(null, Buffer.from(text), key.privateKey).toString('hex');
}

/** Whether the signature is of this text, by the owner of this public key. */
export function isSignedBy(text: string, signature: string, publicHex: string): boolean {
  if (!/^[0-9a-f]{64}$/.test(publicHex) || !/^[0-9a-f]{128}$/.test(signature)) return false;
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, Buffer.from(publicHex, 'hex')]), format: 'der', type: 'spki' });
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'));
}

/** How a host's key file in the repository is named. */
export function hostFingerprint(publicHex: string): string {
  return createHash('sha256').update(Buffer.from(publicHex, 'hex')).digest('hex').slice(0, 16);
}
