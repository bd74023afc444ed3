/**
 * Requests and answers of two programs over a pair of byte streams, such as those of a command that is run over SSH. Either side asks, several
 * requests at once. A frame is two lengths (32 bits, big-endian), a text in JSON and bytes.
 */
import type { Writable } from 'node:stream';
import { ERROR_CODES, type ErrorCode } from '../../errors/codes.ts';
import { MailrecoverError } from '../../errors/error.ts';

/** More is no frame of ours: something else talks, such as a login script. */
const MAX_TEXT = 1024 * 1024 * 1024;
const MAX_BYTES = 2 ** 31;
const HEAD = 8;

/** What answers a request. */
export type Handler = (body: unknown, bytes: Buffer) => Promise<unknown>;

interface Problem {
  code: string;
  message: string;
  hint?: string;
  subject?: string;
}

/** A request (`op`), or an answer to one (`ok` or `problem`). */
interface Frame {
  id: number;
  op?: string;
  body?: unknown;
  problem?: Problem;
}

interface Waiting {
  resolve: (body: unknown) => void;
  reject: (error: Error) => void;
}

export class Peer {
  readonly #output: Writable;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #name: string;
  #next = 1;
  #failed: Error | undefined;
  #written: Promise<void> = Promise.resolve();
  /** Resolves when the other side has said its last word. */
  readonly ended: Promise<void>;
  /** Resolves when nothing more will come, also where a lost connection has no end. */
  readonly lost: Promise<void>;
  #lose: () => void = () => undefined;

  /** @param name what the other side is called in messages */
  constructor(name: string, input: AsyncIterable<Buffer | string>, output: Writable, handlers: Readonly<Record<string, Handler>> = {}) {
    [this.#name, this.#output, this.#handlers] = [name, output, new Map(Object.entries(handlers))];
    this.lost = new Promise((resolve) => (this.#lose = resolve));
    output.on('error', () => this.fail());
    this.ended = this.#listen(input).then(
      () => this.fail(),
      (error: unknown) => this.fail(error instanceof Error ? error : undefined),
    );
  }

  /** Asks the other side. @throws MailrecoverError as the other side has it; `unreachable` where it went away */
  call(op: string, body: unknown, bytes?: Uint8Array): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (this.#failed !== undefined) return reject(this.#failed);
      this.#waiting.set(id, { resolve, reject });
      void this.#send({ id, op, body }, bytes);
    });
  }

  /** No more answers will come. */
  fail(error?: Error): void {
    this.#failed ??=
      error ??
      new MailrecoverError('unreachable', `the connection to '${this.#name}' was lost`, {
        hint: 'run it again: it goes on where it stopped',
        subject: this.#name,
      });
    for (const { reject } of this.#waiting.values()) reject(this.#failed);
    this.#waiting.clear();
    this.#lose();
  }

  async #listen(input: AsyncIterable<Buffer | string>): Promise<void> {
    let held: Buffer[] = [];
    let size = 0;
    const take = (count: number): Buffer => {
      const all = held.length === 1 ? (held[0] ?? Buffer.alloc(0)) : Buffer.concat(held);
      held = [all.subarray(count)];
      size -= count;
      return all.subarray(0, count);
    };
    let head: [number, number] | undefined;
    for await (const piece of input) {
      const chunk = typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece;
      held.push(chunk);
      size += chunk.length;
      for (;;) {
        if (head === undefined) {
          if (size < HEAD) break;
          const bytes = take(HEAD);
          head = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
          if (head[0] > MAX_TEXT || head[1] > MAX_BYTES) throw this.#nonsense();
        }
        const [text, bytes] = head;
        if (size < text + bytes) break;
        const frame = take(text + bytes);
        head = undefined;
        this.#receive(frame.subarray(0, text), Buffer.from(frame.subarray(text)));
      }
    }
  }

  #nonsense(): MailrecoverError {
    return new MailrecoverError('unreachable', `what '${this.#name}' says is not understood`, {
      hint: 'see that both hosts run the same version of mailrecover, and that no login script prints anything',
      subject: this.#name,
    });
  }

  #receive(text: Buffer, bytes: Buffer): void {
    let frame: Frame;
    try {
      frame = JSON.parse(text.toString('utf8')) as Frame;
    } catch {
      throw this.#nonsense();
    }
    if (frame.op !== undefined) {
      void this.#answer(frame.id, frame.op, frame.body, bytes);
      return;
    }
    const waiting = this.#waiting.get(frame.id);
    this.#waiting.delete(frame.id);
    if (frame.problem === undefined) waiting?.resolve(frame.body);
    else waiting?.reject(errorOf(frame.problem));
  }

  async #answer(id: number, op: string, body: unknown, bytes: Buffer): Promise<void> {
    try {
      const handler = this.#handlers.get(op);
      if (handler === undefined)
        throw new MailrecoverError('usage', `'${op}' is not known there`, { hint: 'install the same version on both hosts' });
      await this.#send({ id, body: (await handler(body, bytes)) ?? null });
    } catch (error) {
      await this.#send({ id, problem: problemOf(error) });
    }
  }

  /** Frames go out one after the other, as fast as the other side takes them. */
  #send(frame: Frame, bytes: Uint8Array = Buffer.alloc(0)): Promise<void> {
    const text = Buffer.from(JSON.stringify(frame), 'utf8');
    const head = Buffer.alloc(HEAD);
    head.writeUInt32BE(text.length, 0);
    head.writeUInt32BE(bytes.length, 4);
    this.#written = this.#written.then(
      () =>
        new Promise<void>((resolve) => {
          if (this.#failed !== undefined || this.#output.destroyed) return resolve();
          this.#output.write(Buffer.concat([head, text]));
          if (bytes.length === 0 ? this.#output.writableNeedDrain : !this.#output.write(bytes)) {
            const go = (): void => {
              this.#output.off('drain', go);
              this.#output.off('close', go);
              resolve();
            };
            this.#output.on('drain', go);
            this.#output.on('close', go);
          } else resolve();
        }),
    );
    return this.#written;
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof MailrecoverError) {
    const { code, message, hint, subject } = error;
    return { code, message, ...(hint === undefined ? {} : { hint }), ...(subject === undefined ? {} : { subject }) };
  }
  return { code: 'bug', message: error instanceof Error ? error.message : String(error) };
}

function errorOf({ code, message, hint, subject }: Problem): MailrecoverError {
  return new MailrecoverError(code in ERROR_CODES ? (code as ErrorCode) : 'failed', message, {
    ...(hint === undefined ? {} : { hint }),
    ...(subject === undefined ? {} : { subject }),
  });
}
