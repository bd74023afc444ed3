import { MailrecoverError } from '../../errors/error.ts';
import type { ProofServer } from '../proof.ts';
import { INBOUND } from './texts.ts';

const SILENCE_MS = 30_000;

/** Hands a message to a server. @returns what it said @throws MailrecoverError `failed`, `key` for its certificate */
export async function handIn(
  { host, port, security, name }: ProofServer,
  { from, to, id, ca }: { from: string; to: string; id: string; ca: string | undefined },
): Promise<string> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    connectionTimeout: SILENCE_MS,
    greetingTimeout: SILENCE_MS,
    socketTimeout: 60_000,
    tls: { ...(name === undefined ? {} : { servername: name }), ...(ca === undefined ? {} : { ca }) },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    const sent: unknown = await transport.sendMail({
      from,
      to,
      messageId: id,
      ...INBOUND,
    });
    const { response } = sent as { response?: unknown };
    return typeof response === 'string' ? response : '';
  } catch (error) {
    const { message, response } = error as { message: string; response?: unknown };
    const said = (typeof response === 'string' ? response : message).split('\n')[0] ?? '';
    const isCertificate = /certificate|altname|self[- ]signed/i.test(said);
    throw new MailrecoverError(
      isCertificate ? 'key' : 'failed',
      said,
      isCertificate ? { hint: `its certificate must hold the name '${name ?? host}', by an authority that is trusted` } : {},
    );
  } finally {
    transport.close();
  }
}
