import { decodeCharset, guess } from './charset.ts';

/**
 * An encoded word (RFC 2047 section 2, with the language of RFC 2231 section 5). Spaces inside are not lawful, but Q
 * words with them are about.
 */
const WORD = /=\?([\w.+:-]+)(?:\*[\w-]*)?\?([BbQq])\?([^?\r\n]*)\?=/g;

/**
 * The value of a header field as text: encoded words decoded, white space between two of them dropped (RFC 2047 section
 * 6.2), raw 8-bit bytes and bare ISO-2022-JP decoded by their looks, control characters made spaces. `value` is the
 * unfolded field, one character a byte. Never throws.
 */
export function decodeValue(value: string): string {
  // The fast way, which most fields go.
  if (!value.includes('=?')) return clean(decodeRaw(value));

  let text = '';
  let at = 0;
  let charset = '';
  let pending: Buffer[] = [];
  const flush = (): void => {
    if (pending.length > 0) text += decodeCharset(pending.length === 1 ? (pending[0] ?? Buffer.alloc(0)) : Buffer.concat(pending), charset);
    pending = [];
  };
  for (const match of value.matchAll(WORD)) {
    const [word, label = '', encoding = '', body = ''] = match;
    const between = value.slice(at, match.index);
    if (pending.length === 0 || between.trim() !== '') {
      flush();
      text += decodeRaw(between);
    }
    // Words of one charset are joined before they are decoded: many programs cut a character in two.
    if (label.toLowerCase() !== charset) {
      flush();
      charset = label.toLowerCase();
    }
    pending.push(encoding === 'B' || encoding === 'b' ? Buffer.from(body, 'base64') : decodeQ(body));
    at = match.index + word.length;
  }
  flush();
  return clean(text + decodeRaw(value.slice(at)));
}

/** The Q encoding (RFC 2047 section 4.2): `_` is a space, `=XX` a byte. */
function decodeQ(body: string): Buffer {
  const bytes = body.replaceAll('_', ' ').replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

// oxlint-disable-next-line no-control-regex
const NOT_ASCII = /[\x1b\x80-\xff]/;

function decodeRaw(value: string): string {
  return NOT_ASCII.test(value) ? guess(Buffer.from(value, 'latin1')) : value;
}

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;
const CONTROLS = new RegExp(`${CONTROL.source}+`, 'g');

function clean(text: string): string {
  return (CONTROL.test(text) ? text.replace(CONTROLS, ' ') : text).trim();
}
