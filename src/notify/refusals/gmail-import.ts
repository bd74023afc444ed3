/** What the Gmail API says when it refuses to take mail into a mailbox: its reasons and status, a colon, its message. */
import type { KnownRefusal } from '../refusal.ts';
import { API_DISABLED, SAYS } from './gmail.ts';

export const GMAIL_IMPORT_REFUSALS: readonly KnownRefusal[] = [
  {
    says: SAYS.scope,
    code: 'scope',
    permanent: true,
    message: 'the service account may not write into mailboxes',
    hint: 'add the scope https://mail.google.com/ in admin.google.com, Security, API controls, Domain-wide delegation',
  },
  API_DISABLED,
  {
    says: SAYS.mailbox,
    code: 'mailbox',
    permanent: true,
    message: 'the user has no mailbox',
    hint: 'give the user a licence with Gmail',
  },
  {
    says: SAYS.throttled,
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
    says: SAYS.token,
    code: 'token',
    permanent: true,
    message: 'Google does not take the token',
    hint: 'check the clock: timedatectl',
  },
];
