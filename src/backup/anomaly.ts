/** What was out of the ordinary in a backup: it is marked in the snapshot, and nothing is removed until a person has looked at it. */
import type { Finding } from '../errors/finding.ts';

/** From when on a change is out of the ordinary. Both must be reached, so that small mailboxes raise no alarm. */
export interface Thresholds {
  /** Messages that are fewer than in the snapshot before. */
  deletedMin: number;
  deletedPercent: number;
  /** Mailboxes that are gone. */
  goneMin: number;
  gonePercent: number;
  /** Messages whose flags changed. */
  flagsMin: number;
  flagsPercent: number;
  /** Messages with other bytes under their old names. */
  changedMin: number;
  /** New messages that are neither mail nor compressed or encrypted mail. */
  oddMin: number;
  oddPercent: number;
}

export const THRESHOLDS: Thresholds = {
  deletedMin: 1000,
  deletedPercent: 40,
  goneMin: 3,
  gonePercent: 10,
  flagsMin: 5000,
  flagsPercent: 70,
  changedMin: 10,
  oddMin: 20,
  oddPercent: 5,
};

export interface Compared {
  /** Of the snapshot before; undefined for a first backup. */
  before: { mailboxes: number; messages: number } | undefined;
  after: { mailboxes: number; messages: number };
  /** Mailboxes that the snapshot before had. */
  goneMailboxes: number;
  flagChanges: number;
  changedContent: number;
  /** Messages that were stored, and how many of them can't be mail. */
  stored: { messages: number; odd: number };
}

function isBeyond(count: number, of: number, min: number, percent: number): boolean {
  return min > 0 && count >= min && count * 100 >= of * percent;
}

/** Codes and words of what is out of the ordinary. */
export function anomaliesOf(compared: Compared, thresholds: Thresholds): { code: string; message: string }[] {
  const { before, after, stored, flagChanges, changedContent } = compared;
  if (before === undefined) return [];
  const found: { code: string; message: string }[] = [];
  const note = (is: boolean, code: string, message: string): void => {
    if (is) found.push({ code, message });
  };
  const t = thresholds;
  const fewer = before.messages - after.messages;
  const gone = Math.max(compared.goneMailboxes, before.mailboxes - after.mailboxes);
  note(
    isBeyond(fewer, before.messages, t.deletedMin, t.deletedPercent),
    'mass-deletion',
    `${fewer} of ${before.messages} messages are gone`,
  );
  note(isBeyond(gone, before.mailboxes, t.goneMin, t.gonePercent), 'mailboxes-gone', `${gone} of ${before.mailboxes} mailboxes are gone`);
  note(
    isBeyond(flagChanges, before.messages, t.flagsMin, t.flagsPercent),
    'flag-storm',
    `the flags of ${flagChanges} of ${before.messages} messages changed`,
  );
  note(
    isBeyond(changedContent, 0, t.changedMin, 0),
    'content-changed',
    `${changedContent} messages have other bytes under their old names`,
  );
  note(
    isBeyond(stored.odd, stored.messages, t.oddMin, t.oddPercent),
    'odd-content',
    `${stored.odd} of ${stored.messages} new messages are neither mail nor compressed or encrypted mail`,
  );
  return found;
}

/** What a person is told of it. @param inherited codes that the snapshot before has, and nobody approved */
export function tellAnomalies(found: readonly { code: string; message: string }[], inherited: readonly string[]): Finding[] {
  if (found.length === 0 && inherited.length === 0) return [];
  const said = found.map(({ message }) => message).join('; ');
  const message =
    found.length > 0
      ? `this snapshot is out of the ordinary: ${said}; 'latest' passes over it, and nothing is forgotten or pruned until somebody has looked at it`
      : "the snapshot before is out of the ordinary, and nobody has approved it: so 'latest' passes over this one, too";
  return [
    {
      severity: 'warning',
      code: 'anomaly',
      message,
      hint: "look at what changed ('mailrecover diff latest NEWEST'); if all is as it should be: mailrecover approve NEWEST --reason TEXT",
    },
  ];
}
