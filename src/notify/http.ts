/** HTTPS for the mail services: with a certificate authority of one's own, no redirects, and no waiting for ever. */
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request } from 'node:https';
import { MailrecoverError } from '../errors/error.ts';

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

export interface HttpOptions {
  /** More certificate authorities to trust, PEM, beside those of the system. */
  ca?: string;
  /** How long the other side may be silent, in milliseconds; 20 seconds by default. */
  idleMs?: number;
  /** Also plain HTTP, for what is no secret or stays in one's own network. */
  plain?: boolean;
}

/** No answer of a mail service that is read here is longer. */
const MAX_REPLY = 4 * 1024 * 1024;

/** A `fetch` that goes over HTTPS alone, follows no redirect (tokens stay with whom they are for), and gives up on a silent server. */
export function createFetch({ ca, idleMs = 20_000, plain = false }: HttpOptions = {}): Fetch {
  return async (input, init) => {
    const asked = new Request(input, init);
    const secure = asked.url.startsWith('https://');
    if (!secure && !plain)
      throw new MailrecoverError('config', `'${asked.url}' is not https, and tokens go nowhere else`, { hint: 'use an https:// address' });
    const body = Buffer.from(await asked.arrayBuffer());
    const headers = Object.fromEntries(asked.headers);
    const withBody = body.length > 0 || !/^(?:GET|HEAD|DELETE)$/.test(asked.method);
    const details = {
      method: asked.method,
      headers: { ...headers, 'accept-encoding': 'identity', ...(withBody ? { 'content-length': String(body.length) } : {}) },
      timeout: idleMs,
      signal: asked.signal,
      agent: false,
      ...(ca === undefined ? {} : { ca: await authorities(ca) }),
    } as const;
    return new Promise((resolve, reject) => {
      const sent = (secure ? request : plainRequest)(asked.url, details, (reply) => {
        collect(reply).then((bytes) => resolve(responseOf(reply, bytes)), reject);
      });
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })));
      sent.on('error', reject);
      sent.end(withBody ? body : undefined);
    });
  };
}

/** The authorities that Node trusts (with $NODE_EXTRA_CA_CERTS) and one more. */
export async function authorities(extra: string): Promise<string[]> {
  const { getCACertificates } = await import('node:tls');
  return [...getCACertificates('default'), extra];
}

async function collect(reply: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_REPLY) {
      reply.destroy();
      break;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function responseOf(reply: IncomingMessage, bytes: Buffer): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(reply.headers)) {
    for (const each of Array.isArray(value) ? value : [value ?? '']) headers.append(name, each);
  }
  // A type of nothing makes readers look for something.
  if (bytes.length === 0) headers.delete('content-type');
  const status = reply.statusCode ?? 502;
  const empty = status === 204 || status === 205 || status === 304;
  return new Response(empty ? null : new Uint8Array(bytes), { status, statusText: reply.statusMessage ?? '', headers });
}
