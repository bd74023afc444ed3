/**
 * What every way of getting a mail out looks like. A new one is one file in `transports` with one default export that
 * satisfies {@link Transport}, and a test that runs the contract suite against it.
 */
import type { OutgoingMail } from './message.ts';
import type { Refusal } from './refusal.ts';

/** What became of a mail at one transport. Every recipient it was for stands in one of the two. */
export interface SendOutcome {
  /** Recipients for whom the other side has taken the mail over. */
  accepted: readonly string[];
  refused: readonly { to: readonly string[]; refusal: Refusal }[];
}

export interface Transport<Options> {
  kind: string;
  /**
   * Sends one mail, once. It never throws for what the other side says or fails to say: that is in the outcome.
   * @throws MailrecoverError where a secret can't be read
   */
  send(mail: OutgoingMail, options: Options, signal: AbortSignal): Promise<SendOutcome>;
}

/** All recipients refused for one reason. */
export function allRefused(mail: OutgoingMail, refusal: Refusal): SendOutcome {
  return { accepted: [], refused: [{ to: mail.to, refusal }] };
}

/** All recipients accepted. */
export function allAccepted(mail: OutgoingMail): SendOutcome {
  return { accepted: mail.to, refused: [] };
}
