/** Talking IMAP to the running Dovecot as a user of it, without their password: `doveadm exec imap` (Dovecot documents it for root and for the owner of the mail). */
import type { ImapFlow } from 'imapflow';
import { MailrecoverError } from '../../../errors/error.ts';
import { attachProgram } from '../../../system/attach.ts';
import type { DovecotAccess } from '../doveadm.ts';

export interface Session {
  client: ImapFlow;
  /** What went wrong, in the words of Dovecot where it said any. */
  told: (error: unknown) => unknown;
  close: () => void;
}

/** @throws MailrecoverError `unreachable` */
export async function openSession(user: string, { config, signal }: DovecotAccess): Promise<Session> {
  signal?.throwIfAborted();
  const { ImapFlow: Client } = await import('imapflow');
  const program = await attachProgram('doveadm', [...(config === undefined ? [] : ['-c', config]), 'exec', 'imap', '-u', user]);
  const client = new Client({
    host: 'localhost',
    port: 143,
    secure: false,
    doSTARTTLS: false,
    // Handed on to `net.connect`, for which a path goes before host and port.
    tls: { path: program.path },
    logger: false,
    disableAutoIdle: true,
  });
  client.on('error', () => undefined);
  const told = (error: unknown): unknown => {
    if (error instanceof MailrecoverError || error instanceof TypeError || error instanceof RangeError) return error;
    const { responseText } = error as { responseText?: string };
    const why = responseText ?? lastWord(program.said()) ?? (error instanceof Error ? error.message : String(error));
    return new MailrecoverError('unreachable', `dovecot does not answer for '${user}': ${why}`, {
      hint: 'make sure that Dovecot runs, and that this user (root, or the owner of the mail) may use doveadm; then run the command again, which goes on where it stopped',
      subject: user,
      cause: error,
    });
  };
  const close = (): void => {
    client.close();
    program.close();
  };
  try {
    await client.connect();
    return { client, told, close };
  } catch (error) {
    close();
    throw told(error);
  }
}

/** The last line that is more than a piece of information. */
function lastWord(stderr: string): string | undefined {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/: Info: /.test(line));
  return lines.at(-1)?.trim().slice(0, 300);
}
