/** Running a script together with what V8 made of it in an earlier run. */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { makeCacheDirectory, replaceFile } from './files.ts';
import { privateCache } from './private-cache.ts';

/** Bytes of the hash that a file of the cache begins with: half-written code must never be run. */
const HASH = 32;

/**
 * Runs a script that was bundled, and gives its value. What V8 compiles is kept for the next run: unlike Node's own compile cache, which keeps
 * what is compiled before anything runs, with the functions that are compiled when they are called first.
 * @param path absolute; its first line is a comment that tells one build from another
 * @param use what it is run for: another use has other functions
 */
export function runCompiled(path: string, use: string): unknown {
  const source = readFileSync(path, 'latin1');
  const build = source.slice(0, source.indexOf('\n'));
  const directory = privateCache();
  const kept = directory === undefined ? undefined : join(directory, `${basename(path, '.js')}-${use}.code`);
  const key = Buffer.from(hash('sha256', `${build}\n${process.version}\n${process.arch}`), 'hex');
  const cachedData = kept === undefined ? undefined : readKept(kept, key);
  const script = new Script(source, { filename: path, ...(cachedData === undefined ? {} : { cachedData }) });
  if (kept !== undefined && (cachedData === undefined || script.cachedDataRejected === true))
    process.once('exit', () => keep(kept, key, script.createCachedData()));
  return script.runInThisContext();
}

function checked(key: Buffer, code: Buffer): Buffer {
  return Buffer.from(hash('sha256', Buffer.concat([key, code])), 'hex');
}

function readKept(path: string, key: Buffer): Buffer | undefined {
  try {
    const bytes = readFileSync(path);
    const code = bytes.subarray(HASH);
    return checked(key, code).equals(bytes.subarray(0, HASH)) ? code : undefined;
  } catch {
    return undefined;
  }
}

function keep(path: string, key: Buffer, code: Buffer): void {
  try {
    makeCacheDirectory(dirname(path));
    replaceFile(path, Buffer.concat([checked(key, code), code]));
  } catch {
    // The next run compiles again.
  }
}
