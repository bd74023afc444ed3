/** What the Gmail API says when it refuses to take mail into a mailbox: its reasons and status, a colon, its message. */
import type { KnownRefusal } from '../refusal.ts';

export const GMAIL_IMPORT_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /insufficientPermissions|insufficient authentication scopes|ACCESS_TOKEN_SCOPE_INSUFFICIENT/i,
    code: 'scope',
    permanent: true,
    message: 'the service account may not write into mailboxes',
    hint: 'add the scope https://mail.google.com/ in admin.google.com, Security, API controls, Domain-wide delegation',
  },
  {
    says: /accessNotConfigured|SERVICE_DISABLED|has not been used in project/i,
    code: 'api-disabled',
    permanent: true,
    message: 'the Gmail API is not switched on in the Google Cloud project',
    hint: 'switch it on: console.cloud.google.com, APIs & Services, Library, Gmail API; wait some minutes',
  },
  {
    says: /Mail service not enabled|failedPrecondition|Precondition check failed/i,
    code: 'mailbox',
    permanent: true,
    message: 'the user has no mailbox',
    hint: 'give the user a licence with Gmail',
  },
  {
    says: /rateLimitExceeded|userRateLimitExceeded|dailyLimitExceeded|quotaExceeded|RESOURCE_EXHAUSTED|User-rate limit|^429/i,
    code: 'throttled',
    permanent: false,
    message: 'Google asks to wait',
    hint: 'run the command again later: it goes on where it stopped',
  },
  {
    says: /uploadTooLarge|Request Entity Too Large|^413/i,
    code: 'too-large',
    permanent: true,
    message: 'the message is too large',
    hint: 'it stays in the repository',
  },
  {
    says: /authError|Invalid Credentials|UNAUTHENTICATED|^401/i,
    code: 'token',
    permanent: true,
    message: 'Google does not take the token',
    hint: 'check the clock: timedatectl',
  },
];
