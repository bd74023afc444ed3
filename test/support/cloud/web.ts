/** An HTTPS server that answers from a function, remembers what it was asked, and can be told to fail. */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Authority } from './authority.ts';

export interface Asked {
  method: string;
  url: URL;
  headers: IncomingMessage['headers'];
  body: Buffer;
  form: URLSearchParams;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** An object is sent as JSON. */
  body?: object | string;
}

/** What happens to requests whose method and path fit, in place of an answer; `times` of them, once by default. */
export interface Fault {
  at: RegExp;
  times?: number;
  /** `cut`: the connection is closed after the request was read; `hang`: it is kept and nothing is said; `slow`: the answer takes a while. */
  does: Answer | 'cut' | 'hang' | 'slow';
}

export interface Web {
  /** `https://localhost:PORT`. */
  origin: string;
  port: number;
  asked: Asked[];
  faults: Fault[];
  /** Added to the clock of the `Date` header, in milliseconds. */
  skew: number;
  close: () => Promise<void>;
}

export async function web(tls: Authority, answer: (asked: Asked) => Answer | Promise<Answer>): Promise<Web> {
  const state = { asked: [] as Asked[], faults: [] as Fault[], skew: 0 };
  const server = createServer({ cert: tls.cert, key: tls.key }, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const url = new URL(request.url ?? '/', `https://${request.headers.host ?? 'localhost'}`);
      const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
      const asked: Asked = {
        method: request.method ?? '',
        url,
        headers: request.headers,
        body,
        form: new URLSearchParams(isForm ? body.toString() : ''),
      };
      state.asked.push(asked);
      const fault = state.faults.find(({ at }) => at.test(`${asked.method} ${url.pathname}`));
      if (fault !== undefined) {
        fault.times = (fault.times ?? 1) - 1;
        if (fault.times <= 0) state.faults.splice(state.faults.indexOf(fault), 1);
        if (fault.does === 'cut') request.socket.destroy();
        if (fault.does === 'cut' || fault.does === 'hang') return;
      }
      if (fault?.does === 'slow') await delay(250);
      const said = fault === undefined || fault.does === 'slow' ? await answer(asked) : (fault.does as Answer);
      const isText = typeof said.body === 'string';
      response.sendDate = false;
      response.writeHead(said.status, {
        date: new Date(Date.now() + state.skew).toUTCString(),
        'content-type': isText ? 'text/html' : 'application/json',
        ...said.headers,
      });
      response.end(said.body === undefined ? undefined : isText ? (said.body as string) : JSON.stringify(said.body));
    })().catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(String(error));
    });
  });
  await listen(server);
  const port = (server.address() as AddressInfo).port;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  after(close);
  return Object.assign(state, { origin: `https://localhost:${port}`, port, close });
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}
