/** Requests to Google's interfaces where their client library would bring no more than an address. */
import { now } from '../system/clock.ts';
import { networkRefusal } from './network.ts';
import type { GoogleAccount } from './oauth/account.ts';
import { accountFetch } from './oauth/request.ts';
import { type KnownRefusal, recognise, Refused, retryAfter, shownReply } from './refusal.ts';

export interface GoogleRest {
  get(path: string): Promise<unknown>;
  post(path: string, body: Buffer, contentType: string): Promise<unknown>;
}

export interface GoogleRestOptions {
  account: GoogleAccount;
  /** Where the account names no other server. */
  root: string;
  /** `fresh` where the last one was refused. */
  token: (fresh: boolean) => Promise<string>;
  known: readonly KnownRefusal[];
  signal: AbortSignal;
}

interface Problem {
  error?: { message?: string; status?: string; errors?: { reason?: string }[]; details?: { reason?: string }[] };
}

/** All functions throw {@link Refused}. */
export async function openGoogle({ account, root, token, known, signal }: GoogleRestOptions): Promise<GoogleRest> {
  const base = (account.endpoints.api ?? root).replace(/\/+$/, '');
  const fetch = await accountFetch(account);
  const once = async (path: string, init: RequestInit, fresh: boolean): Promise<Response> => {
    const headers = { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${await token(fresh)}` };
    try {
      return await fetch(`${base}${path}`, { ...init, headers, signal });
    } catch (error) {
      signal.throwIfAborted();
      const refusal = networkRefusal(error, new URL(base).host);
      if (refusal === undefined) throw error;
      throw new Refused(refusal, account.name);
    }
  };
  const ask = async (path: string, init: RequestInit): Promise<unknown> => {
    let reply = await once(path, init, false);
    // A token that was kept may have been revoked since.
    if (reply.status === 401) reply = await once(path, init, true);
    const text = await reply.text();
    let body: unknown;
    try {
      body = text === '' ? undefined : JSON.parse(text);
    } catch {
      body = undefined;
    }
    if (reply.ok && body !== undefined) return body;
    throw refused(account, reply, body as Problem | undefined, known);
  };
  return {
    get: (path) => ask(path, { method: 'GET' }),
    post: (path, body, contentType) => ask(path, { method: 'POST', headers: { 'content-type': contentType }, body: new Uint8Array(body) }),
  };
}

function refused(account: GoogleAccount, reply: Response, body: Problem | undefined, known: readonly KnownRefusal[]): Refused {
  const { message = '', status = '', errors = [], details = [] } = body?.error ?? {};
  const reasons = [...errors, ...details].flatMap(({ reason }) => reason ?? []);
  const text = `${[reply.status, status, ...reasons].join(' ')}: ${message}`;
  const wait = retryAfter(reply.headers.get('retry-after'), now());
  const waits = wait === undefined ? {} : { retryAfterMs: wait };
  const recognised = recognise(known, text);
  if (recognised !== undefined) return new Refused({ ...recognised, ...waits }, account.name);
  const temporary = reply.status >= 500 || reply.ok;
  return new Refused(
    {
      code: temporary ? 'busy' : 'rejected',
      permanent: !temporary,
      message: temporary ? `Google can't answer now (HTTP ${reply.status})` : `Google refuses it (HTTP ${reply.status})`,
      hint: temporary ? 'run the command again in a minute' : 'read what it said',
      said: shownReply(text),
      ...waits,
    },
    account.name,
  );
}
