/**
 * The scrypt recipient type of age v1 (age-encryption.org/v1, "The scrypt recipient type") on node:crypto,
 * which derives the key several times as fast as the age library does by itself.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import type { Identity, Recipient, Stanza } from 'age-encryption';

const LABEL = 'age-encryption.org/v1/scrypt';
/** What `age` writes; and the most that it, and we, are willing to work for a file. */
const LOG_N = 18;
const MAX_LOG_N = 22;
const NONCE = Buffer.alloc(12);
const TAG = 16;

function deriveKey(passphrase: string, salt: Buffer, logN: number): Promise<Buffer> {
  const options = { N: 2 ** logN, r: 8, p: 1, maxmem: 2 ** (logN + 11) };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, Buffer.concat([Buffer.from(LABEL), salt]), 32, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** Opens files that are wrapped in this passphrase. */
export function passphraseIdentity(passphrase: string): Identity {
  return {
    async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
      const [stanza] = stanzas;
      const [type, salt = '', logN = ''] = stanza?.args ?? [];
      // The one stanza of the file, by the specification.
      if (stanza === undefined || stanzas.length !== 1 || type !== 'scrypt' || stanza.body.length !== 16 + TAG) return null;
      if (!/^[1-9]\d?$/.test(logN) || Number(logN) > MAX_LOG_N) return null;
      const key = await deriveKey(passphrase, Buffer.from(salt, 'base64'), Number(logN));
      const decipher = createDecipheriv('chacha20-poly1305', key, NONCE, { authTagLength: TAG });
      decipher.setAuthTag(stanza.body.subarray(16));
      try {
        return Buffer.concat([decipher.update(stanza.body.subarray(0, 16)), decipher.final()]);
      } catch {
        return null;
      }
    },
  };
}

/** Wraps files in this passphrase. @param stanza makes the library's own kind of stanza */
export function passphraseRecipient(passphrase: string, stanza: (args: string[], body: Uint8Array) => Stanza): Recipient {
  return {
    async wrapFileKey(fileKey: Uint8Array): Promise<Stanza[]> {
      const salt = randomBytes(16);
      const cipher = createCipheriv('chacha20-poly1305', await deriveKey(passphrase, salt, LOG_N), NONCE, { authTagLength: TAG });
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
      return [stanza(['scrypt', salt.toString('base64').replace(/=+$/, ''), String(LOG_N)], body)];
    },
  };
}
