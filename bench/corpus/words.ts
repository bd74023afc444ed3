import { Random } from './random.ts';

/** The words of one language, the most frequent first; all bytes lie in one array, for speed. */
export interface Vocabulary {
  words: string[];
  bytes: Uint8Array;
  /** Word `n` is bytes `starts[n]` to `starts[n + 1]`. */
  starts: Uint32Array;
  /** 65,536 ranks, distributed as in Zipf's law. */
  zipf: Uint16Array;
}

interface Language {
  onsets: string[];
  nuclei: string[];
  codas: string[];
  separator: string;
}

const LANGUAGES: Language[] = [
  {
    onsets: ['', 'b', 'c', 'd', 'f', 'g', 'h', 'l', 'm', 'n', 'p', 'r', 's', 't', 'w', 'th', 'st', 'pr', 'ch', 'tr', 'cl', 'sh'],
    nuclei: ['a', 'e', 'i', 'o', 'u', 'ea', 'ou', 'io', 'ai', 'e', 'i'],
    codas: ['', '', '', 'n', 'r', 's', 't', 'l', 'd', 'ng', 'm', 'ck', 'nt', 'st'],
    separator: ' ',
  },
  {
    onsets: ['', 'b', 'd', 'f', 'g', 'h', 'k', 'l', 'm', 'n', 'r', 's', 't', 'v', 'w', 'z', 'sch', 'st', 'pf', 'ge', 'be', 'ver'],
    nuclei: ['a', 'e', 'i', 'o', 'u', 'ie', 'ei', 'au', 'ä', 'ö', 'ü', 'e'],
    codas: ['', '', 'n', 'r', 's', 't', 'l', 'ch', 'cht', 'ng', 'nd', 'rt', 'en', 'er'],
    separator: ' ',
  },
  {
    onsets: [
      'の',
      'に',
      'を',
      'は',
      'が',
      'と',
      'で',
      'も',
      '日',
      '本',
      '会',
      '社',
      '送',
      '受',
      '信',
      '件',
      '確',
      '認',
      '予',
      '定',
      '時',
      '間',
    ],
    nuclei: ['し', 'す', 'て', 'た', 'ま', 'り', 'る', 'い', 'う', 'こ', 'お', 'か', 'く', 'ご', 'さ'],
    codas: ['', '', '', 'ん', 'ー', 'っ', '、', '様', '月', '部', '理', '用'],
    separator: '',
  },
];

const COUNT = 24_000;

/** Makes up language number `index` (0 to 2: Latin letters, the same with umlauts, Japanese in UTF-8). */
export function vocabulary(index: number): Vocabulary {
  const language = LANGUAGES[index] ?? LANGUAGES[0];
  if (!language) throw new Error('no such language');
  const random = new Random(`vocabulary ${index}`);
  const seen = new Set<string>();
  const words: string[] = [];
  while (words.length < COUNT) {
    // frequent words are short, in every language
    let word = '';
    for (let syllables = words.length < 250 ? 1 : 1 + random.below(words.length < 4000 ? 2 : 3); syllables > 0; syllables--) {
      word += random.pick(language.onsets) + random.pick(language.nuclei) + random.pick(language.codas);
    }
    if (seen.has(word)) continue;
    seen.add(word);
    words.push(word + language.separator);
  }
  const bytes = Buffer.from(words.join(''));
  const starts = new Uint32Array(COUNT + 1);
  for (let word = 0, at = 0; word < COUNT; word++) {
    at += Buffer.byteLength(words[word] ?? '');
    starts[word + 1] = at;
  }
  return { words, bytes, starts, zipf: zipfTable() };
}

function zipfTable(): Uint16Array {
  const table = new Uint16Array(65_536);
  let total = 0;
  for (let rank = 1; rank <= COUNT; rank++) total += 1 / (rank + 1.7);
  let sum = 0;
  let at = 0;
  for (let rank = 1; rank <= COUNT; rank++) {
    sum += 1 / (rank + 1.7);
    const end = Math.round((sum / total) * table.length);
    table.fill(rank - 1, at, end);
    at = end;
  }
  return table;
}
