/** A small text, encrypted to age recipients; `age -d -i IDENTITY` reads it. */
import { randomBytes } from 'node:crypto';
import { encodeHeader } from './header.ts';
import { parseRecipient } from './keys.ts';
import { seal } from './payload.ts';

/** @throws MailrecoverError `key` for what is no recipient */
export function sealTo(text: string, recipients: readonly string[]): Buffer {
  const fileKey = randomBytes(16);
  return seal(encodeHeader(fileKey, recipients.map(parseRecipient)), fileKey, Buffer.from(text, 'utf8'));
}
