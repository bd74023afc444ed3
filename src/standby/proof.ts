/** A real message, in by SMTP and out by IMAP: the proof that a host serves. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ioError, MailrecoverError } from '../errors/error.ts';
import { monotonic, sleep } from '../system/clock.ts';
import { readSecret } from '../system/secret.ts';
import { imapClient } from './imap-client.ts';

export interface ProofServer {
  host: string;
  port: number;
  security: 'none' | 'starttls' | 'tls';
  /** The name that must stand in its certificate; by default the host. */
  name?: string | undefined;
}

export interface ProofOptions {
  from: string;
  to: string;
  user: string;
  /** A reference; not needed where `login` gives another way in. */
  password: string;
  login?: (() => Promise<{ pass: string } | { accessToken: string }>) | undefined;
  smtp: ProofServer;
  imap: ProofServer;
  caFile?: string | undefined;
  waitMs: number;
}

const SILENCE_MS = 15_000;
const AGAIN_MS = 500;

/**
 * Sends a message and waits until it lies in the INBOX. It is left there.
 * @returns the evidence
 * @throws MailrecoverError `key` where the login is refused, `failed` where it does not arrive in time, `unreachable`
 */
export async function prove(options: ProofOptions, signal: AbortSignal): Promise<string[]> {
  const login = await (options.login?.() ?? readSecret(options.password, `the password of ${options.user}`).then((pass) => ({ pass })));
  const ca = options.caFile === undefined ? undefined : await authority(options.caFile);
  const id = `<mailrecover-${randomBytes(12).toString('hex')}@standby.invalid>`;
  const from = monotonic();
  const until = from + options.waitMs;
  await patiently(until, signal, () => send(options, id, ca));
  const taken = Math.round(monotonic() - from);
  await patiently(until, signal, () => fetched(options, login, id, ca, until, signal));
  const { smtp, imap, to } = options;
  return [
    `${smtp.host}:${smtp.port} took a message for ${to} over SMTP (${shownSecurity(smtp)}) after ${taken} ms`,
    `${imap.host}:${imap.port} gave it out over IMAP (${shownSecurity(imap)}) after ${Math.round(monotonic() - from)} ms`,
  ];
}

function shownSecurity({ security, name, host }: ProofServer): string {
  return security === 'none' ? 'in the clear' : `certificate of ${name ?? host}`;
}

async function authority(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw ioError(error, 'read', path);
  }
}

/** Again until it works, or the time is over: a server that was just started is not always ready. What is wrong for good is told at once. */
async function patiently(until: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      if (error.code === 'key' || monotonic() >= until) throw error;
      await sleep(AGAIN_MS, signal);
    }
  }
}

async function send({ from, to, smtp }: ProofOptions, messageId: string, ca: string | undefined): Promise<void> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    host: smtp.host,
    port: smtp.port,
    secure: smtp.security === 'tls',
    requireTLS: smtp.security === 'starttls',
    ignoreTLS: smtp.security === 'none',
    connectionTimeout: SILENCE_MS,
    greetingTimeout: SILENCE_MS,
    socketTimeout: SILENCE_MS,
    tls: { ...(smtp.name === undefined ? {} : { servername: smtp.name }), ...(ca === undefined ? {} : { ca }) },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({
      from,
      to,
      messageId,
      subject: 'mailrecover: proof that this server delivers mail',
      text: 'This message proves that mail is taken and given out after a switch. It may be deleted.\n',
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
  } catch (error) {
    throw trouble('take a message', smtp, error);
  } finally {
    transport.close();
  }
}

async function fetched(
  { imap, user }: ProofOptions,
  login: { pass: string } | { accessToken: string },
  messageId: string,
  ca: string | undefined,
  until: number,
  signal: AbortSignal,
): Promise<void> {
  const client = await imapClient({ server: imap, auth: { user, ...login }, ca, silenceMs: SILENCE_MS, answerMs: SILENCE_MS });
  try {
    await client.connect();
    for (;;) {
      await client.mailboxOpen('INBOX', { readOnly: true });
      const found = await client.search({ header: { 'message-id': messageId } }, { uid: true });
      if (Array.isArray(found) && found.length > 0) return;
      if (monotonic() >= until)
        throw new MailrecoverError('failed', `the message that '${imap.host}' took did not come out over IMAP in time`, {
          hint: "look into Postfix's log and queue there: postqueue -p",
          subject: imap.host,
        });
      await sleep(AGAIN_MS, signal);
      signal.throwIfAborted();
    }
  } catch (error) {
    if (error instanceof MailrecoverError || signal.aborted) throw error;
    throw trouble('give mail out', imap, error);
  } finally {
    client.close();
  }
}

function trouble(action: string, { host, port, name }: ProofServer, error: unknown): MailrecoverError {
  const { message, authenticationFailed, response } = error as { message: string; authenticationFailed?: boolean; response?: unknown };
  const subject = `${host}:${port}`;
  if (authenticationFailed === true)
    return new MailrecoverError('key', `'${subject}' does not let the user of the proof in`, {
      hint: "see that the account is there, and 'standby.proof' in the configuration",
      subject,
    });
  const said = typeof response === 'string' ? response : message;
  const isCertificate = /certificate|altname|self[- ]signed/i.test(said);
  return new MailrecoverError(isCertificate ? 'key' : 'failed', `'${subject}' did not ${action}: ${said.split('\n')[0] ?? ''}`, {
    ...(isCertificate ? { hint: `its certificate must hold the name '${name ?? host}', by an authority that is trusted` } : {}),
    subject,
  });
}
