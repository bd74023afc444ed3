import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const STATE = '/var/lib/mailrecover';

/**
 * A directory for caches of code and validated settings, or undefined where there is none to trust: beside the
 * compiled program, else in the default state directory. What lies there is believed, so the directory above it
 * must belong to this user, and to no one else to write to; a shared place such as /tmp never will do.
 */
export function privateCache(): string | undefined {
  const compiled = compiledRoot();
  if (compiled === undefined) return undefined;
  if (isOurs(compiled)) return join(compiled, '.cache');
  return isOurs(STATE) ? join(STATE, 'cache') : undefined;
}

/** The `dist` directory this runs from; undefined when it runs from the sources. */
export function compiledRoot(): string | undefined {
  const here = fileURLToPath(import.meta.url);
  return here.endsWith('.js') ? dirname(dirname(here)) : undefined;
}

/** The directory for caches of this user's own, or undefined where the user has no home. */
export function userCache(): string | undefined {
  const home = process.env['HOME'];
  const named = process.env['XDG_CACHE_HOME'];
  if (named !== undefined && named.startsWith('/')) return join(named, 'mailrecover');
  return home !== undefined && home.startsWith('/') ? join(home, '.cache', 'mailrecover') : undefined;
}

function isOurs(directory: string): boolean {
  try {
    const { uid, mode } = statSync(directory);
    return uid === process.geteuid?.() && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}
