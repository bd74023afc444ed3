/** A file sealed for age recipients before anybody else gets it. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { ioError, MailrecoverError } from '../../errors/error.ts';
import { makeDirectory } from '../../system/files.ts';

/** @returns the sealed file; `release` removes it again */
export async function sealed(
  path: string,
  recipients: readonly string[],
  state: string,
): Promise<{ path: string; release: () => Promise<void> }> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw new MailrecoverError('usage', `'${recipient}' is no age recipient`, {
        hint: 'it begins with age1; age-keygen -y FILE prints it',
      });
    }
  }
  const directory = join(state, 'links');
  await makeDirectory(directory);
  const target = join(directory, `.tmp-${process.pid}.age`);
  const release = (): Promise<void> => rm(target, { force: true });
  try {
    const plain = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    const bytes = await encrypter.encrypt(plain);
    await pipeline(
      Readable.fromWeb(bytes as unknown as ReadableStream<Uint8Array>),
      createWriteStream(target, { mode: 0o600, flags: 'wx' }),
    );
    return { path: target, release };
  } catch (error) {
    await release();
    throw ioError(error, 'encrypt', path);
  }
}
