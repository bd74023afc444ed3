/** The Graph client of Microsoft, with our own last step: where tokens go, how long to wait, and which authorities are trusted. */
import type { Context, Middleware } from '@microsoft/microsoft-graph-client';
import { now } from '../system/clock.ts';
import type { Fetch } from './http.ts';
import { networkRefusal } from './network.ts';
import type { MicrosoftAccount, Purpose } from './oauth/account.ts';
import { CLOUD_HOSTS } from './oauth/microsoft.ts';
import { accountFetch } from './oauth/request.ts';
import { accessToken, type TokenOptions } from './oauth/tokens.ts';
import { type KnownRefusal, recognise, Refused, type Refusal, retryAfter, shownReply } from './refusal.ts';
import { GRAPH_REFUSALS } from './refusals/graph.ts';

export interface GraphApi {
  /** `/me` for a user who signed in, else `/users/ADDRESS`. */
  mailbox: string;
  /** Posts text as it is, or an object as JSON. @throws Refused */
  post(path: string, body: string | object, contentType: string): Promise<unknown>;
  get(path: string): Promise<unknown>;
  put(path: string, body: Buffer, contentType: string): Promise<unknown>;
  remove(path: string): Promise<void>;
  /** Uploads `content` through a session that `path` makes from `item`. @throws Refused */
  upload(path: string, item: object, name: string, content: Uint8Array, rangeSize: number): Promise<void>;
}

/** A wait that Graph asks for and that is no longer is waited for; longer ones are the spool's, and the next transport's. */
const SHORT_WAIT_S = 5;

/** @param what what tokens are asked for, and what refusals mean then; by default those of mail */
export async function openGraph(
  account: MicrosoftAccount,
  tokens: TokenOptions,
  signal: AbortSignal,
  what: { purpose: Purpose; known: readonly KnownRefusal[] } = { purpose: 'api', known: GRAPH_REFUSALS },
): Promise<GraphApi> {
  const base = (account.endpoints.api ?? CLOUD_HOSTS[account.cloud].graph).replace(/\/+$/, '');
  const [{ Client, RetryHandler, RetryHandlerOptions, LargeFileUploadTask, FileUpload }, fetch] = await Promise.all([
    import('@microsoft/microsoft-graph-client'),
    accountFetch(account),
  ]);
  const retry = new RetryHandler(
    new RetryHandlerOptions(1, 1, (_delay, _attempt, _request, _options, response) => {
      const asked = retryAfter(response.headers.get('retry-after'), now());
      return response.status === 429 && asked !== undefined && asked <= SHORT_WAIT_S * 1000;
    }),
  );
  const last = lastStep({ account, tokens, signal, fetch, base, purpose: what.purpose });
  retry.setNext(last);
  const client = Client.initWithMiddleware({ middleware: retry, baseUrl: `${base}/` });
  const refusing = async <T>(path: string, action: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await action();
    } catch (error) {
      // A reply that says yes and can't be read is a yes all the same: sending again would send twice.
      const { statusCode = -1 } = error as GraphFailure;
      if (statusCode >= 200 && statusCode < 300) return undefined;
      // The client wraps what was thrown below it into an error that does not hold it.
      throw asRefused(last.thrown() ?? error, path, base, what.known);
    }
  };
  return {
    mailbox: account.grant === 'delegated' ? '/me' : `/users/${encodeURIComponent(account.mailbox)}`,
    post: (path, body, contentType) =>
      refusing(path, () => client.api(path).header('Content-Type', contentType).post(body) as Promise<unknown>),
    get: (path) => refusing(path, () => client.api(path).get() as Promise<unknown>),
    put: (path, body, contentType) =>
      refusing(path, () => client.api(path).header('Content-Type', contentType).put(body) as Promise<unknown>),
    remove: (path) => refusing(path, async () => void (await client.api(path).delete())),
    upload: (path, item, name, content, rangeSize) =>
      refusing(path, async () => {
        const session = await LargeFileUploadTask.createUploadSession(client, path, item);
        const exact = content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength) as ArrayBuffer;
        await new LargeFileUploadTask(client, new FileUpload(exact, name, content.length), session, { rangeSize }).upload();
      }),
  };
}

interface LastStep {
  account: MicrosoftAccount;
  tokens: TokenOptions;
  signal: AbortSignal;
  fetch: Fetch;
  base: string;
  purpose: Purpose;
}

/**
 * Sends the request. The token goes to the Graph host alone: addresses of upload sessions lie elsewhere, carry their own right,
 * and refuse a request that brings a token.
 */
function lastStep({ account, tokens, signal, fetch, base, purpose }: LastStep): Middleware & { thrown: () => unknown } {
  const origin = new URL(base).origin;
  let thrown: unknown;
  return {
    thrown: () => thrown,
    async execute(context: Context) {
      const url = typeof context.request === 'string' ? context.request : context.request.url;
      const send = async (fresh: boolean): Promise<Response> => {
        const headers = new Headers(context.options?.headers ?? {});
        if (new URL(url).origin === origin)
          headers.set('Authorization', `Bearer ${(await accessToken(account, purpose, { ...tokens, ...(fresh ? { fresh } : {}) })).token}`);
        return fetch(url, { ...(context.options as RequestInit), headers, signal });
      };
      try {
        const first = await send(false);
        // A token that was kept may have been revoked since.
        context.response = first.status === 401 && new URL(url).origin === origin ? await send(true) : first;
      } catch (error) {
        thrown = error;
        throw error;
      }
    },
  };
}

/** What the client throws for a reply: a `GraphError` with its code. */
interface GraphFailure extends Error {
  statusCode?: number;
  code?: string | null;
  headers?: Headers;
}

function asRefused(error: unknown, path: string, base: string, known: readonly KnownRefusal[]): unknown {
  if (error instanceof Refused) return error;
  const { statusCode = -1, code, message, headers } = error as GraphFailure;
  if (statusCode < 0) {
    const refusal = networkRefusal(error, new URL(base).host);
    return refusal === undefined ? error : new Refused(refusal);
  }
  const text = `${statusCode} ${path.endsWith('createUploadSession') || path.endsWith('/messages') ? 'Mail.ReadWrite ' : ''}${code ?? ''}: ${message}`;
  return new Refused(refusalOf(statusCode, code ?? '', text, headers, known));
}

function refusalOf(status: number, code: string, text: string, headers: Headers | undefined, rows: readonly KnownRefusal[]): Refusal {
  const wait = retryAfter(headers?.get('retry-after'), now());
  const waits = wait === undefined ? {} : { retryAfterMs: wait };
  // That a draft was refused says which permission is missing, and nothing about other errors.
  const known = recognise(rows, status === 403 ? text : text.replace('Mail.ReadWrite ', ''));
  if (known !== undefined) return { ...known, said: shownReply(text.replace('Mail.ReadWrite ', '')), ...waits };
  const temporary = status >= 500;
  return {
    code: temporary ? 'busy' : 'rejected',
    permanent: !temporary,
    message: temporary ? `Graph can't take it now (HTTP ${status})` : `Graph refuses it (HTTP ${status}${code === '' ? '' : `, ${code}`})`,
    hint: temporary ? 'it is tried again by itself' : 'read what it said',
    said: shownReply(text),
    ...waits,
  };
}
