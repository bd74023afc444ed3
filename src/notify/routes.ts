/** The ways that a configuration names, each with what its transport needs. A transport is loaded when it is used. */
import type { OutgoingMail } from './message.ts';
import type { SendOutcome } from './transport.ts';
import type { GmailOptions } from './transports/gmail.ts';
import type { GraphOptions } from './transports/graph.ts';
import type { MxOptions } from './transports/mx.ts';
import type { SmtpOAuth2Options } from './transports/smtp-oauth2.ts';
import type { SmtpOptions } from './transports/smtp.ts';
import type { WebhookOptions } from './transports/webhook.ts';

export type Route = { name: string } & (
  | { kind: 'graph'; options: GraphOptions }
  | { kind: 'gmail'; options: GmailOptions }
  | { kind: 'smtp-oauth2'; options: SmtpOAuth2Options }
  | { kind: 'smtp'; options: SmtpOptions }
  | { kind: 'mx'; options: MxOptions }
  | { kind: 'webhook'; options: WebhookOptions }
);

/** The sender's address of a way, or where a webhook goes. */
export function shownSender(route: Route): string {
  return route.kind === 'webhook' ? route.options.template : route.options.from;
}

const OWN = 'transport:';

/** How a transport that is told of every message, whoever else was, stands among the recipients. */
export function ownRecipient(name: string): string {
  return `${OWN}${name}`;
}

/** Those of the recipients that a way may serve: a webhook that is told of everything only itself, all others the addresses. */
export function servedBy(route: Route, recipients: readonly string[]): readonly string[] {
  const own = ownRecipient(route.name);
  if (recipients.includes(own)) return [own];
  if (route.kind === 'webhook' && route.options.always) return [];
  return recipients.filter((each) => !each.startsWith(OWN));
}

/** Whom a message goes to: the addresses, and the webhooks that are told of everything; all of them where there is no address. */
export function allRecipients(to: readonly string[], routes: readonly Route[]): readonly string[] {
  const hooks = routes.filter((route) => route.kind === 'webhook' && (route.options.always || to.length === 0));
  return [...to, ...hooks.map(({ name }) => ownRecipient(name))];
}

/** Recipients without transports that the configuration no longer names. */
export function stillThere(recipients: readonly string[], routes: readonly Route[]): readonly string[] {
  const names = new Set(routes.map(({ name }) => ownRecipient(name)));
  return recipients.filter((each) => !each.startsWith(OWN) || names.has(each));
}

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
    case 'mx':
      return (await import('./transports/mx.ts')).default.send(mail, route.options, signal);
    case 'webhook':
      return (await import('./transports/webhook.ts')).default.send(mail, route.options, signal);
    default:
      throw new TypeError('no such transport');
  }
}
