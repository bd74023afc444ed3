/** Accounts at Microsoft and Google through which mail is sent. Secrets stand in them as references (src/system/secret.ts). */

/** What a token is for: the mail API (Graph, Gmail), SMTP, IMAP, files that are handed out by link (Graph, Drive), or who has a mailbox (Graph, Directory). */
export const PURPOSES = ['api', 'smtp', 'imap', 'files', 'directory'] as const;
export type Purpose = (typeof PURPOSES)[number];

interface AccountBase {
  name: string;
  /** The address that mail is sent from; who signs in, for delegated accounts. */
  mailbox: string;
  /** PEM file with a certificate authority to trust beside the usual ones. */
  caFile?: string | undefined;
  /** Other servers than the provider's public ones; `login` and `token` for tokens, `api` for Graph or Gmail. */
  endpoints: { login?: string | undefined; token?: string | undefined; api?: string | undefined };
}

export const CLOUDS = ['global', 'us-gov', 'us-dod', 'china'] as const;
export type Cloud = (typeof CLOUDS)[number];

export interface MicrosoftAccount extends AccountBase {
  provider: 'microsoft';
  /** `application`: with its own rights (client credentials); `delegated`: a user signed in once. */
  grant: 'application' | 'delegated';
  cloud: Cloud;
  tenant: string;
  clientId: string;
  clientSecret?: string | undefined;
  /** The day on which the secret ends, as the portal says it (YYYY-MM-DD). */
  secretExpires?: string | undefined;
  /** PEM: the certificate, and the private key too unless `certificateKey` names it. */
  certificate?: string | undefined;
  certificateKey?: string | undefined;
  /** Ask for the right to make drafts too, which attachments of more than 3 MB need. */
  largeMail: boolean;
}

export interface GoogleAccount extends AccountBase {
  provider: 'google';
  /** `application`: a service account with domain-wide delegation; `delegated`: a user signed in once. */
  grant: 'application' | 'delegated';
  /** The service account's key file (JSON). */
  serviceAccount?: string | undefined;
  clientId?: string | undefined;
  clientSecret?: string | undefined;
}

export type Account = MicrosoftAccount | GoogleAccount;

/** What a token endpoint gave. */
export interface TokenReply {
  accessToken: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** Present where it is new or was exchanged for another; it replaces the old one. */
  refreshToken?: string;
  /** When the login itself ends, where the provider says so (Google, consent screen in testing). */
  loginEndsAt?: number;
}

/** What differs between the providers. All functions throw {@link Refused}. */
export interface Provider<A extends Account> {
  /** For a service that needs no login. */
  application(account: A, purpose: Purpose): Promise<TokenReply>;
  refresh(account: A, purpose: Purpose, refreshToken: string): Promise<TokenReply>;
  /** Where the user's browser is sent. */
  authorizeUrl(account: A, purpose: Purpose, details: { redirectUri: string; state: string; challenge: string }): string;
  exchange(account: A, purpose: Purpose, details: { code: string; redirectUri: string; verifier: string }): Promise<TokenReply>;
  /** Name of the host in redirect URIs: what the provider takes with any port. */
  loopbackHost: 'localhost' | '127.0.0.1';
}
