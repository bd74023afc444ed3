/** A stand-in for services with webhooks over HTTPS: it checks what they check, and keeps what it took. */
import { createHmac } from 'node:crypto';
import type { Authority } from './authority.ts';
import { type Answer, type Asked, web, type Web } from './web.ts';

export const SLACK_PATH = '/services/T01ABCDEF/B01ABCDEF/XyzSecretXyzSecretXyzSec';
export const TEAMS_PATH = '/powerautomate/automations/direct/workflows/0123456789abcdef/triggers/manual/paths/invoke';
export const TEAMS_SIGNATURE = 'SecretSignatureOfTheWorkflow_0123456789';
export const NTFY_TOKEN = 'tk_abcdefghijklmnopqrstuvwxyz012';
export const ROUTING_KEY = 'R0123456789abcdef0123456789abcde';
export const SIGNING_SECRET = 'a secret that signs';

/** What a service took, in its own words. */
export interface Taken {
  service: 'slack' | 'teams' | 'ntfy' | 'pagerduty' | 'generic';
  title: string;
  text: string;
  body: Record<string, unknown>;
  headers: Asked['headers'];
}

export interface Hooks extends Web {
  taken: Taken[];
  /** Incidents that are open at PagerDuty, by their key, with their severity. */
  open: Map<string, string>;
  /** The address of a service. */
  at: (service: Taken['service']) => string;
}

