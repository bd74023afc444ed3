/** Signing in once, so that mail can be sent unattended from then on. */
import { createHash, randomBytes } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { monotonic, now, sleep } from '../../system/clock.ts';
import type { Account, MicrosoftAccount, Purpose, TokenReply } from './account.ts';
import { codeIn, listenForCode } from './loopback.ts';
import { pollDeviceLogin, startDeviceLogin } from './microsoft.ts';
import { providerOf } from './tokens.ts';
import { withReply, withStored } from './token-file.ts';

const BROWSER_PATIENCE_MS = 15 * 60_000;

export interface LoginOptions {
  account: Account;
  purpose: Purpose;
  state: string;
  signal: AbortSignal;
  /** Tells the user what to do now. */
  tell: (text: string) => void;
  /** A text, made in English, in the user's language: for the page that the browser comes back to. */
  say: (english: string) => string;
}

/** A PKCE pair (RFC 7636, S256). */
function pkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(48).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** With a browser on this host, or with one elsewhere through a tunnel to `port`. */
export async function loginByBrowser(options: LoginOptions, port = 0): Promise<void> {
  const { account, purpose, tell } = options;
  const provider = providerOf(account);
  const { verifier, challenge } = pkce();
  const state = randomBytes(24).toString('base64url');
  const patience = AbortSignal.timeout(BROWSER_PATIENCE_MS);
  const loopback = await listenForCode(state, port, AbortSignal.any([options.signal, patience]), options.say);
  try {
    const redirectUri = `http://${provider.loopbackHost}:${loopback.port}`;
    tell(
      [
        `open this address in a browser, and sign in as ${account.mailbox}:`,
        '',
        provider.authorizeUrl(account, purpose, { redirectUri, state, challenge }),
        '',
        `where the browser runs on another host, first run there: ssh -L ${loopback.port}:127.0.0.1:${loopback.port} THIS-HOST`,
        `or run this again with --way paste`,
      ].join('\n'),
    );
    const code = await loopback.code.catch((error: unknown) => {
      throw patience.aborted && !options.signal.aborted ? late() : error;
    });
    await keep(options, await provider.exchange(account, purpose, { code, redirectUri, verifier }));
  } finally {
    loopback.close();
  }
}

/** With a browser anywhere: its user copies the address that it ends at, which shows an error page there. */
export async function loginByPaste(options: LoginOptions, ask: (question: string) => Promise<string>): Promise<void> {
  const { account, purpose, tell } = options;
  const provider = providerOf(account);
  const { verifier, challenge } = pkce();
  const state = randomBytes(24).toString('base64url');
  const redirectUri = `http://${provider.loopbackHost}:8400`;
  tell(
    [
      `open this address in any browser, and sign in as ${account.mailbox}:`,
      '',
      provider.authorizeUrl(account, purpose, { redirectUri, state, challenge }),
      '',
      `the browser ends at a page that can't be shown, at ${redirectUri}/?…: copy that whole address`,
    ].join('\n'),
  );
  const pasted = (await ask('paste the address here: ')).trim();
  const code = URL.canParse(pasted) ? codeIn(new URL(pasted), state) : undefined;
  if (code === undefined)
    throw new MailrecoverError('failed', 'that is not the address that this login ends at', {
      hint: 'run it again, and copy the whole address',
    });
  await keep(options, await provider.exchange(account, purpose, { code, redirectUri, verifier }));
}

/** With a code that is typed at another device; Microsoft only, since Google lets no mail scope be asked for that way. */
export async function loginByDevice(options: LoginOptions & { account: MicrosoftAccount }): Promise<void> {
  const { account, purpose, tell, signal } = options;
  const device = await startDeviceLogin(account, purpose);
  tell(`open ${device.address} in any browser, type the code ${device.userCode}, and sign in as ${account.mailbox}`);
  const end = monotonic() + device.expiresInMs;
  for (let wait = device.intervalMs; monotonic() < end;) {
    await sleep(wait);
    signal.throwIfAborted();
    const answer = await pollDeviceLogin(account, device);
    if ('tokens' in answer) return keep(options, answer.tokens);
    // Once asked to slow down, it stays slow (RFC 8628, section 3.5).
    wait = Math.max(wait, answer.waitMs);
  }
  throw late();
}

function late(): MailrecoverError {
  return new MailrecoverError('failed', 'nobody signed in in time', { hint: 'run the login again' });
}

async function keep({ account, purpose, state }: LoginOptions, reply: TokenReply): Promise<void> {
  if (reply.refreshToken === undefined) {
    throw new MailrecoverError('failed', 'the provider gave no refresh token, so the login would end within the hour', {
      hint:
        account.provider === 'microsoft'
          ? "the app registration must allow 'offline_access'"
          : 'remove the application at myaccount.google.com/connections, then sign in again',
    });
  }
  const unsaved: MailrecoverError[] = [];
  await withStored(
    state,
    account,
    async (stored) => {
      const fresh = { of: stored.of, access: {}, loginAt: now() };
      return { stored: withReply(fresh, purpose, reply, now()), result: undefined };
    },
    (error) => unsaved.push(error),
  );
  if (unsaved[0] !== undefined) throw unsaved[0];
}
