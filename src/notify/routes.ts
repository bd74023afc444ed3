/** The ways that a configuration names, each with what its transport needs. A transport is loaded when it is used. */
import type { OutgoingMail } from './message.ts';
import type { SendOutcome } from './transport.ts';
import type { GmailOptions } from './transports/gmail.ts';
import type { GraphOptions } from './transports/graph.ts';
import type { SmtpOAuth2Options } from './transports/smtp-oauth2.ts';
import type { SmtpOptions } from './transports/smtp.ts';

export type Route = { name: string } & (
  | { kind: 'graph'; options: GraphOptions }
  | { kind: 'gmail'; options: GmailOptions }
  | { kind: 'smtp-oauth2'; options: SmtpOAuth2Options }
  | { kind: 'smtp'; options: SmtpOptions }
);

/** Sends by one way, once. */
export async function sendBy(route: Route, mail: OutgoingMail, signal: AbortSignal): Promise<SendOutcome> {
  switch (route.kind) {
    case 'graph':
      return (await import('./transports/graph.ts')).default.send(mail, route.options, signal);
    case 'gmail':
      return (await import('./transports/gmail.ts')).default.send(mail, route.options, signal);
    case 'smtp-oauth2':
      return (await import('./transports/smtp-oauth2.ts')).default.send(mail, route.options, signal);
    case 'smtp':
      return (await import('./transports/smtp.ts')).default.send(mail, route.options, signal);
    default:
      throw new TypeError('no such transport');
  }
}
