/**
 * The accounts of a host, as its Dovecot lists them, and what a synchronisation wrote down of the active host's on the standby: when that is dead, nobody
 * else can say whether an account is missing.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import { isoNow } from '../system/clock.ts';
import { run } from '../system/exec.ts';
import { makeDirectory, writeDurable } from '../system/files.ts';
import type { Remote } from './remote.ts';

export interface Accounts {
  count: number;
  sha256: string;
  names: readonly string[];
}

/** Accounts of the active host, as they were. */
export interface KnownAccounts {
  /** UTC. */
  at: string;
  names: readonly string[];
}

const LIST_MS = 60_000;
const MAX_BYTES = 256 * 1024 * 1024;

/** The accounts that Dovecot knows on a host; undefined where it can't list them. */
export async function accountsOn(host: Remote): Promise<Accounts | undefined> {
  try {
    const { exitCode, stdout } = await host.run(['doveadm', 'user', '*'], { ok: 'any', maxBytes: MAX_BYTES });
    const names = stdout.split('\n').filter((name) => name !== '');
    if (exitCode !== 0 || names.length === 0) return undefined;
    return { names, count: names.length, sha256: createHash('sha256').update(names.toSorted().join('\n')).digest('hex') };
  } catch (error) {
    if (error instanceof MailrecoverError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/**
 * The accounts of this host.
 * @param config Dovecot's configuration file, where it is not the one that doveadm finds by itself
 * @returns undefined where Dovecot can't list them
 */
export async function accountsHere(config: string | undefined, signal: AbortSignal | undefined): Promise<string[] | undefined> {
  try {
    const { stdout } = await run('doveadm', [...(config === undefined ? [] : ['-c', config]), 'user', '*'], {
      timeoutMs: LIST_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    const names = stdout.split('\n').filter((name) => name !== '');
    return names.length === 0 ? undefined : names;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof MailrecoverError) return undefined;
    throw error;
  }
}

function pathOf(state: string): string {
  return join(state, 'standby', 'accounts.json');
}

/** Writes down, on the standby, which accounts the active host has. */
export async function noteAccounts(state: string, names: readonly string[]): Promise<void> {
  await makeDirectory(join(state, 'standby'));
  await writeDurable(pathOf(state), `${JSON.stringify({ version: 1, at: isoNow(), names: names.toSorted() })}\n`);
}

/** What was written down there last; undefined where nothing was, or it can't be read. */
export async function knownAccounts(standby: Remote, state: string): Promise<KnownAccounts | undefined> {
  const path = pathOf(state);
  if ((await standby.run(['test', '-e', path], { ok: [0, 1] })).exitCode !== 0) return undefined;
  const { stdout } = await standby.run(['cat', '--', path], { maxBytes: MAX_BYTES });
  try {
    const { version, at, names } = JSON.parse(stdout) as KnownAccounts & { version: number };
    if (version === 1 && Array.isArray(names) && names.length > 0) return { at, names };
  } catch {
    // As if there were nothing: the next synchronisation writes it anew.
  }
  return undefined;
}

/** Which accounts that there were are not among those that there are. */
export function missingFrom(there: Accounts, before: readonly string[]): string[] {
  const known = new Set(there.names);
  return before.filter((name) => !known.has(name));
}
