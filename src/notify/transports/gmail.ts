/** The Gmail API: `users.messages.send` as a media upload. */
import { now } from '../../system/clock.ts';
import { compose } from '../compose.ts';
import type { OutgoingMail } from '../message.ts';
import { networkRefusal } from '../network.ts';
import type { GoogleAccount } from '../oauth/account.ts';
import { accountFetch } from '../oauth/request.ts';
import { accessToken, type TokenOptions } from '../oauth/tokens.ts';
import { recognise, Refused, retryAfter, type Refusal, shownReply } from '../refusal.ts';
import { GMAIL_REFUSALS } from '../refusals/gmail.ts';
import { allAccepted, allRefused, type SendOutcome, type Transport } from '../transport.ts';

export interface GmailOptions {
  account: GoogleAccount;
  from: string;
  tokens: TokenOptions;
}

const ROOT = 'https://gmail.googleapis.com';
/** The largest upload that the method takes (discovery document of the Gmail API: `maxSize` 36700160). */
const MAX_BYTES = 36_700_160;

const gmail: Transport<GmailOptions> = {
  kind: 'gmail',
  async send(mail, options, signal) {
    const raw = await compose(mail, options.from);
    if (raw.length > MAX_BYTES) {
      return allRefused(mail, {
        code: 'too-large',
        permanent: true,
        message: `the mail has ${Math.ceil(raw.length / 1e6)} MB, and the Gmail API takes 36`,
        hint: 'a mail without the attachments goes out in its place',
      });
    }
    try {
      const first = await attempt(mail, raw, options, false, signal);
      // A token that was kept may have been revoked since.
      const stale = first.refused.some(({ refusal }) => refusal.code === 'token');
      return stale ? await attempt(mail, raw, options, true, signal) : first;
    } catch (error) {
      if (error instanceof Refused) return allRefused(mail, error.refusal);
      throw error;
    }
  },
};

export default gmail;

async function attempt(mail: OutgoingMail, raw: Buffer, options: GmailOptions, fresh: boolean, signal: AbortSignal): Promise<SendOutcome> {
  const { account, tokens } = options;
  const { token } = await accessToken(account, 'api', { ...tokens, ...(fresh ? { fresh } : {}) });
  // The one API alone: all of googleapis takes five times as long to load.
  const [{ gmail: gmailApi, auth }, fetchImplementation] = await Promise.all([
    import('googleapis/build/src/apis/gmail/index.js'),
    accountFetch(account),
  ]);
  const client = new auth.OAuth2();
  client.setCredentials({ access_token: token });
  const rootUrl = `${(account.endpoints.api ?? ROOT).replace(/\/+$/, '')}/`;
  try {
    await gmailApi({ version: 'v1', auth: client }).users.messages.send(
      { userId: 'me', media: { mimeType: 'message/rfc822', body: raw } },
      // As an option of the call: given to the API alone, uploads would still go to Google's own host. No retries: the spool does that.
      { rootUrl, retry: false, signal, fetchImplementation: (input, init) => fetchImplementation(input, init) },
    );
    return allAccepted(mail);
  } catch (error) {
    signal.throwIfAborted();
    const refusal = refusalOf(error, rootUrl);
    if (refusal === undefined) throw error;
    return allRefused(mail, refusal);
  }
}

/** What googleapis throws: a `GaxiosError`, with the reply where there was one. */
interface ApiError {
  status?: number;
  response?: {
    headers: Headers;
    data?: { error?: { message?: string; status?: string; errors?: { reason?: string }[]; details?: { reason?: string }[] } | string };
  };
}

function refusalOf(error: unknown, rootUrl: string): Refusal | undefined {
  const { status, response } = error as ApiError;
  if (response === undefined || status === undefined) return networkRefusal(error, new URL(rootUrl).host);
  const body = typeof response.data?.error === 'object' ? response.data.error : {};
  const reasons = [...(body.errors ?? []), ...(body.details ?? [])].flatMap(({ reason }) => reason ?? []);
  const text = `${[status, body.status ?? '', ...reasons].join(' ')}: ${body.message ?? ''}`;
  const wait = retryAfter(response.headers.get('retry-after'), now());
  const waits = wait === undefined ? {} : { retryAfterMs: wait };
  const known = recognise(GMAIL_REFUSALS, text);
  if (known !== undefined) return { ...known, ...waits };
  const temporary = status >= 500;
  return {
    code: temporary ? 'busy' : 'rejected',
    permanent: !temporary,
    message: temporary ? `Gmail can't take the mail now (HTTP ${status})` : `Gmail refuses the mail (HTTP ${status})`,
    hint: temporary ? 'it is tried again by itself' : 'read what it said',
    said: shownReply(text),
    ...waits,
  };
}
