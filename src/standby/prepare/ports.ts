/** Whether a firewall lets mail through: something listens where nothing does yet, and is connected to. */
import { createServer, type Server } from 'node:net';

/** What a mail server says that does not serve (RFC 5321, section 3.8; RFC 3501, section 7.1.5). */
const GREETING: Readonly<Record<number, string>> = {
  25: '421 4.3.2 not in service\r\n',
  465: '',
  587: '421 4.3.2 not in service\r\n',
  143: '* BYE not in service\r\n',
  110: '-ERR not in service\r\n',
};

/** Nobody waits longer than this. */
const OPEN_MS = 120_000;

export class Listeners {
  readonly #servers = new Set<Server>();
  #timer: NodeJS.Timeout | undefined;
  /** Who connected. */
  readonly callers = new Set<string>();

  /** @returns the ports that it listens on; those that somebody else has are left out */
  async open(ports: readonly number[]): Promise<number[]> {
    const taken = await Promise.all(ports.map((port) => this.#one(port)));
    this.#timer = setTimeout(() => void this.close(), OPEN_MS);
    this.#timer.unref();
    return ports.filter((_, at) => taken[at]);
  }

  #one(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        // IPv4 over a socket for both (RFC 4291, section 2.5.5.2).
        if (socket.remoteAddress !== undefined) this.callers.add(socket.remoteAddress.replace(/^::ffff:/, ''));
        socket.end(GREETING[port] ?? '');
      });
      server.once('error', () => resolve(false));
      server.listen({ port, exclusive: true }, () => {
        this.#servers.add(server);
        resolve(true);
      });
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const servers = [...this.#servers];
    this.#servers.clear();
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }
}
