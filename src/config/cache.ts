import { hash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeCacheDirectory, replaceFile } from '../system/files.ts';
import { compiledRoot, privateCache } from '../system/private-cache.ts';
import type { Config } from './schema.ts';

/** How many texts are kept; a text's hash picks its slot. */
const SLOTS = 16;

interface Kept {
  key: string;
  config: Config;
}

/**
 * The validated form of this text, if it was kept. It is found by the hash of the text and of what
 * tells one build from another, so it can be missing but never stale.
 */
export function cachedConfig(text: string): Config | undefined {
  const slot = slotOf(text);
  if (slot === undefined) return undefined;
  try {
    const kept = JSON.parse(readFileSync(slot.path, 'utf8')) as Kept;
    return kept.key === slot.key ? kept.config : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the validated form of a text; failing to is no failure. */
export function rememberConfig(text: string, config: Config): void {
  const slot = slotOf(text);
  if (slot === undefined) return;
  try {
    makeCacheDirectory(slot.directory);
    const kept: Kept = { key: slot.key, config };
    replaceFile(slot.path, JSON.stringify(kept));
  } catch {
    // the next run validates again
  }
}

function slotOf(text: string): { directory: string; path: string; key: string } | undefined {
  const directory = privateCache();
  const root = compiledRoot();
  if (directory === undefined || root === undefined) return undefined;
  try {
    const build = statSync(join(root, 'program.js'));
    const key = hash('sha256', `${root}\0${build.ino}\0${build.mtimeMs}\0${text}`);
    const number = Number.parseInt(key.slice(0, 8), 16) % SLOTS;
    return { directory, key, path: join(directory, `config-${number}.json`) };
  } catch {
    return undefined;
  }
}
