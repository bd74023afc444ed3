/** An account of an IMAP server: mail is backed up from it, and restored into it. */
import { rootCertificates } from 'node:tls';
import type { ImapFlow } from 'imapflow';
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import { throttled } from './throttle.ts';

export interface ImapAccount {
  name: string;
  host: string;
  port: number;
  /** `none` sends everything in clear: for servers on this host. */
  security: 'tls' | 'starttls' | 'none';
  user: string;
  /** A certificate authority to trust beside the usual ones, PEM. */
  ca?: string;
  /** Asked for at each connection: tokens run out. */
  login: () => Promise<ImapLogin>;
}

/** A token is for XOAUTH2. */
export type ImapLogin = { pass: string } | { accessToken: string };

/**
 * Connects and logs in.
 * @throws MailrecoverError `key` where the server does not let us in, `unreachable`
 */
export async function connectTo(account: ImapAccount): Promise<ImapFlow> {
  const { ImapFlow: Client } = await import('imapflow');
  const { host, port, security, user, ca } = account;
  const login = await account.login();
  const client = new Client({
    host,
    port,
    secure: security === 'tls',
    doSTARTTLS: security === 'starttls',
    auth: { user, ...login },
    ...(ca === undefined ? {} : { tls: { ca: [...rootCertificates, ca] } }),
    logger: false,
    disableAutoIdle: true,
    clientInfo: { name: 'mailrecover' },
  });
  // Losing the connection also fails the command that is under way: that is where it is told.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.close();
    throw connectionError(account, error);
  }
}

/** Whether the server answered, and said no to this one command. */
export function isAnswer(error: unknown): boolean {
  const { responseStatus, serverResponseCode } = error as { responseStatus?: string; serverResponseCode?: string };
  return responseStatus === 'NO' || responseStatus === 'BAD' || serverResponseCode === 'APPENDLIMIT';
}

/** Whether a connection was there, and was lost: then it is worth another try. */
export function isCutOff(error: unknown): boolean {
  const code = systemCode(error instanceof MailrecoverError ? error.cause : error) ?? '';
  return /^(ClosedAfterConnect|NoConnection|StateLogout|EConnectionClosed|ECONNRESET|EPIPE|ETIMEOUT)/.test(code);
}

export function connectionError({ name, host, port, user }: ImapAccount, error: unknown): MailrecoverError {
  if (error instanceof MailrecoverError) return error;
  const details = error as { authenticationFailed?: boolean; responseText?: string };
  const slower = throttled(error);
  // Also where it was the login that was refused for it.
  if (slower !== undefined)
    return new MailrecoverError('unreachable', `${host} asks us to slow down: ${slower.text}`, {
      hint: 'run the command again later: it goes on where it stopped, and nothing is fetched or added twice',
      subject: name,
      cause: error,
    });
  if (details.authenticationFailed === true)
    return new MailrecoverError('key', `${host} does not let '${user}' in: ${details.responseText ?? 'authentication failed'}`, {
      hint: `look at the password or token of account '${name}' in the configuration; a token may have run out`,
      subject: name,
    });
  const why = systemCode(error) ?? (error instanceof Error ? error.message : String(error));
  return new MailrecoverError('unreachable', `unable to talk IMAP to ${host}:${port}: ${why}`, {
    hint: "look at 'host', 'port' and 'security' of the account, then run the command again: nothing is fetched or added twice",
    subject: name,
    cause: error,
  });
}
