/** What a restored mailbox holds whose files hold several messages each: read from the copy as a backup reads the live store, and compared with the catalog. */
import { createHash } from 'node:crypto';
import { closeSync, readFileSync, readSync } from 'node:fs';
import type { FullSection, MessageState } from '../repository/catalog/model.ts';
import { captureStore, type StoreFormat } from '../store/capture.ts';
import { displayBytes } from '../store/bytes.ts';
import { cutMessages } from '../store/cut.ts';
import { isMailArea, type ContentReader, type LiveMessage, type ReadOutcome, type ReadRequest, type StoredPart } from '../store/live.ts';
import type { CapturedMailbox } from '../store/maildir/capture.ts';
import { FileOpener, withFile } from '../store/reach.ts';
import { liveStat } from '../store/stat.ts';
import { now } from '../system/clock.ts';
import type { Comparison } from './comparison.ts';
import type { MessageBody } from './server/index.ts';

const CHUNK = 1024 * 1024;

/** A restored mailbox with a view. */
export interface ReadView {
  /** The sections of the mailbox that lie in files. */
  sections: readonly FullSection[];
  format: StoreFormat;
  captured: CapturedMailbox;
  /** Where the bytes of a message lie in the copy. */
  bodyOf: (message: LiveMessage) => MessageBody;
}

/** How the mail of a mailbox with a view lies, which its directories tell. */
function formatOf(mail: FullSection | undefined): StoreFormat {
  if (mail?.dirs.has('storage') === true) return 'mdbox';
  return mail?.dirs.has('mailboxes') === true ? 'sdbox' : 'mbox';
}

/** Pieces of files, numbered: the number stands for the place where a backup would have stored them. */
class Pieces {
  readonly #pieces: { path: string; at: number; length: number }[] = [];

  readonly read: ContentReader = (requests) => {
    const opener = new FileOpener();
    try {
      return Promise.resolve(requests.map((request) => this.#read(request, opener)));
    } finally {
      opener.release();
    }
  };

  #read({ path, kind, given }: ReadRequest, opener: FileOpener): ReadOutcome {
    if (given !== undefined) return { stat: given.stat, parts: [] };
    return withFile(opener, path, (fd, stats) => {
      if (kind === 'message' || kind === 'file') return { stat: liveStat(stats), parts: [] };
      const { lengths, records } = cutMessages(kind, fd, stats.size);
      let at = 0;
      const wanted = new Set(records.flatMap(({ parts }) => parts));
      const parts = lengths.map((length, number): StoredPart => {
        const part = { sha: wanted.has(number) ? hashRange(fd, at, length) : '', place: this.#pieces.push({ path, at, length }) - 1 };
        at += length;
        return part;
      });
      return { stat: liveStat(stats), parts, records };
    });
  }

  bodyOf({ place, rest = [] }: LiveMessage): MessageBody {
    const ranges = [place, ...rest.map((part) => part.place)].flatMap((number) => this.#pieces[number] ?? []);
    return { path: ranges[0]?.path ?? '', ranges };
  }
}

function hashRange(fd: number, from: number, length: number): string {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, length)));
  for (let at = from; at < from + length;) {
    const got = readSync(fd, chunk, 0, Math.min(chunk.length, from + length - at), at);
    if (got === 0) break;
    hash.update(chunk.subarray(0, got));
    at += got;
  }
  return hash.digest('hex');
}

/** An INBOX that lies by itself is one file of a directory that may hold those of others. */
export function onlyFile(area: string, dirs: FullSection['dirs']): { file?: string } {
  const [file] = area === 'inbox' ? [...(dirs.get('')?.files.keys() ?? [])] : [];
  return file === undefined ? {} : { file };
}

/** Reads what a restored mailbox holds. @param root absolute byte string of the restored tree; without links */
export async function readView(root: string, sections: readonly FullSection[], signal: AbortSignal | undefined): Promise<ReadView> {
  const files = sections.filter(({ area }) => area !== 'view');
  const format = formatOf(files.find(({ area }) => area === 'mail'));
  const pieces = new Pieces();
  const captured = await captureStore({
    format,
    areas: files.flatMap(({ area, root: below, dirs }) =>
      isMailArea(area)
        ? [{ area, root: [root, below].filter((part) => part !== '').join('/'), prior: undefined, ...onlyFile(area, dirs) }]
        : [],
    ),
    read: pieces.read,
    deep: true,
    settle: 0,
    now: () => now() * 1000,
    lost: () => false,
    ...(signal === undefined ? {} : { signal }),
  });
  return { sections: files, format, captured, bodyOf: (message) => pieces.bodyOf(message) };
}

/** Compares the messages that are there with those that the catalog lists. */
export function compareView(view: FullSection, { captured }: ReadView, comparison: Comparison): void {
  const found = captured.areas.get('view')?.dirs ?? new Map<string, never>();
  const name = displayBytes(view.mailbox);
  for (const [dir, { messages }] of view.dirs) {
    const there = found.get(dir)?.messages ?? new Map<string, LiveMessage>();
    const folder = `${name} ${dir === '' ? 'INBOX' : displayBytes(dir)}`;
    for (const [base, expected] of messages) {
      const subject = `${folder} ${displayBytes(base)}`;
      const message = there.get(base);
      if (message === undefined) comparison.missing('message-missing', subject);
      else comparison.same(isSame(expected, message), 'message-mismatch', subject, () => 'is not as it was backed up');
    }
    for (const base of there.keys())
      if (!messages.has(base)) comparison.unexpected('message-unexpected', `${folder} ${displayBytes(base)}`);
  }
  for (const [dir, { messages }] of found)
    if (!view.dirs.has(dir))
      for (const base of messages.keys()) comparison.unexpected('message-unexpected', `${name} ${displayBytes(dir)} ${displayBytes(base)}`);
}

function isSame(expected: MessageState, message: LiveMessage): boolean {
  const [a, b] = [expected.rest ?? [], message.rest ?? []];
  return (
    expected.sha === message.sha &&
    expected.flags === message.flags &&
    expected.mtime === message.stat.mtime &&
    expected.size === message.stat.size &&
    a.length === b.length &&
    a.every(({ sha }, number) => sha === b[number]?.sha)
  );
}

/** The first bytes of a message in the copy. */
export function headOf({ path, ranges = [] }: MessageBody, limit: number): Buffer {
  const opener = new FileOpener();
  try {
    const fd = opener.open(path);
    try {
      if (ranges.length === 0) return readFileSync(fd).subarray(0, limit);
      const pieces = ranges.map(({ at, length }) => {
        const piece = Buffer.alloc(Math.min(limit, length));
        return piece.subarray(0, readSync(fd, piece, 0, piece.length, at));
      });
      return Buffer.concat(pieces).subarray(0, limit);
    } finally {
      closeSync(fd);
    }
  } finally {
    opener.release();
  }
}
