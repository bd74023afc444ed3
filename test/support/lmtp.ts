import { connect, type Socket } from 'node:net';

/** Delivers mail by LMTP (RFC 2033) over one connection, one message at a time. */
export class Lmtp {
  #socket: Socket;
  #buffer = '';
  #lines: string[] = [];
  #waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;
  #closed: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      const lines = (this.#buffer + chunk.toString('utf8')).split('\r\n');
      this.#buffer = lines.pop() ?? '';
      // `250-…` is continued on the next line.
      this.#lines.push(...lines.filter((line) => line.charAt(3) !== '-'));
      this.#wake();
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the LMTP server closed the connection')));
  }

  static async connect(server: { host: string; ports: { lmtp: number } }): Promise<Lmtp> {
    const client = new Lmtp(connect(server.ports.lmtp, server.host));
    await client.#expect('2');
    await client.#say('LHLO localhost\r\n', '2');
    return client;
  }

  /** Delivers one message, whatever its line ends, to each recipient; throws unless all took it. */
  async deliver(message: Uint8Array, recipients: string | string[], sender = 'sender@localhost.example'): Promise<void> {
    const to = typeof recipients === 'string' ? [recipients] : recipients;
    await this.#say(`MAIL FROM:<${sender}> BODY=8BITMIME\r\n`, '2');
    for (const recipient of to) await this.#say(`RCPT TO:<${recipient}>\r\n`, '2');
    await this.#say('DATA\r\n', '3');
    const text = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
      .toString('latin1')
      .replace(/\r?\n/g, '\r\n')
      .replace(/^\./gm, '..');
    this.#socket.write(Buffer.from(text.endsWith('\r\n') ? `${text}.\r\n` : `${text}\r\n.\r\n`, 'latin1'));
    for (const _ of to) await this.#expect('2');
  }

  async close(): Promise<void> {
    await this.#say('QUIT\r\n', '2').catch(() => undefined);
    this.#socket.destroy();
  }

  async #say(line: string, expected: string): Promise<void> {
    this.#socket.write(line);
    await this.#expect(expected);
  }

  async #expect(digit: string): Promise<void> {
    const line = await new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#wake();
    });
    if (!line.startsWith(digit)) throw new Error(`LMTP: ${line}`);
  }

  #wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const line = this.#lines.shift();
    if (line === undefined && this.#closed === undefined) return;
    this.#waiting = undefined;
    if (line !== undefined) waiting.resolve(line);
    else waiting.reject(this.#closed ?? new Error('closed'));
  }

  #end(error: Error): void {
    this.#closed ??= error;
    this.#wake();
  }
}
