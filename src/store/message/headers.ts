import { type Content, contentOf } from './content.ts';
import { parseDate } from './date.ts';
import { unpackHead } from './unpack.ts';
import { decodeValue } from './words.ts';

/** What people look for mail by. Text is decoded; fields that the message does not have are absent. */
export interface MessageHeaders {
  /** What the file holds; of anything but `mail`, and `gzip` or `zstd` that could be opened, nothing else is known. */
  content: Content;
  /** With its angle brackets: `<abc@example.org>`. */
  messageId?: string;
  from?: string;
  /** To and Cc, joined by `, `. */
  to?: string;
  subject?: string;
  /** UTC, ISO 8601 to the second. */
  date?: string;
}

/** How many bytes of a message are looked at; a header that goes on behind is read as far as it goes. */
export const HEAD_BYTES = 65_536;

/** Longest field that is kept, in bytes before decoding. */
const MAX_FIELD = 8192;

/**
 * Reads the header fields from the first bytes of a message's file ({@link HEAD_BYTES} are enough). Compressed messages
 * are opened as far as the runtime can. Never throws: what is rubbish has no fields.
 */
export function readHeaders(head: Buffer): MessageHeaders {
  const content = contentOf(head);
  if (content === 'mail') return scan(head, content);
  if (content !== 'gzip' && content !== 'zstd') return { content };
  const opened = unpackHead(head, content);
  return opened === undefined ? { content } : scan(opened, content);
}

type Field = 'message-id' | 'from' | 'to' | 'cc' | 'subject' | 'date';

/** The fields by the code of their first letter: most lines of a header are told apart by that alone. */
const FIELDS = new Map<number, Field>(
  (['message-id', 'from', 'to', 'cc', 'subject', 'date'] as const).map((name) => [name.charCodeAt(0), name]),
);

const LF = 0x0a;
const CR = 0x0d;

/** Most headers end within this. */
const USUAL_HEADER = 8192;

function scan(head: Buffer, content: Content): MessageHeaders {
  return scanPiece(head, content, USUAL_HEADER) ?? scanPiece(head, content, HEAD_BYTES) ?? { content };
}

/** Undefined when the header does not end within `size` bytes though there are more. */
function scanPiece(head: Buffer, content: Content, size: number): MessageHeaders | undefined {
  // One native call turns the bytes into a string in which a character is a byte; searching that is faster than many
  // calls on the Buffer.
  const text = head.toString('latin1', 0, Math.min(head.length, size));
  const found: MessageHeaders = { content };
  let at = 0;
  while (at < text.length) {
    const first = text.charCodeAt(at);
    // An empty line ends the header.
    if (first === LF || (first === CR && text.charCodeAt(at + 1) === LF)) return found;
    const field = FIELDS.get(first | 0x20);
    const colon = field === undefined ? -1 : colonOf(text, at, field);
    let end = nextLine(text, at);
    if (field !== undefined && colon >= 0) {
      // Lines that begin with white space belong to the line before (RFC 5322 section 2.2.3).
      while (isSpace(text.charCodeAt(end))) end = nextLine(text, end);
      take(found, field, text.slice(colon + 1, Math.min(end, colon + MAX_FIELD)));
    }
    at = end;
  }
  return head.length <= size || size === HEAD_BYTES ? found : undefined;
}

/** Where the colon of a field stands, if the line is that field; -1 otherwise. */
function colonOf(text: string, at: number, field: Field): number {
  let colon = at + field.length;
  while (isSpace(text.charCodeAt(colon))) colon++;
  return text.charCodeAt(colon) === 0x3a && text.slice(at, at + field.length).toLowerCase() === field ? colon : -1;
}

function nextLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end + 1;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function take(found: MessageHeaders, field: Field, raw: string): void {
  const value = raw.includes('\n') ? raw.replace(/\r?\n/g, '') : raw;
  switch (field) {
    case 'message-id':
      found.messageId ??= messageId(value);
      break;
    case 'date': {
      const date = found.date ?? parseDate(value);
      if (date !== undefined) found.date = date;
      break;
    }
    case 'to':
    case 'cc': {
      const to = decodeValue(value);
      found.to = found.to === undefined ? to : `${found.to}, ${to}`.slice(0, MAX_FIELD);
      break;
    }
    case 'from':
    case 'subject':
      found[field] ??= decodeValue(value);
  }
}

/** What stands in the first angle brackets; the whole value where some program left them out. */
function messageId(value: string): string {
  const open = value.indexOf('<');
  const close = open < 0 ? -1 : value.indexOf('>', open);
  return decodeValue(close < 0 ? value : value.slice(open, close + 1));
}
