/** How far the standby is behind, as the synchronisation wrote it down there: one small file, also readable when the other host is dead. */
import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import { completePath, parseComplete, type Complete } from './ledger/store.ts';
import type { Remote } from './remote.ts';

export interface Lag {
  mailboxes: number;
  /** Mailboxes of which the standby has nothing yet, or whose last synchronisation failed. */
  never: string[];
  troubled: string[];
  /** Messages that are known to be missing. */
  behind: number;
  /** The oldest time of which a mailbox has its state: mail that came later may be missing. UTC; absent where one has none. */
  oldest: string | undefined;
}

interface MailboxLag {
  mailbox: string;
  syncedAt?: string;
  behind: number;
  trouble?: string;
}

/** @returns undefined where nothing was ever synchronised */
export async function readLagOn(host: Remote, state: string): Promise<Lag | undefined> {
  const path = join(state, 'standby', 'lag.json');
  if ((await host.run(['test', '-e', path], { ok: [0, 1] })).exitCode !== 0) return undefined;
  const { stdout } = await host.run(['cat', '--', path], { maxBytes: 256 * 1024 * 1024 });
  let mailboxes: MailboxLag[] | undefined;
  try {
    const file = JSON.parse(stdout) as { version: number; mailboxes: MailboxLag[] };
    if (file.version === 1 && Array.isArray(file.mailboxes)) mailboxes = file.mailboxes;
  } catch {
    // told below
  }
  if (mailboxes === undefined)
    throw new MailrecoverError('damage', `'${path}' on '${host.name}' does not say how far the standby is behind`, {
      subject: path,
      hint: 'the next synchronisation of all mailboxes writes it anew: move it away',
    });
  return summary(mailboxes);
}

function summary(mailboxes: readonly MailboxLag[]): Lag | undefined {
  if (mailboxes.length === 0) return undefined;
  const times = mailboxes.map(({ syncedAt }) => syncedAt);
  return {
    mailboxes: mailboxes.length,
    never: mailboxes.filter(({ syncedAt }) => syncedAt === undefined).map(({ mailbox }) => mailbox),
    troubled: mailboxes.filter(({ trouble }) => trouble !== undefined).map(({ mailbox }) => mailbox),
    behind: mailboxes.reduce((sum, { behind }) => sum + behind, 0),
    oldest: times.includes(undefined) ? undefined : (times as string[]).toSorted()[0],
  };
}

/**
 * Until when the standby knows what the active host accepted.
 * @returns undefined where it has no ledger
 */
export async function ledgerOn(host: Remote, state: string, active: string): Promise<Complete | undefined> {
  const { exitCode, stdout } = await host.run(['cat', '--', completePath(state, active)], { ok: [0, 1] });
  return exitCode === 0 ? parseComplete(stdout) : undefined;
}

/** The most that may be lost, in seconds of mail, where the old host can't be read any more; Infinity where nobody knows. */
export function lossBound(lag: Lag | undefined, at: number): number {
  if (lag?.oldest === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(0, Math.ceil((at - Date.parse(lag.oldest)) / 1000));
}
