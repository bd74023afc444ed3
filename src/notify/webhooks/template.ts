/** What a webhook service wants to be posted. One file each, beside this one. */
import type { NotifyEvent, OutgoingMail } from '../message.ts';

export const TEMPLATES = ['slack', 'teams', 'ntfy', 'pagerduty', 'generic'] as const;

export interface HookRequest {
  headers: Record<string, string>;
  body: string;
}

export interface HookInput {
  mail: OutgoingMail;
  /** The token, routing key or signing secret, where there is one. */
  token: string | undefined;
  /** Now, milliseconds since 1970. */
  at: number;
}

/** The requests that tell a service of one message, in order; each may be repeated without harm, or shows twice at worst. */
export type Template = (input: HookInput) => HookRequest[];

export type Severity = NotifyEvent['outcome'] | 'info';

const ORDER: readonly Severity[] = ['info', 'ok', 'warning', 'partial', 'failed'];

/** How bad the worst is that a message reports; `info` where it reports nothing, as a test does. */
export function severityOf({ events = [], headers = {} }: OutgoingMail): Severity {
  const said = Object.entries(headers).find(([name]) => name.toLowerCase() === 'x-mailrecover-status')?.[1];
  const known = ORDER.find((each) => each === said);
  return [...events.map(({ outcome }): Severity => outcome), ...(known === undefined ? [] : [known])].reduce<Severity>(
    (worst, each) => (ORDER.indexOf(each) > ORDER.indexOf(worst) ? each : worst),
    'info',
  );
}
