/** An HTTP proxy before a real S3 server, which makes it behave as worse ones do. */
import { createHash, createHmac } from 'node:crypto';
import { createServer, request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { after } from 'node:test';
import type { S3Server } from './radosgw.ts';

export interface S3Proxy {
  endpoint: string;
  /** Answers that are given in place of the server's, by how often still. */
  throttled: { times: number; status: number; code: string };
  /** Leaves conditions out, as a server does that does not know them. */
  ignoresConditions: boolean;
  /** Answers conditions with "not implemented", as OpenStack Swift does. */
  refusesConditions: boolean;
  /** Listings are those of the moment at which this was set. */
  stale: boolean;
  /** Takes the body, stores it, and never answers; so often. */
  swallowed: number;
  /** Requests that came, as `PUT key`. */
  requests: string[];
}

/** A proxy for the rest of this test, suite or file. It signs what it changed with the credential of the server. */
export async function s3Proxy(server: S3Server): Promise<S3Proxy> {
  const listings = new Map<string, { status: number; headers: OutgoingHttpHeaders; body: Buffer }>();
  const state: S3Proxy = {
    endpoint: '',
    throttled: { times: 0, status: 503, code: 'SlowDown' },
    ignoresConditions: false,
    refusesConditions: false,
    stale: false,
    swallowed: 0,
    requests: [],
  };

  async function serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await bodyOf(asked);
    const url = asked.url ?? '/';
    const isList = url.includes('list-type=2');
    state.requests.push(`${asked.method} ${decodeURIComponent(url.split('?')[0] ?? '')}${isList ? '?list' : ''}`);
    const fail = (status: number, code: string): void => {
      answer.writeHead(status, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`);
    };
    if (state.throttled.times > 0) {
      state.throttled.times--;
      return fail(state.throttled.status, state.throttled.code);
    }
    if (state.refusesConditions && asked.headers['if-none-match'] !== undefined) return fail(501, 'NotImplemented');
    const kept = listings.get(url);
    if (isList && state.stale && kept !== undefined) {
      answer.writeHead(kept.status, kept.headers);
      answer.end(kept.body);
      return;
    }
    const headers: OutgoingHttpHeaders = { ...asked.headers };
    if (state.ignoresConditions && headers['if-none-match'] !== undefined) {
      delete headers['if-none-match'];
      sign(server, asked.method ?? 'GET', url, headers);
    }
    const got = await forward(server.port, asked.method ?? 'GET', url, headers, body);
    if (state.swallowed > 0 && asked.method === 'PUT') {
      state.swallowed--;
      asked.socket.destroy();
      return;
    }
    if (isList && !state.stale) listings.set(url, got);
    answer.writeHead(got.status, got.headers);
    answer.end(got.body);
  }

  const http = createServer((asked, answer) => {
    serve(asked, answer).catch(() => asked.socket.destroy());
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  state.endpoint = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  after(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return state;
}

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

function forward(
  port: number,
  method: string,
  path: string,
  headers: OutgoingHttpHeaders,
  body: Buffer,
): Promise<{ status: number; headers: OutgoingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      bodyOf(answer).then((bytes) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes }), reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** AWS Signature Version 4 with an unsigned payload. */
function sign({ accessKey, secretKey }: S3Server, method: string, url: string, headers: OutgoingHttpHeaders): void {
  const [path = '', query = ''] = url.split('?');
  const time = String(headers['x-amz-date']);
  const day = time.slice(0, 8);
  headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
  const signed = Object.keys(headers)
    .filter((name) => name === 'host' || name.startsWith('x-amz-'))
    .sort();
  const canonical = [
    method,
    path,
    query.split('&').sort().join('&'),
    ...signed.map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const scope = `${day}/us-east-1/s3/aws4_request`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', time, scope, digest].join('\n');
  let key: Buffer = Buffer.from(`AWS4${secretKey}`);
  for (const part of [day, 'us-east-1', 's3', 'aws4_request']) key = createHmac('sha256', key).update(part).digest();
  const signature = createHmac('sha256', key).update(text).digest('hex');
  headers['authorization'] = `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${signed.join(';')}, Signature=${signature}`;
}
