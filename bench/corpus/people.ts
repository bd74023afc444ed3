import { ALNUM, Random } from './random.ts';
import { type Vocabulary, vocabulary } from './words.ts';
import type { Voice } from './writer.ts';

export interface Person extends Voice {
  name: string;
  address: string;
  domain: string;
  /** The same kind of headers comes from the same person each time. */
  agent: string;
  relay: string;
  address4: string;
  dkim: boolean;
  kind: 'plain' | 'html' | 'bulk';
  signature: string;
  template: string;
  boundary: string;
}

const AGENTS = [
  'User-Agent: Mozilla Thunderbird\n',
  'X-Mailer: Apple Mail (2.3774.400.31)\n',
  'X-Mailer: Microsoft Outlook 16.0\nThread-Index: Adk4\n',
  'X-Mailer: iPhone Mail (21E219)\n',
  'User-Agent: K-9 Mail for Android\n',
  'X-Mailer: PHPMailer 6.9.1 (https://github.com/PHPMailer/PHPMailer)\n',
  'User-Agent: Mutt/2.2.9 (2022-11-12)\n',
];

/** How many correspondents `messages` messages have among them; more than that would only fill the memory. */
export function correspondents(messages: number): number {
  return Math.min(4000, Math.max(200, messages / 50));
}

const people = new Map<number, Person>();
const languages: Vocabulary[] = [];

function language(index: number): Vocabulary {
  return (languages[index] ??= vocabulary(index));
}

/** Correspondent number `id`, made up once and remembered. */
export function person(id: number): Person {
  const known = people.get(id);
  if (known) return known;
  const made = makePerson(id);
  people.set(id, made);
  return made;
}

function makePerson(id: number): Person {
  const random = new Random(`person ${id}`);
  const words = language(random.pick([0, 0, 0, 0, 1, 2]));
  const latin = language(0).words;
  const first = (latin[200 + random.below(900)] ?? '').trim();
  const last = (latin[1200 + random.below(9000)] ?? '').trim();
  const domain = `${(latin[300 + random.below(5000)] ?? '').trim()}.${random.pick(['com', 'org', 'net', 'de', 'co.jp', 'fr'])}`;
  const topics = Uint16Array.from({ length: 300 }, () => 200 + random.below(words.words.length - 200));
  const phrases = Array.from({ length: 160 }, () =>
    Uint16Array.from({ length: 2 + random.below(5) }, () => words.zipf[random.below(65_536)] ?? 0),
  );
  const kind = random.pick(['plain', 'plain', 'plain', 'html', 'html', 'bulk'] as const);
  const voice = { vocabulary: words, topics, phrases };
  return {
    ...voice,
    kind,
    domain,
    name: `${first[0]?.toUpperCase()}${first.slice(1)} ${last[0]?.toUpperCase()}${last.slice(1)}`,
    address: `${first}.${last}@${domain}`,
    agent: random.pick(AGENTS),
    relay: `mx${1 + random.below(9)}.${domain}`,
    address4: `${1 + random.below(220)}.${random.below(256)}.${random.below(256)}.${1 + random.below(254)}`,
    dkim: random.chance(0.6),
    signature: `-- \n${first} ${last}\n${line(words, random, 6)}\nhttps://www.${domain}/${random.token(6, ALNUM)}\n`,
    template: kind === 'bulk' ? makeTemplate(words, random, domain) : '',
    boundary: random.token(8, ALNUM),
  };
}

function line(words: Vocabulary, random: Random, count: number): string {
  return Array.from({ length: count }, () => words.words[words.zipf[random.below(65_536)] ?? 0])
    .join('')
    .trim();
}

/** The fixed part of a newsletter: styles, tables, a footer; `@` marks where text goes. */
function makeTemplate(words: Vocabulary, random: Random, domain: string): string {
  const color = random.token(6, '0123456789abcdef');
  let html = `<html><head><style>td{font-family:${random.pick(['Arial', 'Verdana', 'Georgia'])};color:#${color}}</style></head><body>\n`;
  for (let rows = 3 + random.below(8); rows > 0; rows--) {
    html += `<table width="600" cellpadding="${random.below(20)}" style="border:${random.below(4)}px solid #${color}"><tr><td class="c${random.below(99)}">\n@\n`;
    html += `<a href="https://click.${domain}/${random.token(12, ALNUM)}/?u=%">${line(words, random, 3)}</a></td></tr></table>\n`;
  }
  return `${html}<p style="font-size:10px">${line(words, random, 40)}</p></body></html>\n`;
}
