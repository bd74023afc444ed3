/** What Google's token endpoint says when it refuses. */
import type { KnownRefusal } from '../refusal.ts';

export const GOOGLE_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /reasonable timeframe|iat and exp/i,
    code: 'clock',
    permanent: true,
    message: 'what was signed is not valid at this time: the clock of this host is wrong',
    hint: 'set the clock: timedatectl set-ntp true',
  },
  {
    says: /Invalid JWT Signature|Invalid JWT: No valid verifier|invalid_client.*(?:deleted|disabled)/i,
    code: 'key-wrong',
    permanent: true,
    message: 'Google does not know the key of the service account: it was deleted, or belongs to another account',
    hint: 'make a new key (Google Cloud console, IAM & Admin, Service accounts, Keys) and put it in place of the old one',
  },
  {
    says: /Invalid email or User ID|account not found|Not a valid email/i,
    code: 'mailbox',
    permanent: true,
    message: 'there is no such user in the domain, or no such service account',
    hint: "'mailbox' must be a user of your Google Workspace, not an alias or a group; never @gmail.com",
  },
  {
    says: /unauthorized_client/,
    code: 'unauthorized-client',
    permanent: true,
    message: 'the service account may not act for users of the domain with this scope',
    hint: 'admin.google.com, Security, API controls, Domain-wide delegation: add the numeric client id with exactly the scope that mailrecover auth status shows; it may take up to 24 hours',
  },
  {
    says: /admin_policy_enforced|org_internal/,
    code: 'consent',
    permanent: true,
    message: 'an administrator of the domain does not let this application in',
    hint: 'admin.google.com, Security, API controls, App access control: trust the client id',
  },
  {
    says: /redirect_uri_mismatch/,
    code: 'redirect',
    permanent: true,
    message: 'the redirect address is not one of a desktop application',
    hint: "make an OAuth client of the type 'Desktop app' (Google Cloud console, APIs & Services, Credentials)",
  },
  {
    says: /invalid_scope/,
    code: 'scope',
    permanent: true,
    message: 'Google does not know the scope, or does not give it to this application',
    hint: 'add the scope to the consent screen (Google Auth platform, Data access)',
  },
  {
    says: /access_denied/,
    code: 'declined',
    permanent: true,
    message: 'the user, or the domain, said no',
    hint: 'where the consent screen is in testing, the user must be one of its test users (Google Auth platform, Audience)',
  },
  {
    says: /invalid_client|deleted_client/,
    code: 'secret-wrong',
    permanent: true,
    message: 'Google does not know the client id, or its secret is wrong',
    hint: 'take both from Google Cloud console, APIs & Services, Credentials',
  },
  {
    says: /invalid_grant/,
    code: 'login-again',
    permanent: true,
    message:
      'the login is no longer valid: it was revoked, the password was changed, or it was not used for six months; in testing it lives seven days',
    hint: "sign in again: mailrecover auth login ACCOUNT; a consent screen that is 'Internal' or 'In production' gives logins that last",
  },
];
