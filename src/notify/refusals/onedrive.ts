/** What Microsoft Graph says when it refuses a file: its error code, a colon, its message. */
import type { KnownRefusal } from '../refusal.ts';

export const ONEDRIVE_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /sharingDisabled|sharing has been disabled|externalSharing|sharing.*(?:not allowed|disabled|blocked)|OrganizationLinkNotAllowed|AnonymousLinkNotAllowed/i,
    code: 'sharing',
    permanent: true,
    message: 'the organisation does not let this file be shared with that reader',
    hint: 'SharePoint admin centre, Policies, Sharing: at least "Existing guests" or "New and existing guests"; or name readers inside the organisation',
  },
  {
    says: /quotaLimitReached|insufficientStorage|^507/i,
    code: 'quota',
    permanent: true,
    message: 'there is no room in the drive',
    hint: 'empty it, or name another library as drive',
  },
  {
    says: /accessDenied|Authorization_RequestDenied|Forbidden|^403/i,
    code: 'consent',
    permanent: true,
    message: 'the application has no permission for this drive',
    hint: 'add Files.ReadWrite.All, or Sites.Selected and a grant for the one site (docs/links.md), and consent',
  },
  {
    says: /itemNotFound|ResourceNotFound|mysite not found|^404/i,
    code: 'folder',
    permanent: true,
    message: 'the drive or the file is not there',
    hint: "check 'drive'; a user's own drive exists after that user has opened OneDrive once, and needs a licence",
  },
  {
    says: /InvalidAuthenticationToken|InvalidAudience|unauthenticated|^401/i,
    code: 'token',
    permanent: true,
    message: 'Graph does not take the token',
    hint: "check 'cloud': each cloud has tokens of its own; then the clock: timedatectl",
  },
  {
    says: /^429|activityLimitReached|TooManyRequests|ApplicationThrottled|serviceNotAvailable/i,
    code: 'throttled',
    permanent: false,
    message: 'Graph asks to wait',
    hint: 'try again later',
  },
];
