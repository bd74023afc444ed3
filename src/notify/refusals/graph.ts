/** What Microsoft Graph says when it refuses a mail: its error code, a colon, its message. */
import type { KnownRefusal } from '../refusal.ts';

export const GRAPH_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /Access to OData is disabled|ApplicationAccessPolicy/i,
    code: 'access-policy',
    permanent: true,
    message: 'an access policy of Exchange keeps the application from this mailbox',
    hint: 'add the mailbox to the group of the policy, or grant the role "Application Mail.Send" for it; changes may take more than an hour',
  },
  {
    says: /ErrorSendAsDenied/i,
    code: 'sender',
    permanent: true,
    message: 'the mailbox may not send from this address',
    hint: "make 'from' the address of the account's own mailbox, or grant Send As",
  },
  {
    says: /Mail\.ReadWrite|createUploadSession.*(?:ErrorAccessDenied|Authorization_RequestDenied)/i,
    code: 'scope',
    permanent: true,
    message: 'attachments of this size need the permission Mail.ReadWrite',
    hint: 'add it and consent, set largeMail: true, and sign in again where a user did; a mail without the attachments goes out until then',
  },
  {
    says: /ErrorAccessDenied|Authorization_RequestDenied|Forbidden/i,
    code: 'consent',
    permanent: true,
    message: 'the application has no permission to send for this mailbox',
    hint: "add Mail.Send (application permission for grant: application, else delegated) and press 'Grant admin consent'",
  },
  {
    says: /ErrorInvalidUser|ResourceNotFound|Request_ResourceNotFound|MailboxNotEnabledForRESTAPI|ErrorNonExistentMailbox|MailboxNotFound/i,
    code: 'mailbox',
    permanent: true,
    message: 'the mailbox does not exist, or is not in Exchange Online',
    hint: "'mailbox' must be the user principal name or address of a mailbox with a licence (shared mailboxes too)",
  },
  {
    says: /ErrorMessageSizeExceeded|ErrorAttachmentSizeLimitExceeded|RequestBodyTooLarge|RequestEntityTooLarge|^413/i,
    code: 'too-large',
    permanent: true,
    message: 'the mail is too large',
    hint: 'a mail without the attachments goes out in its place',
  },
  {
    says: /ErrorInvalidRecipients|ErrorRecipientNotFound/i,
    code: 'recipient',
    permanent: true,
    message: 'a recipient is not valid',
    hint: 'check the addresses in notify.to',
  },
  {
    says: /ErrorMimeContent|ErrorInvalidRequest|BadRequest/i,
    code: 'content',
    permanent: true,
    message: 'Graph does not understand the mail',
    hint: 'please report this; another transport may take it',
  },
  {
    says: /InvalidAuthenticationToken|InvalidAudience|^401/i,
    code: 'token',
    permanent: true,
    message: 'Graph does not take the token',
    hint: "check 'cloud': each cloud has tokens of its own; then the clock: timedatectl",
  },
  {
    says: /ErrorExceededMessageLimit|ErrorSubmissionQuotaExceeded/i,
    code: 'throttled',
    permanent: false,
    message: 'the mailbox has sent as much as it may for now',
    hint: 'it is tried again by itself',
  },
  {
    says: /^429|ApplicationThrottled|TooManyRequests|ErrorServerBusy|ErrorMailboxMoveInProgress|ErrorMailboxStoreUnavailable/i,
    code: 'throttled',
    permanent: false,
    message: 'Graph asks to wait',
    hint: 'it is tried again by itself',
  },
];
