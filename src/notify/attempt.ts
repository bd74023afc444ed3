/** One round through the transports, in order, until every recipient is served. */
import { MailrecoverError } from '../errors/error.ts';
import type { OutgoingMail } from './message.ts';
import type { Refusal } from './refusal.ts';
import { ENGLISH, type Wording } from './wording.ts';
import { type Route, sendBy, servedBy, stillThere } from './routes.ts';

/** What one transport did with a mail. */
export interface Attempt {
  transport: string;
  kind: Route['kind'];
  accepted: readonly string[];
  refused: readonly { to: readonly string[]; refusal: Refusal }[];
}

export interface Round {
  attempts: Attempt[];
  /** Recipients that no transport served. */
  left: readonly string[];
  /** True where waiting does not help any of those that are left. */
  permanent: boolean;
  retryAfterMs?: number;
  /** True where it went out without its attachments, since it was too large with them. */
  stripped: boolean;
}

/** A transport that is no further after this is given up for this round; large mails get more. */
const PATIENCE_MS = 60_000;
const SLOWEST_BYTES_PER_MS = 50;

export async function tryRoutes(
  mail: OutgoingMail,
  routes: readonly Route[],
  signal: AbortSignal,
  wording: Wording = ENGLISH,
): Promise<Round> {
  const round = await tryInOrder(mail, routes, signal);
  const isTooLarge = ({ refused }: Attempt): boolean => refused.some(({ refusal }) => refusal.code === 'too-large');
  const tooLarge = round.attempts.filter(isTooLarge).map(({ transport }) => transport);
  if (round.left.length === 0 || tooLarge.length === 0 || (mail.attachments ?? []).length === 0) return { ...round, stripped: false };
  // The alarm matters more than its attachments.
  const again = await tryInOrder(
    { ...withoutFiles(mail, 'since the mail was too large with them', wording), to: round.left },
    routes.filter(({ name }) => tooLarge.includes(name)),
    signal,
  );
  return {
    ...again,
    attempts: [...round.attempts, ...again.attempts],
    permanent: again.permanent && round.permanent,
    stripped: again.left.length < round.left.length,
  };
}

async function tryInOrder(mail: OutgoingMail, routes: readonly Route[], signal: AbortSignal): Promise<Omit<Round, 'stripped'>> {
  const attempts: Attempt[] = [];
  let left = stillThere(mail.to, routes);
  for (const route of routes) {
    const to = servedBy(route, left);
    if (to.length === 0) continue;
    const attempt = await tryOne({ ...mail, to }, route, signal);
    attempts.push(attempt);
    left = left.filter((address) => !attempt.accepted.includes(address));
  }
  const mine = attempts.flatMap(({ refused }) => refused).filter(({ to }) => to.some((address) => left.includes(address)));
  const waits = mine.flatMap(({ refusal }) => refusal.retryAfterMs ?? []);
  return {
    attempts,
    left,
    permanent: left.length > 0 && mine.length > 0 && mine.every(({ refusal }) => refusal.permanent),
    ...(waits.length === 0 ? {} : { retryAfterMs: Math.min(...waits) }),
  };
}

/** Whatever goes wrong in one transport must not keep the others from their turn. */
async function tryOne(mail: OutgoingMail, route: Route, signal: AbortSignal): Promise<Attempt> {
  const size = (mail.attachments ?? []).reduce((sum, { content }) => sum + content.length, 0);
  const patience = PATIENCE_MS + Math.round(size / SLOWEST_BYTES_PER_MS);
  const timeout = AbortSignal.timeout(patience);
  try {
    const { accepted, refused } = await sendBy(route, mail, AbortSignal.any([signal, timeout]));
    return { transport: route.name, kind: route.kind, accepted, refused };
  } catch (error) {
    signal.throwIfAborted();
    const refusal = timeout.aborted
      ? {
          code: 'unreachable',
          permanent: false,
          message: `it took longer than ${Math.round(patience / 1000)} s`,
          hint: 'it is tried again by itself',
        }
      : brokenTransport(error);
    return { transport: route.name, kind: route.kind, accepted: [], refused: [{ to: mail.to, refusal }] };
  }
}

function brokenTransport(error: unknown): Refusal {
  if (error instanceof MailrecoverError) {
    // A missing secret file comes back no sooner than somebody puts it there; everything else may pass.
    const permanent = error.code === 'key' || error.code === 'config';
    return { code: error.code, permanent, message: error.message, hint: error.hint ?? 'mailrecover notify test' };
  }
  return { code: 'bug', permanent: false, message: error instanceof Error ? error.message : String(error), hint: 'please report this' };
}

/** The mail with a note of what is missing, and why, in place of its files. */
export function withoutFiles(mail: OutgoingMail, why: string, { say }: Wording): OutgoingMail {
  const { attachments = [], ...rest } = mail;
  const files = attachments.filter(({ cid }) => cid === undefined);
  const names = files.map(({ filename, content }) => `${filename} (${Math.ceil(content.length / 1024)} KiB)`).join(', ');
  const note = say(`Left out, ${why}: ${names}.`);
  const pictures = attachments.filter(({ cid, content }) => cid !== undefined && content.length < 100_000);
  return { ...rest, text: `${note}\n\n${rest.text}`, ...(pictures.length === 0 ? {} : { attachments: pictures }) };
}
