/**
 * Messages in an mbox, as Dovecot sees them (mbox-sync.c, istream-raw-mbox.c): each begins with a `From ` line. Headers in which Dovecot keeps flags and UIDs are no part of the
 * message that it serves, and change in place; so they lie between its pieces, and the message is stored once whatever its flags.
 */
import type { LiveRecord } from '../live.ts';
import { FileWindow, PieceList, type Pieces } from '../pieces.ts';
import { viewFlags } from '../view.ts';
import { parseFromLine } from './from-line.ts';

const WINDOW = 1024 * 1024;
/** Longer lines are no headers of ours. */
const MAX_LINE = 64 * 1024;
const SEPARATOR = Buffer.from('\nFrom ');
const NEWLINE = 10;

/** Headers that Dovecot hides, since it writes them itself. */
const HIDDEN = /^(content-length|status|x-imap|x-imapbase|x-keywords|x-status|x-uid):/i;

interface Header {
  /** Visible runs: from, to. */
  runs: [number, number][];
  /** Where the empty line begins. */
  end: number;
  fields: Map<string, string>;
}

/** The end of the line that begins at an offset, behind its line feed. */
function lineEnd(window: FileWindow, at: number): number {
  const bytes = window.at(at, MAX_LINE);
  const end = bytes.indexOf(NEWLINE);
  return end < 0 ? at + bytes.length : at + end + 1;
}

function text(window: FileWindow, from: number, to: number): string {
  return window.at(from, Math.min(MAX_LINE, to - from)).toString('latin1');
}

function readHeader(window: FileWindow, from: number): Header {
  const header: Header = { runs: [], end: from, fields: new Map() };
  let hidden = false;
  let name = '';
  let start = from;
  let at = from;
  const close = (to: number): void => {
    if (to > start) header.runs.push([start, to]);
  };
  for (;;) {
    const next = lineEnd(window, at);
    const line = text(window, at, next);
    if (next === at || line === '\n' || line === '\r\n') break;
    const isContinued = /^[ \t]/.test(line);
    const wasHidden = hidden;
    if (!isContinued) hidden = HIDDEN.test(line);
    if (hidden && !wasHidden) close(at);
    if (!hidden && wasHidden) start = at;
    if (hidden && !isContinued) {
      name = line.slice(0, line.indexOf(':')).toLowerCase();
      header.fields.set(name, line.slice(line.indexOf(':') + 1).trim());
    } else if (hidden) header.fields.set(name, `${header.fields.get(name) ?? ''} ${line.trim()}`);
    at = next;
  }
  if (!hidden) close(at);
  header.end = at;
  return header;
}

function isFromLine(window: FileWindow, at: number): boolean {
  return parseFromLine(text(window, at, lineEnd(window, at)).trimEnd()) !== undefined;
}

/** Where the message ends whose body begins with the empty line at an offset: before the line feed that stands before the next one, or at the end of the file. */
function messageEnd(window: FileWindow, from: number, fields: ReadonlyMap<string, string>): number {
  const length = Number(fields.get('content-length') ?? Number.NaN);
  if (length >= 0) {
    const end = lineEnd(window, from) + length;
    if (end === window.size || (end === window.size - 1 && window.at(end, 1)[0] === NEWLINE)) return end;
    if (window.at(end, SEPARATOR.length).equals(SEPARATOR) && isFromLine(window, end + 1)) return end;
  }
  for (let at = from; at < window.size;) {
    const bytes = window.at(at, WINDOW);
    const found = bytes.indexOf(SEPARATOR);
    if (found >= 0) {
      if (isFromLine(window, at + found + 1)) return at + found;
      at += found + 1;
    } else at += Math.max(1, bytes.length - SEPARATOR.length + 1);
  }
  // The last line feed of the file stands before a message to come.
  return window.size > from && window.at(window.size - 1, 1)[0] === NEWLINE ? window.size - 1 : window.size;
}

function flagsOf(fields: ReadonlyMap<string, string>): string {
  const status = fields.get('status') ?? '';
  const more = fields.get('x-status') ?? '';
  const flags = [
    ...(status.includes('R') ? ['\\Seen'] : []),
    ...(more.includes('A') ? ['\\Answered'] : []),
    ...(more.includes('F') ? ['\\Flagged'] : []),
    ...(more.includes('T') ? ['\\Draft'] : []),
    ...(more.includes('D') ? ['\\Deleted'] : []),
  ];
  return viewFlags(flags, new Set((fields.get('x-keywords') ?? '').split(/\s+/).filter((word) => word !== '')));
}

/** UIDVALIDITY and the last UID that was given, from the header in the first message. */
function baseOf(fields: ReadonlyMap<string, string>): Pick<LiveRecord, 'base'> {
  const match = /^(\d{1,10}) +(\d{1,10})/.exec(fields.get('x-imapbase') ?? fields.get('x-imap') ?? '');
  return match === null ? {} : { base: { uidValidity: Number(match[1]), lastUid: Number(match[2]) } };
}

/** Cuts a file at its messages; never throws but for errors of reading. A file that is no mbox has none. */
export function cutMbox(fd: number, size: number): Pieces {
  const window = new FileWindow(fd, size, WINDOW);
  const list = new PieceList();
  for (let at = 0; at < size;) {
    const start = lineEnd(window, at);
    const received = parseFromLine(text(window, at, start).trimEnd());
    if (received === undefined) break;
    const header = readHeader(window, start);
    const end = Math.max(header.end, messageEnd(window, header.end, header.fields));
    const ranges = [...header.runs, [header.end, end] as [number, number]];
    const record: LiveRecord = {
      at,
      parts: [],
      size: ranges.reduce((sum, [from, to]) => sum + to - from, 0),
      received,
      guid: '',
      flags: flagsOf(header.fields),
      ...baseOf(header.fields),
    };
    const uid = Number(header.fields.get('x-uid') ?? 0);
    if (uid > 0) record.uid = uid;
    // Of the mail reader's own, not a message (mbox-sync-parse.c).
    if (header.fields.has('x-imap') && at === 0) record.isInternal = true;
    const pieces = ranges.filter(([from, to], number) => to > from || (number === 0 && ranges.length === 1));
    record.parts = pieces.map(([from, to]) => list.part(from, to));
    list.pieces.records.push(record);
    at = end + 1;
  }
  list.gap(size);
  return list.pieces;
}
