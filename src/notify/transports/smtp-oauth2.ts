/** SMTP with XOAUTH2, as Microsoft 365 and Google speak it. */
import type { Account } from '../oauth/account.ts';
import { CLOUD_HOSTS } from '../oauth/microsoft.ts';
import { accessToken, type TokenOptions } from '../oauth/tokens.ts';
import { sendBySmtp, type SmtpServer } from '../smtp-send.ts';
import type { Transport } from '../transport.ts';

export interface SmtpOAuth2Options {
  account: Account;
  from: string;
  server: SmtpServer;
  tokens: TokenOptions;
}

/** Where the provider takes mail from its users. */
export function presetServer(account: Account): SmtpServer {
  const host = account.provider === 'google' ? 'smtp.gmail.com' : CLOUD_HOSTS[account.cloud].smtp;
  return { host, port: 587, security: 'starttls', caFile: account.caFile };
}

const smtpOAuth2: Transport<SmtpOAuth2Options> = {
  kind: 'smtp-oauth2',
  send(mail, { account, from, server, tokens }, signal) {
    const login = {
      user: account.mailbox,
      token: (fresh: boolean) => accessToken(account, 'smtp', { ...tokens, ...(fresh ? { fresh } : {}) }),
    };
    return sendBySmtp(mail, { server, from, login }, signal);
  },
};

export default smtpOAuth2;
