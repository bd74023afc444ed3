/** Pieces of a file, one at a time, so that a large one is never whole in memory. */
import { open } from 'node:fs/promises';
import { ioError, MailrecoverError } from '../../errors/error.ts';

export interface Chunk {
  /** Of the first byte. */
  at: number;
  bytes: Buffer;
}

/** @throws MailrecoverError `io`; `failed` where the file became shorter meanwhile */
export async function* chunksOf(path: string, size: number, most: number, from = 0): AsyncGenerator<Chunk> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw ioError(error, 'read', path);
  });
  try {
    for (let at = from; at < size; at += most) {
      const bytes = Buffer.alloc(Math.min(most, size - at));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, at);
      if (bytesRead !== bytes.length) throw new MailrecoverError('failed', `'${path}' changed while it was uploaded`, { subject: path });
      yield { at, bytes };
    }
  } finally {
    await handle.close();
  }
}
