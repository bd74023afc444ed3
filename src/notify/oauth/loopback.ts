/** Where the browser comes back to after a login: a listener on this host alone (RFC 8252, section 7.3), for one answer. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';

export interface Loopback {
  port: number;
  /** The code that the browser brought. @throws MailrecoverError `failed` where the provider said no, or nobody came in time */
  code: Promise<string>;
  close(): void;
}

/**
 * The code in the address that a browser was sent back to.
 * @returns undefined for an answer to another question (another state)
 * @throws MailrecoverError `failed` with what the provider said
 */
export function codeIn(url: URL, state: string): string | undefined {
  const given = Buffer.from(url.searchParams.get('state') ?? '');
  const wanted = Buffer.from(state);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  const error = url.searchParams.get('error');
  if (error !== null) {
    const said = [error, url.searchParams.get('error_description') ?? ''].join(' ').replace(/\s+/g, ' ').trim().slice(0, 300);
    throw new MailrecoverError('failed', `the sign-in page said: ${said}`, {
      hint: 'run the login again; an administrator may have to consent first',
    });
  }
  const code = url.searchParams.get('code');
  return code === null || code === '' ? undefined : code;
}

/**
 * Listens on 127.0.0.1, and on ::1 where there is one, since a browser may try either for `localhost`.
 * @param say the page's text, made in English, in the language of whoever signs in
 */
export async function listenForCode(state: string, port: number, signal: AbortSignal, say: (english: string) => string): Promise<Loopback> {
  let settle: { resolve: (code: string) => void; reject: (error: unknown) => void } = { resolve() {}, reject() {} };
  const code = new Promise<string>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever started this waits for it later; until then a refusal is nobody's.
  code.catch(() => undefined);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    try {
      const found = request.method === 'GET' ? codeIn(new URL(request.url ?? '/', 'http://localhost'), state) : undefined;
      if (found === undefined) return page(response, 404, say('This is not the answer that mailrecover waits for.'));
      page(response, 200, say('Signed in. You may close this window and go back to the terminal.'));
      settle.resolve(found);
    } catch (error) {
      page(response, 400, say('The sign-in was refused. The terminal says why.'));
      settle.reject(error);
    }
  };
  const first = await listen(answer, '127.0.0.1', port);
  const chosen = (first.address() as AddressInfo).port;
  const second = await listen(answer, '::1', chosen).catch(() => undefined);
  const close = (): void => {
    for (const server of [first, second]) {
      server?.close();
      server?.closeAllConnections();
    }
  };
  signal.addEventListener('abort', () => {
    close();
    settle.reject(signal.reason);
  });
  return { port: chosen, code, close };
}

function listen(answer: (request: IncomingMessage, response: ServerResponse) => void, host: string, port: number): Promise<Server> {
  const server = createServer(answer);
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const taken = systemCode(error) === 'EADDRINUSE';
      reject(
        taken
          ? new MailrecoverError('failed', `port ${port} is in use already`, { hint: 'name another with --port, or leave it out' })
          : ioError(error, 'listen on', `${host}:${port}`),
      );
    });
    server.listen(port, host, () => resolve(server));
  });
}

function page(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(
    `<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>mailrecover</title><body style="font:18px sans-serif;margin:4em"><p>${text}</p>`,
  );
}
