import { Random } from './random.ts';

const LATIN = [
  [
    '',
    'b',
    'c',
    'd',
    'f',
    'g',
    'h',
    'j',
    'k',
    'l',
    'm',
    'n',
    'p',
    'r',
    's',
    't',
    'v',
    'w',
    'z',
    'br',
    'ch',
    'cl',
    'dr',
    'fr',
    'gr',
    'pl',
    'pr',
    'sh',
    'sp',
    'st',
    'str',
    'th',
    'tr',
  ],
  ['a', 'e', 'i', 'o', 'u', 'ai', 'ea', 'ee', 'ie', 'io', 'oa', 'ou', 'ue', 'y'],
  [
    '',
    '',
    '',
    'b',
    'c',
    'd',
    'g',
    'k',
    'l',
    'm',
    'n',
    'p',
    'r',
    's',
    't',
    'x',
    'ck',
    'ct',
    'ld',
    'll',
    'nd',
    'ng',
    'nt',
    'rd',
    'rm',
    'rs',
    'ss',
    'st',
  ],
];
const KANJI =
  '日本語会社電話番号東京大阪時間予定資料確認連絡先週明後受信送付見積請求書契約担当部長課員様御中新旧年月火水木金土開発運用障害復旧計画報告議事録検討結果変更登録削除追加設定画面機能試験環境構築作業手順管理者利用方法';
const ENDINGS = ['を', 'は', 'が', 'に', 'で', 'と', 'の', 'も', 'から', 'まで', 'です', 'ます', 'した', 'する', 'ください'];

/** Words with a Zipf distribution, and for each some words that like to follow it. Encoded once, so that text is made by copying bytes. */
export interface Vocabulary {
  words: readonly string[];
  /** All words one after the other in UTF-8; word `w` is `bytes[at[w]]` to `bytes[at[w + 1]]`. */
  bytes: Uint8Array;
  at: Uint32Array;
  /** 65,536 word numbers: a random index gives words with their frequencies. */
  table: Uint16Array;
  /** {@link FOLLOWERS} word numbers for each word. */
  followers: Uint16Array;
}

export const FOLLOWERS = 8;
const VOCABULARY_SIZE = 12_000;
const made = new Map<string, Vocabulary>();

/** The vocabulary of a seed: made-up Latin words, or Japanese ones. Kept, since making it takes some 20 ms. */
export function vocabulary(seed: string, script: 'latin' | 'japanese'): Vocabulary {
  const name = `${script} ${seed}`;
  const known = made.get(name);
  if (known !== undefined) return known;
  const random = new Random(`vocabulary ${name}`);
  const words = new Set<string>();
  while (words.size < VOCABULARY_SIZE) words.add(script === 'latin' ? latinWord(random) : japaneseWord(random));
  const result = encode([...words], random);
  made.set(name, result);
  return result;
}

function latinWord(random: Random): string {
  let word = '';
  const syllables = 1 + Math.floor(random.float() * random.float() * 4);
  for (let syllable = 0; syllable < syllables; syllable++) for (const sounds of LATIN) word += random.pick(sounds);
  return word;
}

function japaneseWord(random: Random): string {
  let word = '';
  const length = 1 + random.int(4);
  if (random.chance(0.25)) {
    for (let index = 0; index < length + 1; index++) word += String.fromCharCode((random.chance(0.5) ? 0x3042 : 0x30a2) + random.int(80));
    return word;
  }
  for (let index = 0; index < length; index++) word += KANJI.charAt(random.int(KANJI.length));
  return word + (random.chance(0.6) ? random.pick(ENDINGS) : '');
}

function encode(words: string[], random: Random): Vocabulary {
  const at = new Uint32Array(words.length + 1);
  const encoded = words.map((word) => Buffer.from(word));
  encoded.forEach((word, index) => {
    at[index + 1] = (at[index] ?? 0) + word.length;
  });
  const weights = words.map((_, rank) => 1 / (rank + 2.7) ** 1.05);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const table = new Uint16Array(65_536);
  let [rank, reached] = [0, weights[0] ?? 0];
  for (let index = 0; index < table.length; index++) {
    while (rank < words.length - 1 && reached < ((index + 0.5) / table.length) * total) reached += weights[++rank] ?? 0;
    table[index] = rank;
  }
  const followers = new Uint16Array(words.length * FOLLOWERS).map(() => table[random.int(table.length)] ?? 0);
  return { words, bytes: Buffer.concat(encoded), at, table, followers };
}

/** A few words as a string, for subjects and names. */
export function phrase(words: Vocabulary, random: Random, count: number, separator: string): string {
  const chosen: string[] = [];
  for (let index = 0; index < count; index++) chosen.push(words.words[words.table[random.next() & 0xffff] ?? 0] ?? '');
  return chosen.join(separator);
}
