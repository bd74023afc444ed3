/** Users whose mail lies elsewhere than the rest's: only the user database knows them. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { run } from '../../system/exec.ts';
import { toBytes } from '../bytes.ts';
import { expandBytes, parsePattern } from '../pattern.ts';
import { parseLocation, withHome } from './location.ts';
import type { DiscoveredStore } from './types.ts';

/** So many users are asked for; a store that does not fit shows with the first of them. */
const ASKED = 200;
const NAMED = 3;

/**
 * Compares what `doveadm user NAME…` says with where the stores have it.
 * @param users in the order in which they were asked for
 * @returns undefined where all fits, or nothing can be said
 */
export function strayUsers(text: string, users: readonly string[], stores: readonly DiscoveredStore[]): Finding | undefined {
  const values = (field: string): string[] =>
    text.split('\n').flatMap((line) => (line.startsWith(`${field}\t`) ? [line.slice(field.length + 1)] : []));
  const [homes, mails] = [values('home'), values('mail')];
  // One that has no such field would shift all that follow.
  if (mails.length !== users.length || homes.length !== users.length) return undefined;
  const strays = users.flatMap((user, number) => {
    const location = parseLocation(mails[number] ?? '', 'doveadm');
    const path = location === undefined ? undefined : withHome(location.path, homes[number]);
    if (path === undefined) return [];
    const isKnown = stores.some((store) => expandBytes(parsePattern(store.path), toBytes(user)) === toBytes(path.replace(/\/+$/, '')));
    return isKnown ? [] : [`'${user}' in '${path}'`];
  });
  if (strays.length === 0) return undefined;
  return {
    severity: 'warning',
    code: 'discover',
    message: `dovecot: the mail of ${strays.length} of ${users.length} users lies elsewhere: ${strays.slice(0, NAMED).join(', ')}${strays.length > NAMED ? ' …' : ''}`,
    hint: 'add a store for it',
  };
}

/** Asks doveadm, where it is there and its user database can list users. Never throws but for an abort. */
export async function findStrayUsers(stores: readonly DiscoveredStore[], options: { signal?: AbortSignal }): Promise<Finding | undefined> {
  if (stores.length === 0) return undefined;
  try {
    const listed = await run('doveadm', ['user', '*'], { timeoutMs: 20_000, ...options });
    const users = listed.stdout.split('\n').filter((user) => user !== '' && !user.startsWith('-'));
    if (users.length === 0) return undefined;
    const asked = users.slice(0, ASKED);
    const { stdout } = await run('doveadm', ['user', ...asked], { timeoutMs: 60_000, ...options });
    return strayUsers(stdout, asked, stores);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof MailrecoverError) return undefined;
    throw error;
  }
}
