/** The dedup secret: it makes tags, and reads nothing. */
import { createHash, randomBytes } from 'node:crypto';
import { MailrecoverError } from '../errors/error.ts';
import type { Identity, Recipient } from './age/keys.ts';
import { openWhole, sealPlain } from './envelope.ts';
import type { Target } from './target.ts';

const PREFIX = 'keys/dedup-';

export function secretFingerprint(secret: Buffer): string {
  return createHash('sha256').update('mailrecover dedup ').update(secret).digest('hex').slice(0, 16);
}

/** Makes a secret and keeps it in the repository, wrapped for the recipients. */
export async function createSecret(target: Target, recipients: readonly Recipient[] | undefined): Promise<Buffer> {
  const secret = randomBytes(32);
  await storeSecret(target, secret, recipients);
  return secret;
}

/** Keeps a secret in the repository, wrapped for the recipients. */
export async function storeSecret(target: Target, secret: Buffer, recipients: readonly Recipient[] | undefined): Promise<void> {
  const path = `${PREFIX}${secretFingerprint(secret)}.json${recipients === undefined ? '' : '.age'}`;
  await target.put(path, sealPlain(encodeSecret(secret), recipients));
}

/** What is kept, before it is wrapped. */
export function encodeSecret(secret: Buffer): Buffer {
  return Buffer.from(`${JSON.stringify({ dedup: 1, secret: secret.toString('hex') })}\n`);
}

/** Reads what {@link encodeSecret} wrote. Throws `damage`. */
export function decodeSecret(bytes: Buffer, subject: string): Buffer {
  const hex = /^\{"dedup":1,"secret":"([0-9a-f]{64})"\}\n$/.exec(bytes.toString('latin1'))?.[1];
  if (hex === undefined) throw new MailrecoverError('damage', `'${subject}' is damaged`, { subject });
  return Buffer.from(hex, 'hex');
}

/**
 * Unwraps the secrets that the repository keeps.
 * @throws MailrecoverError `key` where no identity fits any of them
 */
export async function readSecrets(target: Target, identities: readonly Identity[] | undefined): Promise<Map<string, Buffer>> {
  const secrets = new Map<string, Buffer>();
  let refusal: unknown;
  for await (const { path } of target.list('keys')) {
    if (!path.startsWith(PREFIX)) continue;
    try {
      const secret = decodeSecret(openWhole(await target.get(path), path.endsWith('.age') ? (identities ?? []) : undefined, path), path);
      if (!path.startsWith(`${PREFIX}${secretFingerprint(secret)}.`))
        throw new MailrecoverError('damage', `'${path}' is not the secret that it is named by`, { subject: path });
      secrets.set(secretFingerprint(secret), secret);
    } catch (error) {
      refusal ??= error;
    }
  }
  if (secrets.size === 0 && refusal !== undefined) throw refusal;
  return secrets;
}
