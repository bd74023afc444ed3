/** What the directories of Microsoft and Google say when they refuse to tell who has a mailbox. */
import type { KnownRefusal } from '../refusal.ts';

export const GRAPH_DIRECTORY_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /Authorization_RequestDenied|Insufficient privileges|ErrorAccessDenied|Forbidden/i,
    code: 'consent',
    permanent: true,
    message: 'the application may not read who has a mailbox',
    hint: "add the application permission User.Read.All and press 'Grant admin consent'",
  },
  {
    says: /InvalidAuthenticationToken|InvalidAudience|^401/i,
    code: 'token',
    permanent: true,
    message: 'Graph does not take the token',
    hint: "check 'cloud': each cloud has tokens of its own; then the clock: timedatectl",
  },
  {
    says: /^429|TooManyRequests|Throttled/i,
    code: 'throttled',
    permanent: false,
    message: 'Graph asks to wait',
    hint: 'run the command again in a minute',
  },
];

export const GOOGLE_DIRECTORY_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /accessNotConfigured|SERVICE_DISABLED|has not been used in project/i,
    code: 'api-disabled',
    permanent: true,
    message: 'the Admin SDK API is not switched on in the Google Cloud project',
    hint: 'switch it on: console.cloud.google.com, APIs & Services, Library, Admin SDK API; wait some minutes',
  },
  {
    says: /insufficient authentication scopes|ACCESS_TOKEN_SCOPE_INSUFFICIENT|insufficientPermissions/i,
    code: 'scope',
    permanent: true,
    message: 'the service account may not read who has a mailbox',
    hint: 'add the scope https://www.googleapis.com/auth/admin.directory.user.readonly in admin.google.com, Security, API controls, Domain-wide delegation',
  },
  {
    says: /rateLimitExceeded|userRateLimitExceeded|quotaExceeded|RESOURCE_EXHAUSTED|^429/i,
    code: 'throttled',
    permanent: false,
    message: 'Google asks to wait',
    hint: 'run the command again in a minute',
  },
  {
    says: /Not Authorized to access this resource|forbidden|^403/i,
    code: 'consent',
    permanent: true,
    message: "the account's user may not read who has a mailbox",
    hint: "'mailbox' of the account must be an administrator with the privilege to read users",
  },
  {
    says: /authError|Invalid Credentials|UNAUTHENTICATED|^401/i,
    code: 'token',
    permanent: true,
    message: 'Google does not take the token',
    hint: 'check the clock: timedatectl',
  },
];
