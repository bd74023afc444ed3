import { readFile } from 'node:fs/promises';
import { ioError } from '../../errors/error.ts';

/** A certificate authority of the configuration, PEM; undefined where none is named. */
export async function readAuthority(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw ioError(error, 'read', path);
  }
}
