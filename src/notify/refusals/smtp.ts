/** What SMTP servers say when they refuse (RFC 3463 codes; Exchange Online and Gmail in their own words). */
import type { KnownRefusal } from '../refusal.ts';

export const SMTP_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /SmtpClientAuthentication is disabled/i,
    code: 'smtp-auth-disabled',
    permanent: true,
    message: 'SMTP AUTH is switched off for the mailbox or the whole organisation',
    hint: 'use the transport kind graph, which needs none; or: Set-CASMailbox ADDRESS -SmtpClientAuthenticationDisabled $false',
  },
  {
    says: /security defaults policy/i,
    code: 'smtp-auth-disabled',
    permanent: true,
    message: "the organisation's security defaults forbid SMTP AUTH",
    hint: 'use the transport kind graph',
  },
  {
    says: /5\.7\.60|SendAsDenied|not allowed to send as|5\.7\.1 .*(?:send as|sender address rejected|not owned by user)|sender address rejected/i,
    code: 'sender',
    permanent: true,
    message: 'the account may not send from this address',
    hint: "make 'from' the address of the account's own mailbox, or grant Send As",
  },
  {
    says: /5\.7\.3 Authentication unsuccessful|535 5\.7\.139/i,
    code: 'smtp-login',
    permanent: true,
    message: 'Exchange does not take the token: its service principal or its right on the mailbox is missing or wrong',
    hint: 'New-ServicePrincipal needs the object id of the *enterprise application*, not of the app registration; then Add-MailboxPermission … -AccessRights FullAccess',
  },
  {
    says: /5\.7\.8|BadCredentials|Username and Password not accepted|Invalid credentials|Authentication (?:credentials )?(?:failed|invalid|rejected)|^535\b/i,
    code: 'smtp-login',
    permanent: true,
    message: 'the server does not take the login',
    hint: 'check user and password; for OAuth2: the token needs the SMTP scope (https://mail.google.com/, SMTP.Send), and the user must be the mailbox that signed in',
  },
  {
    says: /^530\b|must issue a STARTTLS|Authentication required/i,
    code: 'smtp-login',
    permanent: true,
    message: 'the server wants a login, or TLS first',
    hint: 'name user and password, and security: starttls',
  },
  {
    says: /5\.7\.0 .*relay|relay(?:ing)? (?:access )?denied|not permitted to relay/i,
    code: 'relay',
    permanent: true,
    message: 'the server does not relay for this host',
    hint: 'let it relay for this host, or name user and password',
  },
  {
    says: /4\.2\.2|5\.2\.2|mailbox (?:is )?full|over quota/i,
    code: 'recipient-full',
    permanent: false,
    message: "the recipient's mailbox is full",
    hint: 'name a second recipient elsewhere',
  },
  {
    says: /5\.3\.4|5\.2\.3|^552\b|message (?:size )?(?:exceeds|too (?:large|big))|size limit/i,
    code: 'too-large',
    permanent: true,
    message: 'the mail is too large for the server',
    hint: 'a mail without the attachments goes out in its place',
  },
  {
    says: /5\.1\.1|5\.1\.10|5\.1\.0|user unknown|no such user|does not exist|unknown (?:recipient|user|mailbox)/i,
    code: 'recipient',
    permanent: true,
    message: 'there is no such recipient',
    hint: 'check the addresses in notify.to',
  },
  {
    says: /5\.7\.(?:1|26|57|606|708)|blocked|black ?list|spam|DMARC|SPF/i,
    code: 'content',
    permanent: true,
    message: 'the server refuses mail from here, or of this kind',
    hint: 'send through another transport; look whether this host is on a block list',
  },
  { says: /^4\d\d\b/, code: 'busy', permanent: false, message: "the server can't take the mail now", hint: 'it is tried again by itself' },
  { says: /^5\d\d\b/, code: 'rejected', permanent: true, message: 'the server refuses the mail', hint: 'read what it said' },
];
