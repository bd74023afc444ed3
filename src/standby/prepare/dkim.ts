/** DKIM keys that lie on a host. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The public keys of those of the files that are private keys, as DNS has them: base64 of DER; 32 raw bytes for Ed25519 (RFC 8463, section 4.2). */
export function dkimKeys(paths: readonly string[]): { path: string; publicKey: string }[] {
  return paths.flatMap((path) => {
    try {
      const text = readFileSync(path, 'latin1');
      if (!text.includes('PRIVATE KEY-----')) return [];
      const key = createPublicKey(createPrivateKey(text));
      const der = key.export({ type: 'spki', format: 'der' });
      return [{ path, publicKey: (key.asymmetricKeyType === 'ed25519' ? der.subarray(-32) : der).toString('base64') }];
    } catch {
      return [];
    }
  });
}

/** Selectors that the name of a key file may stand for: `default.private`, `example.org.s1.key`. */
export function selectorOf(path: string): string | undefined {
  return /([\w-]+)\.(?:private|key|pem)$/.exec(path)?.[1];
}

/**
 * The key of a record `v=DKIM1; k=rsa; p=…` (RFC 6376, section 3.6.1).
 * @returns '' where it was revoked; undefined for another record
 */
export function publishedKey(record: string): string | undefined {
  const tags = new Map(
    record.split(';').map((tag) => {
      const at = tag.indexOf('=');
      return [tag.slice(0, at).trim(), tag.slice(at + 1).replace(/\s+/g, '')] as const;
    }),
  );
  if ((tags.get('v') ?? 'DKIM1') !== 'DKIM1') return undefined;
  const key = tags.get('p');
  if (key === undefined || key === '') return key;
  try {
    // Some write the RSA key alone (RFC 8017) in place of SubjectPublicKeyInfo.
    const bytes = Buffer.from(key, 'base64');
    if (bytes.length === 32) return bytes.toString('base64');
    for (const type of ['spki', 'pkcs1'] as const) {
      try {
        return createPublicKey({ key: bytes, format: 'der', type }).export({ type: 'spki', format: 'der' }).toString('base64');
      } catch {
        // The other form.
      }
    }
  } catch {
    // No key.
  }
  return key;
}
