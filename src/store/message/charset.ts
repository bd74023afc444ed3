import { TextDecoder } from 'node:util';

/**
 * Names that mail uses and the Encoding standard (https://encoding.spec.whatwg.org/#names-and-labels) does not have.
 */
const ALIASES: Record<string, string> = {
  cp932: 'shift_jis',
  'shift-jis-2004': 'shift_jis',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-2': 'iso-2022-jp',
  'iso-2022-jp-3': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp',
  cp50220: 'iso-2022-jp',
  cp50221: 'iso-2022-jp',
  'eucjp-ms': 'euc-jp',
  eucjp: 'euc-jp',
  cp51932: 'euc-jp',
  cp936: 'gbk',
  cp949: 'euc-kr',
  cp950: 'big5',
};

const decoders = new Map<string, TextDecoder | undefined>();

/** A decoder is made once for each label; it is undefined for a charset that nobody here knows. */
function decoder(label: string, fatal: boolean): TextDecoder | undefined {
  const key = fatal ? `${label}!` : label;
  if (decoders.has(key)) return decoders.get(key);
  let made: TextDecoder | undefined;
  try {
    made = new TextDecoder(ALIASES[label] ?? label, { fatal });
  } catch {
    made = undefined;
  }
  // Labels come from mail: whoever sends a thousand of them shall not fill our memory.
  if (decoders.size < 256) decoders.set(key, made);
  return made;
}

/** Bytes in a named charset as text; what is not valid becomes U+FFFD, and an unknown charset is guessed at. */
export function decodeCharset(bytes: Buffer, charset: string): string {
  const known = decoder(charset.toLowerCase(), false);
  return known === undefined ? guess(bytes) : known.decode(bytes);
}

const ESC = 0x1b;

/**
 * Bytes without a named charset as text: ISO-2022-JP where its escapes stand, else UTF-8 where it is valid, else EUC-JP
 * or Shift_JIS where it looks like them, else Windows-1252, in which every byte means something.
 */
export function guess(bytes: Buffer): string {
  if (bytes.includes(ESC)) {
    const text = tryDecode(bytes, 'iso-2022-jp');
    if (text !== undefined) return text;
  }
  return (
    tryDecode(bytes, 'utf-8') ??
    // Kana is what Japanese has and chance has not.
    kana(tryDecode(bytes, 'euc-jp')) ??
    kana(tryDecode(bytes, 'shift_jis')) ??
    decodeCharset(bytes, 'windows-1252')
  );
}

function tryDecode(bytes: Buffer, label: string): string | undefined {
  try {
    return decoder(label, true)?.decode(bytes);
  } catch {
    return undefined;
  }
}

function kana(text: string | undefined): string | undefined {
  return text !== undefined && /[\u3041-\u30ff]|[\u4e00-\u9fff]{2}/.test(text) ? text : undefined;
}
