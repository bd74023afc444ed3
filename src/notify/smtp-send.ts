/** Sending over SMTP, whatever the login. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { ioError } from '../errors/error.ts';
import { compose } from './compose.ts';
import { authorities } from './http.ts';
import type { OutgoingMail } from './message.ts';
import { networkRefusal } from './network.ts';
import { recognise, Refused, type Refusal, shownReply } from './refusal.ts';
import { SMTP_REFUSALS } from './refusals/smtp.ts';
import { allRefused, type SendOutcome } from './transport.ts';

export interface SmtpServer {
  host: string;
  port: number;
  /** `tls`: from the first byte (port 465); `starttls`: demanded; `none`: in the clear, for a relay on this host; `opportunistic`: TLS where it is offered, whoever's certificate it is. */
  security: 'tls' | 'starttls' | 'none' | 'opportunistic';
  caFile?: string | undefined;
  /** Where it was looked up already: this one of its addresses. There may be other servers then, so that a greeting of 5xx is not the last word. */
  address?: string;
  /** The name that this host introduces itself with; its own by default. */
  ehlo?: string | undefined;
  /** How long it may be silent; 20 seconds by default. */
  patienceMs?: number;
}

export type SmtpLogin =
  | { user: string; password: string }
  | { user: string; token: (fresh: boolean) => Promise<{ token: string; expiresAt: number }> };

/** The other side may be silent for so long; a report must be on its next way within a minute. */
const SILENCE_MS = 20_000;

export async function sendBySmtp(
  mail: OutgoingMail,
  details: { server: SmtpServer; from: string; login?: SmtpLogin },
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { server, from, login } = details;
  signal.throwIfAborted();
  const raw = await compose(mail, from);
  const ca = server.caFile === undefined ? undefined : await authorities(await pem(server.caFile));
  let tokenRefusal: unknown;
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    host: server.address ?? server.host,
    ...(server.ehlo === undefined ? {} : { name: server.ehlo }),
    port: server.port,
    secure: server.security === 'tls',
    requireTLS: server.security === 'starttls',
    ignoreTLS: server.security === 'none',
    connectionTimeout: server.patienceMs ?? SILENCE_MS,
    greetingTimeout: server.patienceMs ?? SILENCE_MS,
    socketTimeout: SILENCE_MS,
    dnsTimeout: SILENCE_MS,
    tls: {
      minVersion: 'TLSv1.2',
      rejectUnauthorized: server.security !== 'opportunistic',
      ...(server.address === undefined || isIP(server.host) > 0 ? {} : { servername: server.host }),
      ...(ca === undefined ? {} : { ca }),
    },
    ...(login === undefined ? {} : { auth: authOf(login, (error) => (tokenRefusal = error)) }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // With the signal a connection is let go of at once, however long the server is silent.
  const parcel = { envelope: { from, to: [...mail.to] }, raw, signal };
  try {
    const info = (await transport.sendMail(parcel)) as unknown as Sent;
    return outcomeOf(mail, info.accepted, info.rejectedErrors ?? [], server);
  } catch (error) {
    signal.throwIfAborted();
    if (tokenRefusal instanceof Refused) return allRefused(mail, tokenRefusal.refusal);
    if (tokenRefusal !== undefined) throw tokenRefusal;
    const failure = error as Failure;
    if (failure.rejectedErrors !== undefined) return outcomeOf(mail, [], failure.rejectedErrors, server);
    return allRefused(mail, refusalOf(failure, server));
  } finally {
    transport.close();
  }
}

interface Failure extends Error {
  code?: string;
  response?: string;
  command?: string;
  recipient?: string;
  rejectedErrors?: Failure[];
}

interface Sent {
  accepted: string[];
  rejectedErrors?: Failure[];
}

function authOf(login: SmtpLogin, failed: (error: unknown) => void): object {
  if ('password' in login) return { user: login.user, pass: login.password };
  return {
    type: 'OAuth2',
    user: login.user,
    // Asked once, and once more with `renew` after a refusal.
    provisionCallback(_user: string, renew: boolean, done: (error: Error | null, token?: string, expires?: number) => void) {
      const answer = async (): Promise<void> => {
        try {
          const { token, expiresAt } = await login.token(renew);
          done(null, token, expiresAt);
        } catch (error) {
          failed(error);
          done(error instanceof Error ? error : new Error(String(error)));
        }
      };
      void answer();
    },
  };
}

/** A server may take a mail for some recipients and not for others. */
function outcomeOf(mail: OutgoingMail, accepted: readonly string[], errors: readonly Failure[], server: SmtpServer): SendOutcome {
  const taken = new Set(accepted.map(sameAddress));
  const said = new Map(errors.map((error) => [sameAddress(error.recipient ?? ''), error]));
  const unsaid: Refusal = {
    code: 'busy',
    permanent: false,
    message: 'the server did not say what became of the mail',
    hint: 'it is tried again by itself',
  };
  const others = mail.to.filter((address) => !taken.has(sameAddress(address)));
  return {
    accepted: mail.to.filter((address) => taken.has(sameAddress(address))),
    refused: others.map((address) => {
      const error = said.get(sameAddress(address));
      return { to: [address], refusal: error === undefined ? unsaid : refusalOf(error, server) };
    }),
  };
}

/** The client writes domains in lower case and in ASCII; to take one address for another would send a mail twice. */
function sameAddress(address: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, at)}@${domainToASCII(address.slice(at + 1))}`.toLowerCase();
}

function refusalOf(error: Failure, server: SmtpServer): Refusal {
  const where = `${server.host}:${server.port}`;
  const reply = error.response;
  if (error.code === 'ETLS' && !/certificate|altname/i.test(error.message)) {
    return {
      code: 'tls',
      permanent: false,
      message: `${where} offers no TLS, which was demanded`,
      hint: 'check the port (587 for starttls, 465 for tls); only a relay on this host may have security: none',
      said: shownReply(error.message),
    };
  }
  if (reply !== undefined && reply !== '') {
    const known = recognise(SMTP_REFUSALS, reply.replace(/\r?\n\d{3}[- ]/g, ' '));
    if (known !== undefined) {
      // The code of the reply decides: a server that says 4xx wants to be asked again.
      return {
        ...known,
        permanent: reply.startsWith('5') && known.permanent && !(server.address !== undefined && error.command === 'CONN'),
      };
    }
  }
  return (
    networkRefusal(error, where) ?? {
      code:
        error.code === 'ETIMEDOUT' || error.code === 'ECONNECTION' || error.code === 'ESOCKET' || error.code === 'EDNS'
          ? 'unreachable'
          : 'busy',
      permanent: false,
      message: `the mail could not be handed to ${where}`,
      hint: 'it is tried again by itself; check the host, the port and the firewall',
      said: shownReply(error.message),
    }
  );
}

async function pem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw ioError(error, 'read', path);
  }
}
