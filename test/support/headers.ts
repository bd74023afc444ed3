/** Folds a header line at its spaces so that no line is longer than 76 characters where that can be had (RFC 5322 section 2.2.3). */
export function fold(line: string): string {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    if (current !== '' && current.length + word.length > 75 && current.includes(' ') && current.trim() !== '') {
      lines.push(current);
      current = ` ${word}`;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...lines, current].join('\n');
}

/** Text as encoded words where it is not ASCII (RFC 2047), in UTF-8 or ISO-2022-JP; base64 throughout. */
export function encodeWords(text: string, charset: 'utf-8' | 'iso-2022-jp' = 'utf-8'): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const jis = charset === 'iso-2022-jp' && canJis(text);
  const words: string[] = [];
  let piece = '';
  for (const character of text) {
    // An encoded word is at most 75 characters long and never splits a character (section 2, section 5).
    if (Buffer.byteLength(piece + character) > 36) {
      words.push(piece);
      piece = '';
    }
    piece += character;
  }
  words.push(piece);
  return words
    .map((word) => `=?${jis ? 'ISO-2022-JP' : 'UTF-8'}?B?${(jis ? iso2022jp(word) : Buffer.from(word)).toString('base64')}?=`)
    .join(' ');
}

function canJis(text: string): boolean {
  return /^[\x20-\x7e\u3041-\u3093]*$/.test(text);
}

/** ASCII and hiragana in ISO-2022-JP (RFC 1468); other characters become `?`. */
export function iso2022jp(text: string): Buffer {
  const bytes: number[] = [];
  let wide = false;
  for (const character of text) {
    const code = character.charCodeAt(0);
    const kana = code >= 0x3041 && code <= 0x3093;
    if (kana !== wide) bytes.push(0x1b, ...(kana ? [0x24, 0x42] : [0x28, 0x42]));
    wide = kana;
    if (kana) bytes.push(0x24, 0x21 + code - 0x3041);
    else bytes.push(code < 0x80 ? code : 0x3f);
  }
  if (wide) bytes.push(0x1b, 0x28, 0x42);
  return Buffer.from(bytes);
}
