/** Bech32 (BIP 173), as age writes its keys: no limit of length. */
import { MailrecoverError } from '../../errors/error.ts';

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

function polymod(values: number[]): number {
  let checksum = 1;
  for (const value of values) {
    const top = checksum >>> 25;
    checksum = ((checksum & 0x1ffffff) << 5) ^ value;
    for (let bit = 0; bit < 5; bit++) if ((top >>> bit) & 1) checksum ^= GENERATOR[bit] ?? 0;
  }
  return checksum >>> 0;
}

function expandPrefix(prefix: string): number[] {
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

/** Regroups bits, e.g. bytes into groups of five; undefined where left-over bits are not zero padding. */
function regroup(values: Iterable<number>, from: number, to: number, pad: boolean): number[] | undefined {
  let held = 0;
  let bits = 0;
  const groups: number[] = [];
  for (const value of values) {
    held = (held << from) | value;
    bits += from;
    while (bits >= to) {
      bits -= to;
      groups.push((held >> bits) & ((1 << to) - 1));
    }
    held &= (1 << bits) - 1;
  }
  if (pad && bits > 0) groups.push((held << (to - bits)) & ((1 << to) - 1));
  else if (!pad && (bits >= from || held !== 0)) return undefined;
  return groups;
}

/** Encodes bytes with a lower-case prefix. */
export function bech32Encode(prefix: string, data: Uint8Array): string {
  const words = regroup(data, 8, 5, true) ?? [];
  const checksum = polymod([...expandPrefix(prefix), ...words, 0, 0, 0, 0, 0, 0]) ^ 1;
  const tail = Array.from({ length: 6 }, (_, index) => (checksum >> (5 * (5 - index))) & 31);
  return `${prefix}1${[...words, ...tail].map((word) => CHARSET[word]).join('')}`;
}

/**
 * Decodes a Bech32 text, in lower or upper case.
 * @throws MailrecoverError `key`, without the text, which may be a secret
 */
export function bech32Decode(text: string): { prefix: string; data: Buffer } {
  const broken = (): MailrecoverError =>
    new MailrecoverError('key', 'a key is mistyped: its checksum does not fit', { hint: 'copy it once more from where it was made' });
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) throw broken();
  const lower = text.toLowerCase();
  const split = lower.lastIndexOf('1');
  if (split < 1 || lower.length - split < 7) throw broken();
  const prefix = lower.slice(0, split);
  const words = Array.from(lower.slice(split + 1), (letter) => CHARSET.indexOf(letter));
  if (words.includes(-1) || polymod([...expandPrefix(prefix), ...words]) !== 1) throw broken();
  const bytes = regroup(words.slice(0, -6), 5, 8, false);
  if (bytes === undefined) throw broken();
  return { prefix, data: Buffer.from(bytes) };
}
