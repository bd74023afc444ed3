/** Access tokens: from what is kept, or new ones. */
import type { MailrecoverError } from '../../errors/error.ts';
import { now } from '../../system/clock.ts';
import { Refused } from '../refusal.ts';
import type { Account, Provider, Purpose, TokenReply } from './account.ts';
import { google } from './google.ts';
import { microsoft } from './microsoft.ts';
import { withReply, withStored } from './token-file.ts';

/** A token that ends sooner is not handed out: what it is for takes a while, and clocks differ. */
const MARGIN_MS = 5 * 60_000;

export interface AccessToken {
  token: string;
  expiresAt: number;
}

export interface TokenOptions {
  /** The directory for local state. */
  state: string;
  /** Ask the provider even where a token is at hand: it was refused, or the login is to be kept alive. */
  fresh?: boolean;
  /** Told where a new token can't be kept. */
  unsaved?: (error: MailrecoverError) => void;
}

/** The provider of an account, as one that takes any account of its own. */
export function providerOf(account: Account): Provider<Account> {
  return account.provider === 'microsoft' ? microsoft : google;
}

/**
 * An access token for this purpose. A rotated refresh token is kept before the access token is handed out.
 * @throws Refused where the provider gives none, or nobody has signed in yet
 */
export function accessToken(account: Account, purpose: Purpose, { state, fresh = false, unsaved }: TokenOptions): Promise<AccessToken> {
  return withStored(
    state,
    account,
    async (stored) => {
      const kept = stored.access[purpose];
      if (!fresh && kept !== undefined && kept.expiresAt - now() > MARGIN_MS) return { result: kept };
      const reply = await newToken(account, purpose, stored.refreshToken);
      return { stored: withReply(stored, purpose, reply, now()), result: { token: reply.accessToken, expiresAt: reply.expiresAt } };
    },
    unsaved,
  );
}

async function newToken(account: Account, purpose: Purpose, refreshToken: string | undefined): Promise<TokenReply> {
  const provider = providerOf(account);
  if (account.grant === 'application') return provider.application(account, purpose);
  if (refreshToken !== undefined) return provider.refresh(account, purpose, refreshToken);
  throw new Refused(
    {
      code: 'login-needed',
      permanent: true,
      message: `nobody has signed in to account '${account.name}' yet`,
      hint: `mailrecover auth login ${account.name}`,
    },
    account.name,
  );
}
