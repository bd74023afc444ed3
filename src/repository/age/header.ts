/** The header of an age v1 file: X25519 stanzas that wrap the file key, and its MAC. */
import { createCipheriv, createDecipheriv, createHmac, diffieHellman, generateKeyPairSync, hkdfSync, timingSafeEqual } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { rawPublicKey, x25519PublicKey, type Identity, type Recipient } from './keys.ts';

const INTRO = 'age-encryption.org/v1';
const ZERO_NONCE = Buffer.alloc(12);
/** A header of more than this is no header that this program or `age` with sane recipients writes. */
export const MAX_HEADER = 64 * 1024;

function hkdf(key: Uint8Array, salt: Uint8Array | string, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, 32));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

function wrap(fileKey: Buffer, recipient: Recipient): string {
  const ephemeral = generateKeyPairSync('x25519');
  const share = rawPublicKey(ephemeral.publicKey);
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient.publicKey });
  const key = hkdf(shared, Buffer.concat([share, recipient.raw]), `${INTRO}/X25519`);
  const cipher = createCipheriv('chacha20-poly1305', key, ZERO_NONCE, { authTagLength: 16 });
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
  return `-> X25519 ${base64(share)}\n${base64(body)}\n`;
}

/** The header bytes for a file key of 16 bytes, wrapped for each of the recipients. */
export function encodeHeader(fileKey: Buffer, recipients: readonly Recipient[]): Buffer {
  const text = `${INTRO}\n${recipients.map((recipient) => wrap(fileKey, recipient)).join('')}---`;
  const mac = createHmac('sha256', hkdf(fileKey, '', 'header'))
    .update(text)
    .digest();
  return Buffer.from(`${text} ${base64(mac)}\n`);
}

function unwrap(share: Buffer, body: Buffer, identity: Identity): Buffer | undefined {
  if (share.length !== 32 || body.length !== 32) return undefined;
  try {
    const shared = diffieHellman({ privateKey: identity.privateKey, publicKey: x25519PublicKey(share) });
    const key = hkdf(shared, Buffer.concat([share, identity.recipient.raw]), `${INTRO}/X25519`);
    const decipher = createDecipheriv('chacha20-poly1305', key, ZERO_NONCE, { authTagLength: 16 });
    decipher.setAuthTag(body.subarray(16));
    return Buffer.concat([decipher.update(body.subarray(0, 16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/**
 * Reads the header at the start of `bytes` and unwraps the file key.
 * @returns the file key and the header's length in bytes
 * @throws MailrecoverError `damage` where the header is broken, `key` where no identity fits
 */
export function decodeHeader(bytes: Buffer, identities: readonly Identity[], subject: string): { fileKey: Buffer; length: number } {
  const damaged = (): MailrecoverError => new MailrecoverError('damage', `the age header of '${subject}' is damaged`, { subject });
  const head = bytes.subarray(0, MAX_HEADER);
  const dashes = head.indexOf('\n---');
  const end = dashes < 0 ? -1 : head.indexOf(10, dashes + 1);
  if (end < 0 || !head.subarray(0, INTRO.length + 1).equals(Buffer.from(`${INTRO}\n`))) throw damaged();
  const lines = head.toString('latin1', 0, dashes).split('\n');
  for (let at = 1; at < lines.length; at++) {
    const [, type, share] = (lines[at] ?? '').split(' ');
    if (!lines[at]?.startsWith('-> ') || type !== 'X25519' || share === undefined) continue;
    const body = Buffer.from(lines[at + 1] ?? '', 'base64');
    for (const identity of identities) {
      const fileKey = unwrap(Buffer.from(share, 'base64'), body, identity);
      if (fileKey === undefined) continue;
      const mac = createHmac('sha256', hkdf(fileKey, '', 'header'))
        .update(head.subarray(0, dashes + 4))
        .digest();
      const stated = Buffer.from(head.toString('latin1', dashes + 5, end), 'base64');
      if (stated.length !== mac.length || !timingSafeEqual(stated, mac)) throw damaged();
      return { fileKey, length: end + 1 };
    }
  }
  throw new MailrecoverError(
    'key',
    identities.length === 0 ? 'an identity is needed to read this repository' : 'no identity given fits this repository',
    {
      hint: 'name the age identity file with --identity FILE or MAILRECOVER_IDENTITY; it is on the recovery sheet',
      subject,
    },
  );
}
