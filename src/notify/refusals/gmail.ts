/** What the Gmail API says when it refuses: its reasons and status, a colon, its message. */
import type { KnownRefusal } from '../refusal.ts';

/** What it says of the same trouble, whatever it was asked for. */
export const SAYS = {
  scope: /ACCESS_TOKEN_SCOPE_INSUFFICIENT|insufficientPermissions|insufficient authentication scopes/i,
  mailbox: /Mail service not enabled|failedPrecondition|Precondition check failed/i,
  throttled: /rateLimitExceeded|userRateLimitExceeded|dailyLimitExceeded|quotaExceeded|RESOURCE_EXHAUSTED|User-rate limit|^429/i,
  token: /authError|Invalid Credentials|UNAUTHENTICATED|^401/i,
} as const;

export const API_DISABLED: KnownRefusal = {
  says: /accessNotConfigured|SERVICE_DISABLED|has not been used in project/i,
  code: 'api-disabled',
  permanent: true,
  message: 'the Gmail API is not switched on in the Google Cloud project',
  hint: 'switch it on: console.cloud.google.com, APIs & Services, Library, Gmail API; wait some minutes',
};

export const GMAIL_REFUSALS: readonly KnownRefusal[] = [
  {
    says: SAYS.scope,
    code: 'scope',
    permanent: true,
    message: 'the login does not include the right to send mail',
    hint: 'sign in again and tick every box; for a service account add the scope https://www.googleapis.com/auth/gmail.send in admin.google.com',
  },
  API_DISABLED,
  {
    says: SAYS.mailbox,
    code: 'mailbox',
    permanent: true,
    message: 'the user has no mailbox, or a service account acts for nobody',
    hint: "'mailbox' must be a user with Gmail, for whom the service account acts (domain-wide delegation)",
  },
  {
    says: /Delegation denied/i,
    code: 'mailbox',
    permanent: true,
    message: 'the login belongs to another user',
    hint: "sign in as the address that stands in 'mailbox'",
  },
  {
    says: /uploadTooLarge|Request Entity Too Large|size exceeds|^413/i,
    code: 'too-large',
    permanent: true,
    message: 'the mail is too large',
    hint: 'a mail without the attachments goes out in its place',
  },
  {
    says: /Recipient address required|Invalid (?:To|recipient)/i,
    code: 'recipient',
    permanent: true,
    message: 'a recipient is not valid',
    hint: 'check the addresses in notify.to',
  },
  {
    says: SAYS.throttled,
    code: 'throttled',
    permanent: false,
    message: 'Google asks to wait',
    hint: 'it is tried again by itself; a user may send to 2,000 recipients a day',
  },
  {
    says: SAYS.token,
    code: 'token',
    permanent: true,
    message: 'Google does not take the token',
    hint: 'mailrecover auth login ACCOUNT; then check the clock: timedatectl',
  },
  {
    says: /domainPolicy/i,
    code: 'consent',
    permanent: true,
    message: 'the domain has switched the API off',
    hint: 'admin.google.com, Security, API controls',
  },
  {
    says: /^403|forbidden/i,
    code: 'consent',
    permanent: true,
    message: 'Google does not let the application send',
    hint: 'read what it said',
  },
  {
    says: /^400|invalidArgument/i,
    code: 'content',
    permanent: true,
    message: 'Gmail does not understand the mail',
    hint: 'please report this; another transport may take it',
  },
];
