/** What services say to a webhook: the status, a colon, what came back. */
import type { KnownRefusal } from '../refusal.ts';

const AGAIN = 'it is tried again by itself';

export const WEBHOOK_REFUSALS: readonly KnownRefusal[] = [
  {
    says: /^429|rate.?limit|too many requests|limit reached: too many/i,
    code: 'throttled',
    permanent: false,
    message: 'the service asks to wait',
    hint: AGAIN,
  },
  { says: /^(?:408|425|5\d\d):/, code: 'busy', permanent: false, message: "the service can't take the message now", hint: AGAIN },
  {
    says: /no_service|no_team|no_active_hooks|team_disabled|channel_not_found|channel_is_archived|invalid_token/i,
    code: 'hook-gone',
    permanent: true,
    message: 'the webhook, its channel or its workspace is no longer there',
    hint: 'make a new webhook and put its address where the reference in the configuration points',
  },
  {
    says: /action_prohibited|posting_to_\w+_denied/i,
    code: 'hook-forbidden',
    permanent: true,
    message: 'an administrator of the workspace does not let the webhook post there',
    hint: 'ask an administrator of the workspace, or make a webhook for another channel',
  },
  {
    says: /routing.?key/i,
    code: 'hook-token',
    permanent: true,
    message: 'the routing key is not one of an Events API v2 integration',
    hint: "take the integration key from the service's Integrations page, 32 characters",
  },
  {
    says: /^413|too.?large|payload size|exceeds|40057|40058/i,
    code: 'too-large',
    permanent: true,
    message: 'the message is too large for the service',
    hint: 'please report this; another transport may take it',
  },
  {
    says: /^(?:401|403):/,
    code: 'hook-token',
    permanent: true,
    message: 'the service does not let us in',
    hint: 'check the token; for an address with its own key, take the address anew from the service',
  },
  {
    says: /^(?:404|410):/,
    code: 'hook-gone',
    permanent: true,
    message: 'there is nothing at this address (any more)',
    hint: 'make a new webhook and put its address where the reference in the configuration points',
  },
  {
    says: /^3\d\d:/,
    code: 'hook-moved',
    permanent: true,
    message: 'the address leads elsewhere, and secrets are not carried there',
    hint: 'name the address that it leads to',
  },
  {
    says: /^2\d\d:/,
    code: 'hook-answer',
    permanent: true,
    message: 'what answered is not that service',
    hint: "check 'template' and the address; a proxy in between may answer in its place",
  },
  {
    says: /^4\d\d:/,
    code: 'rejected',
    permanent: true,
    message: 'the service refuses the message',
    hint: "read what it said; check that 'template' fits the service",
  },
];
