/** What Google Drive says when it refuses: its reasons and status, a colon, its message. */
import type { KnownRefusal } from '../refusal.ts';

export const DRIVE_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /ACCESS_TOKEN_SCOPE_INSUFFICIENT|insufficientPermissions\b.*scope|insufficient authentication scopes/i,
    code: 'scope',
    permanent: true,
    message: 'the login does not include the right to make files',
    hint: 'for a service account add the scope https://www.googleapis.com/auth/drive.file in admin.google.com; else: mailrecover auth login ACCOUNT',
  },
  {
    says: /accessNotConfigured|SERVICE_DISABLED|has not been used in project/i,
    code: 'api-disabled',
    permanent: true,
    message: 'the Google Drive API is not switched on in the Google Cloud project',
    hint: 'switch it on: console.cloud.google.com, APIs & Services, Library, Google Drive API; wait some minutes',
  },
  {
    says: /storageQuotaExceeded|do not have storage quota/i,
    code: 'quota',
    permanent: true,
    message: 'there is no room: the drive is full, or a service account has none of its own',
    hint: "let the service account act for a user ('mailbox'), or name a folder of a shared drive",
  },
  {
    says: /sharingRateLimitExceeded|rateLimitExceeded|userRateLimitExceeded|dailyLimitExceeded|RESOURCE_EXHAUSTED|^429/i,
    code: 'throttled',
    permanent: false,
    message: 'Google asks to wait',
    hint: 'try again later',
  },
  {
    says: /invalidSharingRequest|cannotShare|publishOutNotPermitted|shareOutNotPermitted|domainPolicy|teamDrivesSharingRestriction|shareInNotPermitted/i,
    code: 'sharing',
    permanent: true,
    message: 'the domain does not let this file be shared with that reader',
    hint: 'admin.google.com, Apps, Google Workspace, Drive and Docs, Sharing settings; or name readers inside the domain',
  },
  {
    says: /notFound|^404/i,
    code: 'folder',
    permanent: true,
    message: 'the folder is not there, or the account may not write into it',
    hint: "'folder' is the id in the folder's address; share the folder with the account as an editor",
  },
  {
    says: /authError|Invalid Credentials|UNAUTHENTICATED|^401/i,
    code: 'token',
    permanent: true,
    message: 'Google does not take the token',
    hint: 'mailrecover auth login ACCOUNT; then check the clock: timedatectl',
  },
  {
    says: /^403|forbidden/i,
    code: 'consent',
    permanent: true,
    message: 'Google does not let the application do this',
    hint: 'read what it said',
  },
];
