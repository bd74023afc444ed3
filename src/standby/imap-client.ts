/** A client of the IMAP server that a message must come out of. */
import type { ImapFlow } from 'imapflow';
import type { ProofServer } from './proof.ts';

export interface ImapLogin {
  server: ProofServer;
  auth: { user: string; pass: string } | { user: string; accessToken: string };
  /** Certificates to trust, PEM. */
  ca: string | undefined;
  /** Milliseconds for a connection and a greeting. */
  silenceMs: number;
  /** And for an answer. */
  answerMs: number;
}

/** Not connected yet. */
export async function imapClient({ server, auth, ca, silenceMs, answerMs }: ImapLogin): Promise<ImapFlow> {
  const { ImapFlow: Client } = await import('imapflow');
  const { host, port, security, name } = server;
  const client = new Client({
    host,
    port,
    secure: security === 'tls',
    ...(security === 'tls' ? {} : { doSTARTTLS: security === 'starttls' }),
    auth,
    tls: { ...(name === undefined ? {} : { servername: name }), ...(ca === undefined ? {} : { ca }) },
    logger: false,
    connectionTimeout: silenceMs,
    greetingTimeout: silenceMs,
    socketTimeout: answerMs,
  });
  // What comes after an error that was told already.
  client.on('error', () => undefined);
  return client;
}
