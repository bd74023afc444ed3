/** A plain relay: STARTTLS or TLS, with a password or without. */
import { readSecret } from '../../system/secret.ts';
import { sendBySmtp, type SmtpServer } from '../smtp-send.ts';
import type { Transport } from '../transport.ts';

export interface SmtpOptions extends SmtpServer {
  from: string;
  user?: string | undefined;
  /** A reference (src/system/secret.ts). */
  password?: string | undefined;
}

const smtp: Transport<SmtpOptions> = {
  kind: 'smtp',
  async send(mail, { from, user, password, ...server }, signal) {
    if (user === undefined || password === undefined) return sendBySmtp(mail, { server, from }, signal);
    const login = { user, password: await readSecret(password, `the password of ${user} at ${server.host}`) };
    return sendBySmtp(mail, { server, from, login }, signal);
  },
};

export default smtp;
