/** A link as results show it: what is itself a secret stays in the ledger. */
import type { LinkRecord } from '../../notify/links/ledger.ts';
import { isoTime } from '../../system/clock.ts';

export function shownLink(link: LinkRecord): Record<string, unknown> {
  const { remote: _remote, createdAt, expiresAt, endedAt, url, ...rest } = link;
  return {
    ...rest,
    createdAt: isoTime(createdAt),
    expiresAt: isoTime(expiresAt),
    ...(endedAt === undefined ? {} : { endedAt: isoTime(endedAt) }),
    ...(url === undefined || link.open === true ? {} : { url }),
  };
}

export const LINK_JSON = {
  'links[].{id,place,kind,name,bytes,sha256,encrypted,readers,createdAt,expiresAt,endedAt}': 'the links',
  'links[].state': 'pending (an upload that is at work or was cut off), open, revoked or expired',
  'links[].url': 'the link, where it asks who reads',
  'links[].open': 'whether the link alone is enough to read',
} as const;

export const END_EXIT_CODES = {
  0: 'what was to be removed is removed',
  1: 'nothing could be removed',
  3: 'some of it could be removed',
  12: 'a credential is missing or refused',
  13: 'the place could not be reached',
} as const;
