/** JSON or text by POST: Slack, Microsoft Teams, ntfy, PagerDuty, or a document of our own. */
import { readFile } from 'node:fs/promises';
import { ioError, MailrecoverError } from '../../errors/error.ts';
import { now } from '../../system/clock.ts';
import { readSecret } from '../../system/secret.ts';
import { createFetch, type Fetch } from '../http.ts';
import { networkRefusal } from '../network.ts';
import { recognise, type Refusal, retryAfter, shownReply } from '../refusal.ts';
import { WEBHOOK_REFUSALS } from '../refusals/webhook.ts';
import { allAccepted, allRefused, type Transport } from '../transport.ts';
import type { HookRequest, Template, TEMPLATES } from '../webhooks/template.ts';

export interface WebhookOptions {
  name: string;
  template: (typeof TEMPLATES)[number];
  /** A reference to the address (src/system/secret.ts), or the address itself where it is no secret. */
  url: string;
  /** A reference: the token for ntfy, the routing key for PagerDuty, the secret that signs for generic. */
  token?: string | undefined;
  /** Told of every message, whoever else was told of it. */
  always: boolean;
  caFile?: string | undefined;
}

/** A reply as it comes back from the service. */
interface Reply {
  status: number;
  text: string;
}

interface Service {
  template: Template;
  /** Whether this is how the service says that it has taken the message: a proxy or a sign-in page says 200, too. */
  took: (reply: Reply) => boolean;
}

const ok = ({ status }: Reply): boolean => status >= 200 && status < 300;

const SERVICES: Record<WebhookOptions['template'], () => Promise<Service>> = {
  slack: async () => ({
    template: (await import('../webhooks/slack.ts')).slack,
    took: (reply) => ok(reply) && reply.text.trim() === 'ok',
  }),
  teams: async () => ({
    template: (await import('../webhooks/teams.ts')).teams,
    took: (reply) => ok(reply) && !reply.text.trimStart().startsWith('<'),
  }),
  ntfy: async () => ({ template: (await import('../webhooks/ntfy.ts')).ntfy, took: (reply) => ok(reply) && reply.text.includes('"id"') }),
  pagerduty: async () => ({ template: (await import('../webhooks/pagerduty.ts')).pagerduty, took: ({ status }) => status === 202 }),
  generic: async () => ({ template: (await import('../webhooks/generic.ts')).generic, took: ok }),
};

const webhook: Transport<WebhookOptions> = {
  kind: 'webhook',
  async send(mail, options, signal) {
    signal.throwIfAborted();
    const url = await addressOf(options);
    const token = options.token === undefined ? undefined : await readSecret(options.token, `the token of transport ${options.name}`);
    const { template, took } = await SERVICES[options.template]();
    const fetch = createFetch(options.caFile === undefined ? {} : { ca: await pem(options.caFile) });
    const secrets = [...(token === undefined ? [] : [token]), ...secretParts(url)];
    for (const request of template({ mail, token, at: now() })) {
      const refusal = await post({ fetch, url, request, took, secrets }, signal);
      if (refusal !== undefined) return allRefused(mail, refusal);
    }
    return allAccepted(mail);
  },
};

export default webhook;

interface Post {
  fetch: Fetch;
  url: URL;
  request: HookRequest;
  took: Service['took'];
  secrets: readonly string[];
}

async function post({ fetch, url, request, took, secrets }: Post, signal: AbortSignal): Promise<Refusal | undefined> {
  let reply: Response;
  let text: string;
  try {
    reply = await fetch(url, { method: 'POST', ...request, signal });
    text = await reply.text();
  } catch (error) {
    signal.throwIfAborted();
    const refusal = networkRefusal(error, url.host);
    if (refusal !== undefined) return refusal;
    throw error;
  }
  if (took({ status: reply.status, text })) return undefined;
  // What a service says may repeat what it was sent.
  const said = secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
  const wait = retryAfter(reply.headers.get('retry-after'), now());
  const known = recognise(WEBHOOK_REFUSALS, `${reply.status}: ${said}`);
  return {
    ...(known ?? { code: 'rejected', permanent: true, message: 'the service refuses the message', hint: 'read what it said' }),
    said: shownReply(`HTTP ${reply.status} ${/^\s*</.test(said) ? '' : said}`),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  };
}

/** The address, which no message ever shows: whoever has it may post. @throws MailrecoverError `key` or `config` */
async function addressOf({ name, url }: WebhookOptions): Promise<URL> {
  const text = url.startsWith('https://') ? url : await readSecret(url, `the address of transport ${name}`);
  const address = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (address?.protocol === 'https:' && address.username === '') return address;
  throw new MailrecoverError('config', `the address of transport '${name}' is no https:// address`, {
    hint: 'put the address alone into what the reference names, as the service shows it',
  });
}

/** Parts of the address that are worth hiding. */
function secretParts({ pathname, search, searchParams }: URL): string[] {
  return [pathname, search, ...pathname.split('/'), ...searchParams.values()].filter((part) => part.length >= 8);
}

async function pem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw ioError(error, 'read', path);
  }
}
