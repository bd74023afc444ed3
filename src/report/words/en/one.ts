/**
 * English for a number of one. What is said is written for many, `{0} messages are gone`; where the number is one it is said as it should be, `1 message is
 * gone`. Text in quotation marks is somebody's name for something, and stays.
 */

const NOUNS: Readonly<Record<string, string>> = {
  accounts: 'account',
  arguments: 'argument',
  backups: 'backup',
  bytes: 'byte',
  databases: 'database',
  days: 'day',
  deviations: 'deviation',
  directories: 'directory',
  entries: 'entry',
  files: 'file',
  folders: 'folder',
  goals: 'goal',
  groups: 'group',
  hashes: 'hash',
  hosts: 'host',
  hours: 'hour',
  inodes: 'inode',
  lines: 'line',
  links: 'link',
  mailboxes: 'mailbox',
  mails: 'mail',
  messages: 'message',
  minutes: 'minute',
  names: 'name',
  objects: 'object',
  packages: 'package',
  passwords: 'password',
  questions: 'question',
  records: 'record',
  runs: 'run',
  seconds: 'second',
  sessions: 'session',
  snapshots: 'snapshot',
  things: 'thing',
  units: 'unit',
  users: 'user',
  writes: 'write',
};

const VERBS: Readonly<Record<string, string>> = {
  are: 'is',
  begin: 'begins',
  differ: 'differs',
  go: 'goes',
  have: 'has',
  hold: 'holds',
  lie: 'lies',
  need: 'needs',
  stay: 'stays',
  wait: 'waits',
  were: 'was',
};

/** What else speaks of many, later in the same text. */
const LATER: readonly (readonly [RegExp, string])[] = [
  [/\b(or|and) are\b/, '$1 is'],
  [/\band stay as they are\b/, 'and stays as it is'],
  [/\bthey were left as they are\b/, 'it was left as it is'],
  [/\bas they were\b/, 'as it was'],
  [/\bwhat they were\b/, 'what it was'],
  [/: they go on\b/, ': it goes on'],
  [/\bas it wants them\b/, 'as it wants it'],
  [/\bunder their old names\b/, 'under its old name'],
  [/\bunder their name\b/, 'under its name'],
  [/\band they can't\b/, "and it can't"],
  [/; without it they can\b/, '; without it that can'],
  [/\bhad their\b/, 'had its'],
  [/\bthat were (put|read)\b/, 'that was $1'],
  [/\bthat are\b/, 'that is'],
  [/, and go\b/, ', and goes'],
];

const noun = `(?:${Object.keys(NOUNS).join('|')})`;
const verb = `(?: still)? (?:${Object.keys(VERBS).join('|')})`;
/** A number that stands by itself: no part of a version, a time, a name or a larger number. */
const alone = String.raw`(?<![\w.,:/'-])`;
const more = String.raw`(?: (?:more|new|newer|other|different|queued|unfinished|emergency|symbolic|tags|mx|spf))*`;
const things = String.raw`${more} ${noun}(?:(?:,| or) ${noun})*\b`;
const whose = String.raw`(?: that were put there| about DNS records| (?:of|at)(?: mailbox)? (?:'[^']*'|[\d,]+ bytes|the [a-z]+|[^\s,;:]+))?`;
const QUOTED = String.raw`(?<!\w)'[^']*'(?!\w)`;
const MANY_OF = `${alone}(?<many>1 of (?:the )?[\\d,]+${things}${whose})(?<verb>${verb}\\b)`;
const ONE = `${alone}1(?<of>${things})(?<whose>${whose}(?=${verb}\\b)|)(?<does>${verb}\\b|)`;
/** `3 are taken out`, at the beginning of a part of a sentence. */
const ALONE = '(?<=^|[,;] )1 (?<is>are|were|have)\\b';

const SHARE = new RegExp(`${QUOTED}|${MANY_OF}`, 'gi');
const COUNT = new RegExp(`${QUOTED}|${ONE}|${ALONE}`, 'gi');
/** Before `1 mailboxes` this means that another number is what the verb goes with. */
const SHARE_BEFORE = /\d of (?:the )?$/;

/** @param text English, written for many */
export function ofOne(text: string): string {
  if (!/\b1 [a-z]/i.test(text)) return text;
  let single = false;
  const shared = text.replace(SHARE, (all: string, ...rest) => {
    const { many, verb: does } = rest.at(-1) as { many?: string; verb?: string };
    if (many === undefined || does === undefined) return all;
    single = true;
    return `${many}${verbOfOne(does)}`;
  });
  const counted = shared.replace(COUNT, (all: string, ...rest) => {
    const parts = rest.at(-1) as { of?: string; whose?: string; does?: string; is?: string };
    if (parts.is !== undefined) {
      single = true;
      return `1${verbOfOne(` ${parts.is}`)}`;
    }
    if (parts.of === undefined) return all;
    const { whose: of = '', does = '' } = parts;
    const offset = rest.at(-3) as number;
    const isShare = SHARE_BEFORE.test(shared.slice(0, offset));
    if (!isShare) single = true;
    return `1${nounsOfOne(parts.of)}${isShare ? `${of}${does}` : `${of}${verbOfOne(does)}`}`;
  });
  return single ? LATER.reduce((said, [many, one]) => said.replace(many, one), counted) : counted;
}

function nounsOfOne(text: string): string {
  return text.replace(/[a-z]+/gi, (word) => NOUNS[word] ?? word);
}

function verbOfOne(text: string): string {
  return text.replace(/[a-z]+$/i, (word) => VERBS[word] ?? word);
}
