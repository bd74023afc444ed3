import { connect, createServer, type Server, type Socket } from 'node:net';
import { after } from 'node:test';

/** What a server with little patience says in place of the real one, and to which commands. */
export interface Refusal {
  /** Name of the command, with `UID ` where it has that; `greeting` for a new connection. */
  command: string;
  /** So many of them pass before. */
  after?: number;
  /** And so many are refused then; 1 when absent. */
  times?: number;
  /** What stands after the tag, as `NO [THROTTLED] slow down`; with a leading `* BYE` the connection ends. */
  says: string;
}

/** A proxy before an IMAP server without TLS, which refuses commands as large providers do. It understands lines and literals, no more. */
export interface ThrottlingProxy {
  port: number;
  refusals: Refusal[];
  /** Answers that it gave itself. */
  refused: number;
}

/** For the rest of this test, suite or file. */
export async function throttlingProxy(port: number): Promise<ThrottlingProxy> {
  const open = new Set<Socket>();
  const proxy: ThrottlingProxy = { port: 0, refusals: [], refused: 0 };
  const server: Server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    const end = (): void =>
      [client, target].forEach((socket) => {
        open.delete(socket);
        socket.destroy();
      });
    for (const socket of [client, target]) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    const greeting = due(proxy, 'greeting');
    if (greeting !== undefined) {
      client.end(`${greeting.says}\r\n`);
      target.destroy();
      return;
    }
    target.pipe(client);
    const commands = new Commands((line) => {
      const refusal = due(proxy, nameOf(line));
      if (refusal === undefined) return true;
      if (refusal.says.startsWith('* BYE')) client.end(`${refusal.says}\r\n`);
      else client.write(`${line.slice(0, line.indexOf(' '))} ${refusal.says}\r\n`);
      return false;
    });
    client.on('data', (chunk: Buffer) => {
      const passing = commands.push(chunk);
      if (passing.length > 0 && !target.destroyed) target.write(passing);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  proxy.port = typeof address === 'object' && address !== null ? address.port : 0;
  after(async () => {
    open.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  });
  return proxy;
}

function nameOf(line: string): string {
  const [, first = '', second = ''] = line.split(/[ \r]/);
  return (first.toUpperCase() === 'UID' ? `UID ${second}` : first).toUpperCase();
}

/** The refusal that this command meets, counted. */
function due(proxy: ThrottlingProxy, name: string): Refusal | undefined {
  for (const refusal of proxy.refusals) {
    if (refusal.command !== name) continue;
    const { after: before = 0, times = 1 } = refusal;
    if (before > 0) {
      refusal.after = before - 1;
      continue;
    }
    if (times === 0) continue;
    refusal.times = times - 1;
    proxy.refused++;
    return refusal;
  }
  return undefined;
}

/** Cuts what a client sends into commands (RFC 3501 section 4.3, RFC 7888), and lets through those that may pass. */
class Commands {
  readonly #mayPass: (line: string) => boolean;
  #held = Buffer.alloc(0);
  /** Bytes of a literal that are still to come. */
  #literal = 0;
  /** Whether the next line begins a command. */
  #fresh = true;
  #passing = true;

  constructor(mayPass: (line: string) => boolean) {
    this.#mayPass = mayPass;
  }

  push(chunk: Buffer): Buffer {
    this.#held = Buffer.concat([this.#held, chunk]);
    const out: Buffer[] = [];
    for (;;) {
      if (this.#literal > 0) {
        const part = this.#take(Math.min(this.#literal, this.#held.length));
        this.#literal -= part.length;
        if (this.#passing) out.push(part);
        if (this.#literal > 0) break;
      }
      const at = this.#held.indexOf('\r\n');
      if (at < 0) break;
      const line = this.#take(at + 2);
      const text = line.toString('latin1');
      if (this.#fresh) this.#passing = this.#mayPass(text);
      const literal = /\{(\d+)(\+?)\}\r\n$/.exec(text);
      // A client does not send what it has to ask for once that was refused.
      const follows = literal !== null && (this.#passing || literal[2] === '+');
      this.#literal = follows ? Number(literal[1]) : 0;
      this.#fresh = !follows;
      if (this.#passing) out.push(line);
    }
    return Buffer.concat(out);
  }

  #take(count: number): Buffer<ArrayBuffer> {
    const part = Buffer.from(this.#held.subarray(0, count));
    this.#held = Buffer.from(this.#held.subarray(count));
    return part;
  }
}