export async function hooks(tls: Authority): Promise<Hooks> {
  const taken: Taken[] = [];
  const open = new Map<string, string>();
  const took = (asked: Asked, service: Taken['service'], title: string, text: string, body: Record<string, unknown> = {}): void =>
    void taken.push({ service, title, text, body, headers: asked.headers });
  const base = await web(tls, (asked) => {
    const { pathname, searchParams } = asked.url;
    if (asked.method !== 'POST') return { status: 405, body: 'method not allowed' };
    if (pathname === SLACK_PATH) return slack(asked);
    if (pathname.startsWith('/services/')) return { status: 404, body: 'no_service' };
    if (pathname === TEAMS_PATH) return searchParams.get('sig') === TEAMS_SIGNATURE ? teams(asked) : unauthorised;
    if (pathname === '/alerts') return ntfy(asked);
    if (pathname === '/v2/enqueue') return pagerduty(asked);
    if (pathname === '/generic') return generic(asked);
    return { status: 404, body: { code: 40401, http: 404, error: 'page not found' } };
  });
  const unauthorised: Answer = {
    status: 401,
    body: { error: { code: 'DirectApiAuthorizationRequired', message: 'The request is not authorized by a signature.' } },
  };
  return Object.assign(base, {
    taken,
    open,
    at: (service: Taken['service']) =>
      base.origin +
      {
        slack: SLACK_PATH,
        teams: `${TEAMS_PATH}?sp=%2Ftriggers&sig=${TEAMS_SIGNATURE}`,
        ntfy: '/alerts',
        pagerduty: '/v2/enqueue',
        generic: '/generic',
      }[service],
  });

  function slack(asked: Asked): Answer {
    const body = parse(asked);
    const blocks = body?.['blocks'] as { type: string; text?: { type: string; text: string; emoji?: boolean } }[] | undefined;
    if (body === undefined) return { status: 400, body: 'invalid_payload' };
    if (typeof body['text'] !== 'string' || body['text'] === '') return { status: 400, body: 'no_text' };
    const wrong = (blocks ?? []).some(({ type, text }) => {
      const length = text?.text.length ?? 0;
      if (type === 'header') return text?.type !== 'plain_text' || length < 1 || length > 150;
      return type !== 'section' || text?.type !== 'mrkdwn' || length < 1 || length > 3000;
    });
    const unknown = Object.keys(body).some((key) => !['text', 'blocks'].includes(key));
    if (blocks === undefined || blocks.length > 50 || wrong || unknown) return { status: 400, body: 'invalid_blocks' };
    // A bare < begins a link or a mention.
    const bare = blocks.some(({ type, text }) => type === 'section' && /[<>]|&(?!amp;|lt;|gt;)/.test(text?.text ?? ''));
    if (bare) return { status: 400, body: 'invalid_blocks_format' };
    const sections = blocks.filter(({ type }) => type === 'section').map(({ text }) => text?.text ?? '');
    took(asked, 'slack', body['text'], sections.join('\n'), body);
    return { status: 200, body: 'ok' };
  }

  function teams(asked: Asked): Answer {
    const body = parse(asked);
    const [first, ...more] = (body?.['attachments'] ?? []) as { contentType?: string; content?: Record<string, unknown> }[];
    const card = first?.content;
    const inlines = ((card?.['body'] ?? []) as { type: string; inlines?: { type: string; text: string }[] }[]).map(
      ({ type, inlines: runs = [] }) =>
        type === 'RichTextBlock' && runs.every((run) => run.type === 'TextRun') ? runs.map(({ text }) => text).join('') : undefined,
    );
    const wrong =
      body?.['type'] !== 'message' ||
      more.length > 0 ||
      first?.contentType !== 'application/vnd.microsoft.card.adaptive' ||
      card?.['type'] !== 'AdaptiveCard' ||
      !/^1\.[0-5]$/.test(String(card['version'])) ||
      inlines.includes(undefined);
    if (wrong) return { status: 400, body: { error: { code: 'TriggerInputSchemaMismatch', message: 'The input body does not match.' } } };
    // The real one answers 202 and drops it later, which nobody sees; here it is seen.
    if (asked.body.length > 28 * 1024) return { status: 413, body: { error: { code: 'RequestEntityTooLarge', message: 'too large' } } };
    took(asked, 'teams', inlines[0] ?? '', inlines.slice(1).join('\n'), body);
    return { status: 202 };
  }

  function ntfy(asked: Asked): Answer {
    const { headers, body } = asked;
    const error = (http: number, code: number, text: string): Answer => ({ status: http, body: { code, http, error: text } });
    if (headers.authorization !== `Bearer ${NTFY_TOKEN}`) return error(403, 40301, 'forbidden');
    const priority = Number(headers['priority']);
    if (!(priority >= 1 && priority <= 5)) return error(400, 40007, 'invalid request: priority must be between 1 and 5');
    const title = decodeWord(String(headers['title'] ?? ''));
    if (Buffer.byteLength(title) > 1024) return error(400, 40057, 'invalid request: title too long');
    if (String(headers['tags'] ?? '').length > 512) return error(400, 40058, 'invalid request: tags too long');
    // A longer one becomes an attachment, which these tests do not want.
    if (body.length > 4096) return error(413, 41301, 'attachment too large');
    took(asked, 'ntfy', title, body.toString());
    return { status: 200, body: { id: 'hwQ2YpKdmg', time: 1, event: 'message', topic: 'alerts', title, message: body.toString() } };
  }

  function pagerduty(asked: Asked): Answer {
    const body = parse(asked);
    const invalid = (...errors: string[]): Answer => ({
      status: 400,
      body: { status: 'invalid event', message: 'Event object is invalid', errors },
    });
    if (body === undefined || asked.body.length > 512 * 1024) return invalid("'body' is invalid");
    if (body['routing_key'] !== ROUTING_KEY)
      return {
        status: 400,
        body: { status: 'invalid event', message: 'Invalid routing key', errors: [`unknown ${String(body['routing_key'])}`] },
      };
    const [action, key] = [String(body['event_action']), textOf(body['dedup_key'])];
    if (!['trigger', 'resolve'].includes(action)) return invalid("'event_action' is invalid");
    if (key.length > 255 || (action === 'resolve' && key === '')) return invalid("Length of 'dedup_key' is incorrect");
    const payload = (body['payload'] ?? {}) as Record<string, unknown>;
    if (action === 'trigger') {
      const summary = textOf(payload['summary']);
      if (summary === '' || summary.length > 1024)
        return invalid("Length of 'payload.summary' is incorrect (should be between 1 and 1024)");
      if (typeof payload['source'] !== 'string' || payload['source'] === '') return invalid("'payload.source' is missing or blank");
      if (!['critical', 'error', 'warning', 'info'].includes(String(payload['severity']))) return invalid("'payload.severity' is invalid");
      open.set(key, String(payload['severity']));
    } else open.delete(key);
    const details = (payload['custom_details'] ?? {}) as { report?: string };
    took(asked, 'pagerduty', `${action} ${textOf(payload['summary'])}`, details.report ?? '', body);
    return { status: 202, body: { status: 'success', message: 'Event processed', dedup_key: key } };
  }

  function generic(asked: Asked): Answer {
    const [, seconds = '', hex = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(asked.headers['x-mailrecover-signature'])) ?? [];
    const right = createHmac('sha256', SIGNING_SECRET).update(`${seconds}.`).update(asked.body).digest('hex');
    if (hex !== right || Math.abs(Date.now() / 1000 - Number(seconds)) > 300) return { status: 401, body: 'bad signature' };
    const body = parse(asked);
    if (body?.['schema'] !== 'mailrecover-webhook/1') return { status: 422, body: 'unknown document' };
    took(asked, 'generic', String(body['subject']), String(body['text']), body);
    return { status: 204 };
  }
}

function parse(asked: Asked): Record<string, unknown> | undefined {
  if (asked.headers['content-type']?.startsWith('application/json') !== true) return undefined;
  try {
    return JSON.parse(asked.body.toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function decodeWord(text: string): string {
  const [, base64] = /^=\?UTF-8\?B\?([A-Za-z0-9+/=]*)\?=$/.exec(text) ?? [];
  return base64 === undefined ? text : Buffer.from(base64, 'base64').toString();
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
