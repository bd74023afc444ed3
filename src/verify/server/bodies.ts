import { ioError } from '../../errors/error.ts';
import type { ByteString } from '../../store/bytes.ts';
import { BodyComparison, hashBody } from './body.ts';
import { type FolderContext, shortened, where } from './context.ts';
import { parseFetch, uidSets } from './fetch.ts';
import { isMaildir, listMessages } from './files.ts';
import { ImapLost } from './imap.ts';
import type { Pair } from './match.ts';
import { ImapProtocolError, type LiteralSink } from './reader.ts';
import type { ExpectedMessage, MessageBody } from './types.ts';

/** A server that ends the session at so many messages of one folder is asked no more. */
const MAX_LOST = 50;

/**
 * Compares the stored bytes of each message with the catalog, and what the server serves of it with the stored bytes. A message over which the server loses the session is one that it cannot serve; the
 * others are asked for again.
 */
export async function compareBodies(context: FolderContext, pairs: readonly Pair[], faulty: Set<Pair>): Promise<void> {
  const work = new BodyWork(context, faulty, isMaildir(context.mailbox) ? listMessages(context.mailFolder) : new Map());
  const todo = new Map<number, Pair>();
  for (const pair of pairs.toSorted((a, b) => a.uid - b.uid)) {
    if (pair.expected?.opaque === true) work.storedOnly(pair, pair.expected);
    else if (pair.expected !== undefined) todo.set(pair.uid, pair);
  }
  for (let lost = 0; todo.size > 0;) {
    try {
      await fetchAll(context, work, todo);
      for (const pair of todo.values()) work.unserved(pair, 'it is listed, but not sent');
      return;
    } catch (error) {
      if (!(error instanceof ImapLost)) throw error;
      // The server works in order, so it was at the first one that has not come.
      const [pair] = todo.values();
      if (pair !== undefined) {
        todo.delete(pair.uid);
        work.unserved(pair, context.lastError() ?? error.message);
      }
      if (++lost < MAX_LOST) continue;
      for (const rest of todo.values()) work.unserved(rest, `the server ended ${lost} sessions over this folder`);
      return;
    }
  }
}

async function fetchAll(context: FolderContext, work: BodyWork, todo: Map<number, Pair>): Promise<void> {
  for (const set of uidSets([...todo.keys()])) {
    const opened = await context.session.examine(context.wire);
    if ('refusal' in opened) throw new ImapLost(opened.refusal);
    let current: { pair: Pair; body: Body } | undefined;
    try {
      await opened.session.command(`UID FETCH ${set} (UID RFC822.SIZE BODY.PEEK[])`, {
        sink(text, size) {
          if (!text.endsWith(' BODY[] ')) return undefined;
          const pair = todo.get(Number(/[( ]UID (\d+) /.exec(text)?.[1]));
          // Each body once, and after its UID.
          if (pair === undefined || current !== undefined) throw new ImapProtocolError('a body that was not asked for');
          current = { pair, body: work.begin(pair, size) };
          return current.body.sink;
        },
        untagged(response) {
          const fetched = parseFetch(response);
          if (fetched === undefined || current === undefined) return;
          const { pair, body } = current;
          current = undefined;
          todo.delete(pair.uid);
          work.finish(pair, body, fetched.size);
        },
      });
    } finally {
      current?.body.comparison?.close();
    }
  }
}

/** A body on its way; there is no comparison where the file cannot be read. */
interface Body {
  sink: LiteralSink;
  comparison?: BodyComparison;
  problem?: string;
}

const DISCARD: LiteralSink = { write() {}, end() {} };

class BodyWork {
  private readonly context: FolderContext;
  private readonly faulty: Set<Pair>;
  private readonly files: Map<ByteString, ByteString>;

  constructor(context: FolderContext, faulty: Set<Pair>, files: Map<ByteString, ByteString>) {
    this.context = context;
    this.faulty = faulty;
    this.files = files;
  }

  begin(pair: Pair, size: number): Body {
    // Twice the file is all that line ends can make of it.
    if (size > 2 * (pair.expected?.size ?? 0) + (1 << 20))
      throw new ImapProtocolError(`a body of ${size} bytes, which the message cannot have`);
    try {
      const comparison = new BodyComparison(this.body(pair));
      return { sink: comparison, comparison };
    } catch (error) {
      return { sink: DISCARD, problem: ioError(error, 'read', where(this.context, pair.uid)).message };
    }
  }

  finish(pair: Pair, { comparison, problem }: Body, size: number | undefined): void {
    const { expected, uid } = pair;
    if (expected === undefined) return;
    const subject = where(this.context, uid);
    try {
      if (comparison === undefined) this.differs(pair, 'body-mismatch', problem ?? '');
      else {
        const body = comparison.result();
        if (this.stored(pair, expected, body)) {
          if (!body.same) this.differs(pair, 'body-mismatch', `${subject} is served with other bytes than are stored`);
          if (size !== body.servedSize)
            this.differs(pair, 'size-mismatch', `${subject} is said to have ${size ?? 'no'} bytes, and has ${body.servedSize}`);
        }
      }
    } catch (error) {
      this.differs(pair, 'body-mismatch', ioError(error, 'read', subject).message);
    }
    this.done(expected);
  }

  /** For bytes that the server cannot read without the live server's keys or plugins. */
  storedOnly(pair: Pair, expected: ExpectedMessage): void {
    try {
      this.stored(pair, expected, hashBody(this.body(pair)));
    } catch (error) {
      this.differs(pair, 'body-mismatch', ioError(error, 'read', where(this.context, pair.uid)).message);
    }
    this.done(expected);
  }

  unserved(pair: Pair, reason: string): void {
    if (pair.expected === undefined) return;
    const subject = where(this.context, pair.uid);
    this.differs(pair, 'body-mismatch', `${subject} cannot be served: ${reason}`);
    this.done(pair.expected);
  }

  private stored(pair: Pair, expected: ExpectedMessage, file: { sha256: string; fileSize: number }): boolean {
    const subject = where(this.context, pair.uid);
    if (file.sha256 !== expected.sha256) {
      const how = file.fileSize === expected.size ? 'other bytes' : `${file.fileSize} bytes, not the ${expected.size}`;
      this.differs(pair, 'body-mismatch', `${subject} has ${how} than were backed up: '${shortened(expected.base)}'`);
      return false;
    }
    if (file.fileSize !== expected.size)
      this.differs(pair, 'size-mismatch', `${subject} has ${file.fileSize} bytes; the catalog says ${expected.size}`);
    return true;
  }

  private differs(pair: Pair, code: string, message: string): void {
    this.faulty.add(pair);
    this.context.tally.add('error', code, message, where(this.context, pair.uid));
  }

  private done(expected: ExpectedMessage): void {
    this.context.tally.counts.compared++;
    this.context.progress.advance(1, expected.size);
  }

  private body({ expected }: Pair): MessageBody {
    return expected?.body ?? { path: this.files.get(expected?.base ?? '') ?? '' };
  }
}
