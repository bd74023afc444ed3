import { connect, type Socket } from 'node:net';
import { ImapProtocolError, type ImapResponse, type LiteralSink, ResponseReader } from './reader.ts';

/** The session is over: the server said BYE, closed it, sent nonsense or nothing at all. */
export class ImapLost extends Error {}

export interface CommandResult {
  status: 'OK' | 'NO' | 'BAD';
  /** What the server said beside it, for people. */
  text: string;
}

export interface CommandHandlers {
  untagged?(response: ImapResponse): void;
  sink?(text: string, size: number): LiteralSink | undefined;
}

export interface ImapOptions {
  /** How long the server may be silent while it is asked something. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/** One IMAP connection over a Unix socket. One command at a time; everything the handlers do is synchronous, so nothing queues up in memory. */
export class ImapSession {
  private readonly socket: Socket;
  private readonly reader: ResponseReader;
  private tag = 0;
  private waiting:
    | { tag: string; handlers: CommandHandlers; resolve: (result: CommandResult) => void; reject: (error: Error) => void }
    | undefined;
  private lost: Error | undefined;
  private bye = '';
  private readonly detach: () => void;

  private constructor(socket: Socket, options: ImapOptions) {
    this.socket = socket;
    this.reader = new ResponseReader({
      response: (response) => this.response(response),
      sink: (text, size) => this.waiting?.handlers.sink?.(text, size),
    });
    socket.on('data', (chunk) => this.data(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new ImapLost(this.bye === '' ? 'the server closed the session' : this.bye)));
    socket.setTimeout(options.timeoutMs, () => {
      if (this.waiting !== undefined) this.fail(new ImapLost(`the server was silent for ${Math.round(options.timeoutMs / 1000)} s`));
    });
    const aborted = (): void => this.fail(abortReason(options.signal));
    options.signal?.addEventListener('abort', aborted, { once: true });
    this.detach = () => options.signal?.removeEventListener('abort', aborted);
  }

  /**
   * Connects and waits for the greeting.
   * @throws {ImapLost} when there is none; the system's error when nobody listens; the signal's reason when it is aborted
   */
  static async open(path: string, options: ImapOptions): Promise<ImapSession> {
    if (options.signal?.aborted === true) throw abortReason(options.signal);
    const session = new ImapSession(connect({ path }), options);
    const greeting = await session.wait('*', {});
    if (greeting.status !== 'OK') throw new ImapLost(greeting.text);
    return session;
  }

  /**
   * Sends one line and waits for its end. `NO` and `BAD` are results, not errors.
   * @throws {ImapLost} when the session ends before
   */
  async command(line: string, handlers: CommandHandlers = {}): Promise<CommandResult> {
    if (/[\r\n\0]/.test(line)) throw new ImapProtocolError('a command of more than one line');
    const tag = `m${++this.tag}`;
    const result = this.wait(tag, handlers);
    if (this.lost === undefined) this.socket.write(`${tag} ${line}\r\n`, 'latin1');
    return await result;
  }

  get alive(): boolean {
    return this.lost === undefined;
  }

  /** Ends the session, politely where it still lives. Never throws. */
  async close(): Promise<void> {
    if (this.lost === undefined) await this.command('LOGOUT').catch(() => undefined);
    this.fail(new ImapLost('the session was closed'));
  }

  private wait(tag: string, handlers: CommandHandlers): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      if (this.lost !== undefined) reject(this.lost);
      else if (this.waiting !== undefined) reject(new Error('two commands at a time'));
      else this.waiting = { tag, handlers, resolve, reject };
    });
  }

  private data(chunk: Buffer): void {
    if (this.lost !== undefined) return;
    try {
      this.reader.feed(chunk);
    } catch (error) {
      this.fail(error instanceof ImapProtocolError ? new ImapLost(`the server does not speak IMAP: ${error.message}`) : asError(error));
    }
  }

  private response(response: ImapResponse): void {
    const { text } = response;
    if (/^\* BYE\b/i.test(text)) this.bye = `the server ended the session: ${text.slice(6).slice(0, 200)}`;
    const waiting = this.waiting;
    if (waiting === undefined) return;
    const space = text.indexOf(' ');
    if (space > 0 && text.slice(0, space) === waiting.tag && (waiting.tag !== '*' || /^\* (?:OK|BYE)\b/i.test(text))) {
      const status = /^(OK|NO|BAD|BYE)\b ?/i.exec(text.slice(space + 1));
      if (status === null) throw new ImapProtocolError('a command was answered by neither OK, NO nor BAD');
      const word = status[1]?.toUpperCase();
      this.waiting = undefined;
      waiting.resolve({
        status: word === 'OK' ? 'OK' : word === 'NO' ? 'NO' : 'BAD',
        text: text.slice(space + 1 + status[0].length).slice(0, 500),
      });
      return;
    }
    if (text.startsWith('* ')) waiting.handlers.untagged?.(response);
  }

  private fail(error: Error): void {
    if (this.lost !== undefined) return;
    this.lost = error;
    this.detach();
    this.socket.destroy();
    const waiting = this.waiting;
    this.waiting = undefined;
    waiting?.reject(error);
  }
}

function abortReason(signal: AbortSignal | undefined): Error {
  return asError(signal?.reason ?? new Error('aborted'));
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
