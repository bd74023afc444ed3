import { connect, createServer, type Server, type Socket } from 'node:net';
import { after } from 'node:test';

/** What is to go wrong with the next connections. Bytes count over one connection. */
export interface Trouble {
  /** Cuts the connection when so many bytes have gone to the server, or come from it; the byte itself does not pass. */
  cutUp?: number;
  cutDown?: number;
  /** Passes nothing more after so many bytes, and leaves the connection open. */
  stallUp?: number;
  stallDown?: number;
}

/** A TCP proxy in front of a server, in which a test makes trouble. */
export interface Proxy {
  port: number;
  /** Each takes one connection, in turn; later ones are let through. */
  troubles: Trouble[];
  /** Connections that were made. */
  connections: number;
  /** Bytes that went up and down, over all connections. */
  up: number;
  down: number;
  /** Refuses new connections while set. */
  refusing: boolean;
  /** Cuts all connections that are open. */
  cut: () => void;
}

/** A proxy before a port of 127.0.0.1, for the rest of this test, suite or file. */
export async function proxyBefore(port: number): Promise<Proxy> {
  const open = new Set<Socket>();
  const server: Server = createServer({ pauseOnConnect: true }, (client) => {
    if (proxy.refusing) {
      client.resetAndDestroy();
      return;
    }
    proxy.connections++;
    const trouble = proxy.troubles.shift() ?? {};
    const target = connect(port, '127.0.0.1');
    const both = [client, target];
    const end = (): void => both.forEach((socket) => (open.delete(socket), socket.destroy()));
    for (const socket of both) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    pass(client, target, trouble.cutUp, trouble.stallUp, end, (bytes) => (proxy.up += bytes));
    pass(target, client, trouble.cutDown, trouble.stallDown, end, (bytes) => (proxy.down += bytes));
    client.resume();
  });
  const proxy: Proxy = {
    port: 0,
    troubles: [],
    connections: 0,
    up: 0,
    down: 0,
    refusing: false,
    cut: () => open.forEach((socket) => socket.resetAndDestroy()),
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  proxy.port = typeof address === 'object' && address !== null ? address.port : 0;
  after(async () => {
    proxy.cut();
    await new Promise((resolve) => server.close(resolve));
  });
  return proxy;
}

function pass(
  from: Socket,
  to: Socket,
  cutAt: number | undefined,
  stallAt: number | undefined,
  end: () => void,
  count: (bytes: number) => void,
): void {
  let passed = 0;
  from.on('data', (chunk: Buffer) => {
    const most = Math.min(cutAt ?? Infinity, stallAt ?? Infinity) - passed;
    const let_ = chunk.subarray(0, Math.max(0, Math.min(chunk.length, most)));
    passed += let_.length;
    count(let_.length);
    if (let_.length > 0 && !to.write(let_)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
    if (let_.length < chunk.length && cutAt !== undefined && passed >= cutAt) {
      // What went before it arrives, as with a line that breaks.
      to.end(() => end());
      from.destroy();
    }
  });
  from.on('end', () => to.end());
}
