import { type Content, contentOf } from './content.ts';
import { unpack } from './unpack.ts';

/** What is wrong with a message. */
export interface MessageProblem {
  code: 'empty' | 'not-mail' | 'packed-damaged' | 'crypt-damaged' | 'header-line' | 'header-null' | 'no-fields';
  /** One line, lower case. */
  message: string;
}

export interface MessageCheck {
  content: Content;
  problems: MessageProblem[];
  /**
   * Whether the header itself was read; false for encrypted mail, and for compression that this runtime cannot open.
   */
  read: boolean;
}

/** A compressed message that opens to more than this is not opened to its end. */
const UNPACK_LIMIT = 512 * 1024 * 1024;

/** Fields of which every message that came by SMTP, or was stored by a mail program, has at least one. */
const KNOWN =
  /^(from|to|cc|bcc|subject|date|message-id|received|return-path|delivered-to|sender|reply-to|mime-version|content-type|x-[\w-]+|dkim-signature|authentication-results)$/i;

/**
 * Whether bytes are a message: a header whose lines are fields or their continuations (RFC 5322 section 2.2), with a
 * field that mail has, and then an empty line or the end. Compressed messages are opened whole, so that damage anywhere
 * in them shows. Never throws.
 */
export function checkMessage(bytes: Buffer): MessageCheck {
  const content = contentOf(bytes);
  const outcome = (problems: MessageProblem[], read: boolean): MessageCheck => ({ content, problems, read });
  switch (content) {
    case 'empty':
      return outcome([{ code: 'empty', message: 'the message is empty' }], false);
    case 'unknown':
      return outcome([{ code: 'not-mail', message: 'it is neither mail nor compressed or encrypted by dovecot' }], false);
    case 'gzip':
    case 'zstd':
      try {
        const opened = unpack(bytes, content, UNPACK_LIMIT);
        return outcome(contentOf(opened) === 'mail-crypt' ? [] : checkHeader(opened), contentOf(opened) !== 'mail-crypt');
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return outcome([{ code: 'packed-damaged', message: `the ${content} data cannot be opened: ${why.toLowerCase()}` }], false);
      }
    case 'mail-crypt':
      return outcome(checkCrypt(bytes), false);
    case 'mail':
      return outcome(checkHeader(bytes), true);
    default:
      return outcome([], false);
  }
}

/**
 * The header of Dovecot's encrypted stream (ostream-encrypt.c): 9 bytes of magic, a version, then in version 1 the
 * length of the key data in 2 bytes, in version 2 flags in 4 bytes and the length of the whole header in 4.
 */
function checkCrypt(bytes: Buffer): MessageProblem[] {
  const version = bytes[9];
  const header =
    version === 1 && bytes.length >= 12
      ? 12 + bytes.readUInt16BE(10)
      : version === 2 && bytes.length >= 18
        ? bytes.readUInt32BE(14)
        : Infinity;
  return header <= bytes.length
    ? []
    : [{ code: 'crypt-damaged', message: 'the encrypted message ends within its header, or is of an unknown version' }];
}

const LF = 0x0a;
const CR = 0x0d;

function checkHeader(bytes: Buffer): MessageProblem[] {
  let known = false;
  let at = 0;
  for (let line = 1; at < bytes.length; line++) {
    const lf = bytes.indexOf(LF, at);
    const next = lf < 0 ? bytes.length : lf + 1;
    const end = lf > at && bytes[lf - 1] === CR ? lf - 1 : lf < 0 ? bytes.length : lf;
    if (end === at) break;
    const text = bytes.toString('latin1', at, Math.min(end, at + 1024));
    if (text.includes('\0')) return [{ code: 'header-null', message: `line ${line} of the header holds null bytes` }];
    const first = text.charCodeAt(0);
    if (first !== 0x20 && first !== 0x09) {
      const field = /^([!-9;-~]+)[ \t]*:/.exec(text);
      // "From " lines come from mbox and stand first; some deliveries leave them.
      if (field === null && !(line === 1 && /^>?From \S/.test(text))) {
        return [{ code: 'header-line', message: `line ${line} of the header is neither a field nor the empty line that ends it` }];
      }
      known ||= KNOWN.test(field?.[1] ?? '');
    }
    at = next;
  }
  return known ? [] : [{ code: 'no-fields', message: 'the header has no field that mail has' }];
}
