/** Cuts what an IMAP server sends into responses, without believing it: nothing grows without a bound (RFC 3501, 4.3 and 7). */

/** Takes the bytes of one literal as they come. */
export interface LiteralSink {
  write(bytes: Buffer): void;
  end(): void;
}

/** One response: its text, in which each literal is a NUL, and the literals in that order; null where a sink had taken it. Text is one character a byte. */
export interface ImapResponse {
  text: string;
  literals: (Buffer | null)[];
}

export interface ReaderHandlers {
  response(response: ImapResponse): void;
  /** Asked when a literal begins: `text` is the response so far. Without a sink it is kept in memory, up to {@link MAX_KEPT} bytes. */
  sink(text: string, size: number): LiteralSink | undefined;
}

/** What the server sent is no IMAP, or more than anybody may send. */
export class ImapProtocolError extends Error {}

const MAX_LINE = 1 << 20;
const MAX_KEPT = 1 << 16;
const MAX_LITERALS = 256;

/** Responses whose text is for people, and has no literals, even when it ends like one. */
const PLAIN = /^(?:\*\s(?:OK|NO|BAD|BYE|PREAUTH)\b|\+|[^*])/i;

export class ResponseReader {
  private readonly handlers: ReaderHandlers;
  private partial: Buffer[] = [];
  private partialLength = 0;
  private text = '';
  private literals: (Buffer | null)[] = [];
  private remaining = 0;
  private current: LiteralSink | undefined;

  constructor(handlers: ReaderHandlers) {
    this.handlers = handlers;
  }

  /** @throws {ImapProtocolError}, and whatever the handlers throw; the reader is of no use afterwards */
  feed(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.current !== undefined) {
        const end = Math.min(chunk.length, at + this.remaining);
        this.current.write(chunk.subarray(at, end));
        this.remaining -= end - at;
        at = end;
        if (this.remaining === 0) this.endLiteral();
        continue;
      }
      const newline = chunk.indexOf(10, at);
      if (newline < 0) {
        this.keepPartial(chunk.subarray(at));
        return;
      }
      this.line(this.withPartial(chunk, at, newline));
      at = newline + 1;
    }
  }

  private keepPartial(bytes: Buffer): void {
    this.partialLength += bytes.length;
    if (this.partialLength + this.text.length > MAX_LINE) throw new ImapProtocolError('a response is longer than any may be');
    this.partial.push(Buffer.from(bytes));
  }

  private withPartial(chunk: Buffer, start: number, end: number): string {
    if (this.partial.length === 0) return chunk.toString('latin1', start, end);
    const whole = Buffer.concat([...this.partial, chunk.subarray(start, end)]);
    this.partial = [];
    this.partialLength = 0;
    return whole.toString('latin1');
  }

  private line(raw: string): void {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (this.text.length + line.length > MAX_LINE) throw new ImapProtocolError('a response is longer than any may be');
    if (line.includes('\0')) throw new ImapProtocolError('a response holds a NUL');
    this.text += line;
    const literal = line.endsWith('}') && !PLAIN.test(this.text) ? /\{(\d+)\}$/.exec(line) : null;
    if (literal === null) {
      const response = { text: this.text, literals: this.literals };
      this.text = '';
      this.literals = [];
      this.handlers.response(response);
      return;
    }
    const size = Number(literal[1]);
    if (!Number.isSafeInteger(size) || this.literals.length >= MAX_LITERALS)
      throw new ImapProtocolError('a literal is larger than any may be');
    this.text = this.text.slice(0, -literal[0].length);
    this.current = this.handlers.sink(this.text, size);
    this.literals.push(this.current === undefined ? this.keep(size) : null);
    this.text += '\0';
    this.remaining = size;
    if (size === 0) this.endLiteral();
  }

  private keep(size: number): Buffer {
    if (size > MAX_KEPT) throw new ImapProtocolError('a literal is larger than any may be');
    const kept = Buffer.alloc(size);
    let at = 0;
    this.current = {
      write(bytes) {
        at += bytes.copy(kept, at);
      },
      end() {},
    };
    return kept;
  }

  private endLiteral(): void {
    const sink = this.current;
    this.current = undefined;
    sink?.end();
  }
}
