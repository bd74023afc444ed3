/** Where logins are kept: one file an account below the local state, 0600, replaced in one step under a lock. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ioError, MailrecoverError } from '../../errors/error.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import { ifPresent, makeDirectory, writeDurable } from '../../system/files.ts';
import { takeLock } from '../../system/lock.ts';
import type { Account, Purpose, TokenReply } from './account.ts';

/** What is known of an account. Times are milliseconds since 1970. */
export interface Stored {
  /** Fingerprint of provider, tenant, client and mailbox: tokens of another application are of no use. */
  of: string;
  refreshToken?: string;
  /** When the user signed in, and when the login was last used, which keeps it alive. */
  loginAt?: number;
  usedAt?: number;
  loginEndsAt?: number;
  /** Access tokens that are still good. */
  access: Partial<Record<Purpose, { token: string; expiresAt: number }>>;
}

const LOCK_PATIENCE_MS = 60_000;

function fingerprint(account: Account): string {
  const parts = [account.provider, account.clientId, account.mailbox, account.grant, account.endpoints.login, account.endpoints.token];
  if (account.provider === 'microsoft') parts.push(account.tenant, account.cloud);
  else parts.push(account.serviceAccount);
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

function pathOf(state: string, account: Account): string {
  return join(state, 'oauth', `${account.name}.json`);
}

/** What is kept for the account; nothing where it was kept for another application, or can't be understood. @throws MailrecoverError `io` */
export async function readStored(state: string, account: Account): Promise<Stored> {
  const of = fingerprint(account);
  const path = pathOf(state, account);
  let text: string | undefined;
  try {
    text = await ifPresent(() => readFile(path, 'utf8'));
  } catch (error) {
    throw ioError(error, 'read', path);
  }
  try {
    const stored = JSON.parse(text ?? '') as Partial<Stored> | null;
    if (stored?.of === of) return { ...stored, of, access: stored.access ?? {} };
  } catch {
    // A file that says nothing is one that is not there.
  }
  return { of, access: {} };
}

async function writeStored(state: string, account: Account, stored: Stored): Promise<void> {
  await writeDurable(pathOf(state, account), `${JSON.stringify(stored)}\n`, 0o600);
}

/** What is kept, after a token endpoint answered. */
export function withReply(stored: Stored, purpose: Purpose, reply: TokenReply, at: number): Stored {
  const { refreshToken, loginEndsAt, accessToken, expiresAt } = reply;
  return {
    ...stored,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(loginEndsAt === undefined ? {} : { loginEndsAt }),
    usedAt: at,
    access: { ...stored.access, [purpose]: { token: accessToken, expiresAt } },
  };
}

/**
 * Reads what is kept, lets `change` make something of it, and keeps that, while no other run does the same: a refresh token
 * that is exchanged by two runs at once may end the login. Where the disk is full the work is done all the same, since the
 * mail that says so must get out; `unsaved` then gets the error.
 */
export async function withStored<T>(
  state: string,
  account: Account,
  change: (stored: Stored) => Promise<{ stored?: Stored; result: T }>,
  unsaved: (error: MailrecoverError) => void = () => undefined,
): Promise<T> {
  const release = await lockFile(state, account, unsaved);
  try {
    const { stored, result } = await change(await readStored(state, account));
    if (stored !== undefined) {
      try {
        await writeStored(state, account, stored);
      } catch (error) {
        if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
        unsaved(error);
      }
    }
    return result;
  } finally {
    release();
  }
}

async function lockFile(state: string, account: Account, unsaved: (error: MailrecoverError) => void): Promise<() => void> {
  const end = monotonic() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      await makeDirectory(join(state, 'oauth'));
      return takeLock(`${pathOf(state, account)}.lock`, `token of account ${account.name}`);
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      if (error.code === 'locked' && monotonic() < end) {
        await sleep(100);
        continue;
      }
      if (error.code === 'locked') throw error;
      unsaved(error);
      return () => undefined;
    }
  }
}
