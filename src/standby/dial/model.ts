/** What is asked of the host that is to serve, and what it answers, as plain data. */

export interface DialRequest {
  /** The switch that this is a part of. */
  run: string;
  epoch: number;
  /** The host whose mail is missing. */
  from: string;
  /** Mailboxes that are known to have a state of this time, or later, stay as they are. UTC. */
  keepSince: string;
}

export interface DialCounts {
  /** Mailboxes that stay as they are. */
  kept: number;
  /** Mailboxes that are begun anew. */
  anew: number;
  /** What the directories are called in which the mail of these is kept. */
  aside: string;
}
