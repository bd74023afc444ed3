/** How far the mailboxes of the standby are behind, kept on the standby: that is where it is asked for when the other host is dead. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import type { MailboxLag, MailboxName } from './model.ts';
import { hashOf } from './taken.ts';

function pathOf(state: string): string {
  return join(state, 'standby', 'lag.json');
}

/** How far each mailbox is behind, as the last synchronisation left it; empty where there was none. */
export function readLag(state: string): MailboxLag[] {
  const path = pathOf(state);
  try {
    const { version, mailboxes } = JSON.parse(readFileSync(path, 'utf8')) as { version: number; mailboxes: MailboxLag[] };
    if (version === 1) return mailboxes;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    if (systemCode(error) !== undefined) throw ioError(error, 'read', path);
  }
  throw new MailrecoverError('damage', `'${path}' does not say how far the standby is behind`, {
    subject: path,
    hint: 'the next synchronisation of all mailboxes writes it anew: move it away',
  });
}

/**
 * Takes up what a synchronisation found; of mailboxes that it did not look at stands what stood there.
 * @param all the mailboxes of the active host, where all are known
 * @returns those that are no longer among them: nothing is kept of them, or the standby would seem to be ever further behind
 */
export async function noteLag(state: string, found: readonly MailboxLag[], all?: readonly MailboxName[]): Promise<MailboxName[]> {
  const known = new Map(readLag(state).map((lag) => [hashOf(lag), lag]));
  for (const lag of found) {
    const before = known.get(hashOf(lag))?.syncedAt;
    known.set(hashOf(lag), lag.syncedAt === undefined && before !== undefined ? { ...lag, syncedAt: before } : lag);
  }
  const there = new Set(all?.map(hashOf));
  const gone = all === undefined ? [] : [...known].filter(([hash]) => !there.has(hash));
  for (const [hash] of gone) known.delete(hash);
  await makeDirectory(join(state, 'standby'));
  await writeDurable(pathOf(state), JSON.stringify({ version: 1, mailboxes: [...known.values()] }));
  return gone.map(([, { store, mailbox }]) => ({ store, mailbox }));
}
