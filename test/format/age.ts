/** Decrypts age v1 files with X25519 identities, from https://age-encryption.org/v1 and node:crypto alone. */
import { createDecipheriv, createHmac, createPrivateKey, createPublicKey, diffieHellman, hkdfSync, timingSafeEqual } from 'node:crypto';

const CHUNK = 65536;
const TAG = 16;
const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

/** The 32 bytes of an `AGE-SECRET-KEY-1…` (bech32 without a look at its checksum: a wrong key opens nothing). */
export function parseIdentity(text: string): Buffer {
  const match = /^age-secret-key-1([a-z0-9]+)$/.exec(text.trim().toLowerCase());
  const data = match?.[1]?.slice(0, -6);
  if (!data) throw new Error('not an age identity');
  const out: number[] = [];
  let bits = 0;
  let value = 0;
  for (const char of data) {
    value = ((value << 5) | BECH32.indexOf(char)) & 0xfff;
    bits += 5;
    if (bits >= 8) out.push((value >> (bits -= 8)) & 0xff);
  }
  return Buffer.from(out).subarray(0, 32);
}

/** All identities of an identity file's text. */
export function parseIdentities(text: string): Buffer[] {
  return text
    .split('\n')
    .filter((line) => /^age-secret-key-1/i.test(line))
    .map(parseIdentity);
}

/** Decrypts a whole age file; throws when no identity fits or anything was changed. */
export function decryptAge(file: Buffer, identities: Buffer[]): Buffer {
  const end = file.indexOf('\n--- ');
  const endOfHeader = end < 0 ? -1 : file.indexOf(10, end + 1);
  if (endOfHeader < 0) throw new Error('not an age file');
  const lines = file.subarray(0, endOfHeader).toString('latin1').split('\n');
  if (lines[0] !== 'age-encryption.org/v1') throw new Error('not an age file');
  const fileKey = findFileKey(lines, identities);
  const hmacKey = Buffer.from(hkdfSync('sha256', fileKey, '', 'header', 32));
  const mac = createHmac('sha256', hmacKey)
    .update(file.subarray(0, end + 4))
    .digest();
  const stated = Buffer.from((lines.at(-1) ?? '').slice(4), 'base64');
  if (stated.length !== 32 || !timingSafeEqual(mac, stated)) throw new Error('age header was changed');
  return decryptPayload(file.subarray(endOfHeader + 1), fileKey);
}

function findFileKey(lines: string[], identities: Buffer[]): Buffer {
  for (let i = 1; i < lines.length; i++) {
    const match = /^-> X25519 ([A-Za-z0-9+/]{43})$/.exec(lines[i] ?? '');
    if (!match) continue;
    const share = Buffer.from(match[1] ?? '', 'base64');
    const body = Buffer.from(lines[i + 1] ?? '', 'base64');
    for (const identity of identities) {
      const fileKey = unwrap(share, body, identity);
      if (fileKey) return fileKey;
    }
  }
  throw new Error('no identity matches');
}

function unwrap(share: Buffer, body: Buffer, identity: Buffer): Buffer | undefined {
  const priv = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), identity]),
    format: 'der',
    type: 'pkcs8',
  });
  const own = createPublicKey(priv).export({ format: 'der', type: 'spki' }).subarray(-32);
  const pub = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), share]), format: 'der', type: 'spki' });
  const secret = diffieHellman({ privateKey: priv, publicKey: pub });
  const key = Buffer.from(hkdfSync('sha256', secret, Buffer.concat([share, own]), 'age-encryption.org/v1/X25519', 32));
  try {
    return open(key, Buffer.alloc(12), body);
  } catch {
    return undefined;
  }
}

function decryptPayload(payload: Buffer, fileKey: Buffer): Buffer {
  const key = Buffer.from(hkdfSync('sha256', fileKey, payload.subarray(0, 16), 'payload', 32));
  const out: Buffer[] = [];
  const nonce = Buffer.alloc(12);
  for (let at = 16, n = 0; ; n++) {
    const chunk = payload.subarray(at, at + CHUNK + TAG);
    at += chunk.length;
    const last = at >= payload.length;
    nonce.writeUInt32BE(n, 7);
    nonce[11] = last ? 1 : 0;
    out.push(open(key, nonce, chunk));
    if (last) return Buffer.concat(out);
  }
}

function open(key: Buffer, nonce: Buffer, sealed: Buffer): Buffer {
  if (sealed.length < TAG) throw new Error('age file is cut off');
  const cipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG });
  cipher.setAuthTag(sealed.subarray(-TAG));
  return Buffer.concat([cipher.update(sealed.subarray(0, -TAG)), cipher.final()]);
}
