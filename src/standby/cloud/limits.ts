/** What providers let in, and how long that makes it. */

const MB = 1_000_000;
const GB = 1000 * MB;
const HOUR = 3600;
const DAY = 24 * HOUR;

export interface FillLimits {
  /** The largest message that is taken, bytes. */
  message: number;
  /** Bytes that one mailbox takes in 24 hours; Infinity where nothing is known. */
  day: number;
  /** What one mailbox takes in an hour by experience, bytes: for the forecast alone. */
  hour: number;
  /** Messages that one mailbox takes in a second, for the forecast alone. */
  perSecond: number;
  /** Mailboxes that are filled at the same time. */
  atOnce: number;
}

/**
 * What is known of the providers; the configuration may know better.
 * - Microsoft: 36 MB is what a mailbox takes unless an administrator raised it, to at most 150 MB (Exchange Online limits, "Message limits"). Bytes a day are not published; a server that
 *   has enough says so and is waited for. Half a gigabyte an hour and mailbox is an assumption within the 0.3 to 1 GB of "Microsoft 365 email migration performance and best practices".
 * - Google over IMAP: 500 MB a day and mailbox ("Gmail bandwidth limits", support.google.com/a/answer/1071518).
 * - Google by `messages.import`: 150 MB a message (description of the method); 25 of the 15,000 quota units that a user has in a minute ("Usage limits" of the Gmail API) make ten a second.
 */
export const KNOWN_LIMITS: Record<'microsoft' | 'google' | 'google-import' | 'imap', FillLimits> = {
  microsoft: { message: 36 * MB, day: Number.POSITIVE_INFINITY, hour: GB / 2, perSecond: 5, atOnce: 4 },
  google: { message: 25 * MB, day: 500 * MB, hour: GB, perSecond: 5, atOnce: 4 },
  'google-import': { message: 150 * MB, day: Number.POSITIVE_INFINITY, hour: 2 * GB, perSecond: 10, atOnce: 4 },
  imap: { message: 50 * MB, day: Number.POSITIVE_INFINITY, hour: 5 * GB, perSecond: 20, atOnce: 4 },
};

/** What is to be filled into one mailbox. */
export interface Amount {
  mailbox: string;
  messages: number;
  bytes: number;
}

export interface Forecast {
  mailboxes: number;
  messages: number;
  bytes: number;
  /** Seconds until all is there, at least. */
  seconds: number;
  /** The mailbox that takes longest, and how long. */
  longest: { mailbox: string; seconds: number } | undefined;
}

/** How long one mailbox takes, seconds. */
function secondsFor({ messages, bytes }: Amount, limits: FillLimits): number {
  const work = Math.max((bytes / limits.hour) * HOUR, messages / limits.perSecond);
  // Each full day's share but the last has to be waited for.
  const waits = bytes > limits.day ? (Math.ceil(bytes / limits.day) - 1) * DAY : 0;
  return Math.ceil(Math.max(work, waits + (work * Math.min(bytes, limits.day)) / Math.max(bytes, 1)));
}

/** How long filling takes: the longest mailbox, or all of them, so many at once. */
export function forecast(amounts: readonly Amount[], limits: FillLimits): Forecast {
  const each = amounts.map((amount) => ({ mailbox: amount.mailbox, seconds: secondsFor(amount, limits), amount }));
  const longest = each.toSorted((a, b) => b.seconds - a.seconds)[0];
  // While one waits for the next day others are filled: only the work of all is shared.
  const work = each.reduce((sum, { amount }) => sum + secondsFor(amount, { ...limits, day: Number.POSITIVE_INFINITY }), 0);
  return {
    mailboxes: amounts.length,
    messages: amounts.reduce((sum, { messages }) => sum + messages, 0),
    bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: Math.max(longest?.seconds ?? 0, Math.ceil(work / limits.atOnce)),
    longest: longest === undefined ? undefined : { mailbox: longest.mailbox, seconds: longest.seconds },
  };
}

/** A span for people: rough, since it is a forecast. */
export function roughly(seconds: number): string {
  if (seconds < 120) return '2 minutes';
  if (seconds < 2 * HOUR) return `${Math.ceil(seconds / 60)} minutes`;
  if (seconds < 2 * DAY) return `${Math.ceil(seconds / HOUR)} hours`;
  return `${Math.ceil(seconds / DAY)} days`;
}

/** A forecast in one line. */
export function shownForecast({ mailboxes, messages, bytes, seconds, longest }: Forecast): string {
  const size = bytes < GB ? `${Math.ceil(bytes / MB)} MB` : `${(bytes / GB).toFixed(1)} GB`;
  const slowest = longest === undefined || mailboxes < 2 ? '' : `; '${longest.mailbox}' alone takes about ${roughly(longest.seconds)}`;
  return `${messages} messages (${size}) of ${mailboxes} mailboxes: about ${roughly(seconds)}${slowest}`;
}
