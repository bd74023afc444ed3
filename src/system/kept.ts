/** Reading what an earlier run may have written, or may not have got round to. */
import { readFileSync } from 'node:fs';
import { ioError, systemCode } from '../errors/error.ts';

/** @returns undefined where the file is not there @throws MailrecoverError `io` */
export function textIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
}

/** JSON, or undefined for what is none: a line that a crash tore. */
export function parseIfWhole(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
