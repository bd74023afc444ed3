/** One request to a token endpoint (RFC 6749, section 5). */
import { readFile } from 'node:fs/promises';
import { ioError } from '../../errors/error.ts';
import { now } from '../../system/clock.ts';
import { createFetch, type Fetch } from '../http.ts';
import { networkRefusal } from '../network.ts';
import { type KnownRefusal, recognise, Refused, retryAfter, shownReply } from '../refusal.ts';
import type { Account, TokenReply } from './account.ts';

/** A clock that is off by more is what is wrong, whatever the server says about signatures. */
const SKEW_MS = 5 * 60_000;

export type Reply = Record<string, unknown>;

/** A `fetch` that trusts what the account says. */
export async function accountFetch(account: Account): Promise<Fetch> {
  if (account.caFile === undefined) return createFetch();
  try {
    return createFetch({ ca: await readFile(account.caFile, 'utf8') });
  } catch (error) {
    throw ioError(error, 'read', account.caFile);
  }
}

/**
 * Posts a form and gives the JSON that came back.
 * @param known what this provider says when it refuses
 * @param pending OAuth errors that are an answer (`authorization_pending`, RFC 8628), given back as they are
 * @throws Refused
 */
export async function postForm(
  account: Account,
  url: string,
  form: Record<string, string>,
  known: readonly KnownRefusal[],
  pending: readonly string[] = [],
): Promise<Reply> {
  const fetch = await accountFetch(account);
  let reply: Response;
  let text: string;
  try {
    reply = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams(form).toString(),
    });
    text = await reply.text();
  } catch (error) {
    const refusal = networkRefusal(error, new URL(url).host);
    if (refusal === undefined) throw error;
    throw new Refused(refusal, account.name);
  }
  const body = parse(text);
  if (reply.ok && body !== undefined) return body;
  const code = typeof body?.['error'] === 'string' ? body['error'] : '';
  if (body !== undefined && pending.includes(code)) return body;
  throw refused(account, reply, code, typeof body?.['error_description'] === 'string' ? body['error_description'] : '', known);
}

function refused(account: Account, reply: Response, code: string, description: string, known: readonly KnownRefusal[]): Refused {
  const skew = skewOf(reply.headers.get('date'));
  if (skew !== undefined && /invalid_grant|invalid_client|invalid_request/.test(code)) {
    return new Refused(
      {
        code: 'clock',
        permanent: true,
        message: `this host's clock is ${Math.abs(Math.round(skew / 60_000))} minutes ${skew > 0 ? 'fast' : 'slow'}, so what it signs is not valid`,
        hint: 'set the clock: timedatectl set-ntp true',
        said: shownReply(description || code),
      },
      account.name,
    );
  }
  const text = `${code}: ${description}`;
  const recognised = recognise(known, text);
  if (recognised !== undefined) return new Refused(recognised, account.name);
  const temporary = reply.status >= 500 || reply.status === 429 || code === 'temporarily_unavailable' || code === 'server_error';
  const wait = retryAfter(reply.headers.get('retry-after'), now());
  return new Refused(
    {
      code: temporary ? 'busy' : 'token',
      permanent: !temporary,
      message: temporary ? `the sign-in service can't serve now (HTTP ${reply.status})` : 'the sign-in service gave no token',
      hint: temporary
        ? 'it is tried again by itself'
        : `look at account '${account.name}' in the configuration, then: mailrecover auth test ${account.name}`,
      said: shownReply(code === '' ? `HTTP ${reply.status}` : text),
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    },
    account.name,
  );
}

/** By how much our clock is ahead of the server's, where that is more than it may be. */
function skewOf(date: string | null): number | undefined {
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs)) return undefined;
  const skew = now() - theirs;
  return Math.abs(skew) > SKEW_MS ? skew : undefined;
}

function parse(text: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Reply) : undefined;
  } catch {
    return undefined;
  }
}

/** A token reply in our terms. @throws Refused where there is no token in it */
export function tokenOf(account: Account, body: Reply): TokenReply {
  const { access_token: accessToken, expires_in: seconds, refresh_token: refreshToken, refresh_token_expires_in: loginSeconds } = body;
  if (typeof accessToken !== 'string' || accessToken === '') {
    throw new Refused(
      { code: 'token', permanent: false, message: 'the sign-in service answered without a token', hint: 'try again later' },
      account.name,
    );
  }
  return {
    accessToken,
    expiresAt: now() + (Number(seconds) > 0 ? Number(seconds) : 3600) * 1000,
    ...(typeof refreshToken === 'string' && refreshToken !== '' ? { refreshToken } : {}),
    ...(Number(loginSeconds) > 0 ? { loginEndsAt: now() + Number(loginSeconds) * 1000 } : {}),
  };
}
