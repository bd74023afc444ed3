import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configError, parseConfig } from '../../src/config/parse.ts';
import { sampleConfig } from '../../src/config/sample.ts';

const RECIPIENT = 'age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq';
const VALID = `stores:\n  - path: /var/vmail/%d/%n/Maildir\nrepository:\n  path: /srv/backup\nrecipients: [${RECIPIENT}]\n`;

/** Problems as `line:column message | hint`. */
function problems(text: string): string[] {
  return (parseConfig(text).problems ?? []).map(
    ({ line, column, message, hint }) => `${line}:${column} ${message}${hint === undefined ? '' : ` | ${hint}`}`,
  );
}

test('a short configuration gets its defaults', () => {
  const { config } = parseConfig(VALID);
  assert.equal(config?.state, '/var/lib/mailrecover');
  assert.deepEqual(config?.backup, { deepEvery: 7, readBack: true });
  assert.deepEqual(config?.stores, [
    { name: 'mail', format: 'maildir', path: '/var/vmail/%d/%n/Maildir', layout: 'maildir++', prefix: '', utf8: false },
  ]);
  assert.equal(parseConfig(`${VALID}goals: { rpo: 15m }\n`).config?.goals?.rpo, 900);
});

test('mistakes are named with line and column, misspelt words with what they were meant to be', () => {
  const text = `state: var\nstores:\n  - pth: /var/%h\n    layout: maildr++\nrepositry:\n  path: /x\nencryption: nope\nrecipients: [age2x]\nbackup: { workers: many, deepEvery: -1 }\n`;
  assert.deepEqual(problems(text), [
    "1:8 'state' must be an absolute path",
    "3:5 unknown key 'pth' in 'stores[0]' | did you mean 'path'?",
    "4:13 'stores[0].layout' must be one of maildir++, fs | did you mean 'maildir++'?",
    "5:1 unknown key 'repositry' | did you mean 'repository'?",
    "7:13 'encryption' must be true or false",
    "8:14 'recipients[0]' must be an age recipient, which begins with 'age1'",
    "9:20 'backup.workers' must be a number",
    "9:37 'backup.deepEvery' must be at least 0",
  ]);
});

test('patterns know their variables only', () => {
  const withPath = (path: string): string[] => problems(VALID.replace('/var/vmail/%d/%n/Maildir', path));
  assert.deepEqual(withPath('/home/%u/100%%/Maildir'), []);
  assert.deepEqual(withPath('/home/%h/%u'), ["2:11 'stores[0].path' knows the variables %u, %n, %d and %% only, not %h"]);
  assert.deepEqual(withPath('/home/%d/%%n'), ["2:11 'stores[0].path' must hold %u or %n, where the name of the mailbox stands"]);
  assert.deepEqual(withPath('home/%u'), ["2:11 'stores[0].path' must be an absolute path"]);
});

test('encryption and recipients go together; stores have names of their own', () => {
  assert.match(problems(VALID.replace(/recipients.*/, ''))[0] ?? '', /'recipients' must name an age recipient/);
  assert.match(problems(`${VALID}encryption: false\n`)[0] ?? '', /'recipients' must be empty/);
  assert.match(
    problems(VALID.replace('repository', '  - path: /b/%u\nrepository'))[0] ?? '',
    /'stores\[1\]\.name' is the name of another store/,
  );
});

test('what is no YAML, or no group of keys, or empty, is told as such', () => {
  assert.match(problems('a: [1\n')[0] ?? '', /^\d+:\d+ flow sequence/);
  assert.match(problems('a: 1\na: 2\n')[0] ?? '', /^2:1 map keys must be unique/);
  assert.deepEqual(problems('- 1\n'), ['1:1 the file must be a group of keys']);
  assert.deepEqual(problems(''), ["1:1 'stores' is missing", "1:1 'repository' is missing"]);
  assert.match(problems(`a: &a [1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [${'*b,'.repeat(99)}]\n`)[0] ?? '', /alias/);
});

test('an error names the first problem and how many there are', () => {
  const { problems: found = [] } = parseConfig('stors: []\n');
  const error = configError('/etc/x.yaml', found);
  assert.equal(error.message, "/etc/x.yaml:1:1: unknown key 'stors' (and 1 more)");
  assert.equal(error.hint, "did you mean 'stores'?");
});

test('the sample is valid once a recipient is named, and with all that is commented out', () => {
  const sample = sampleConfig();
  assert.match(problems(sample).join(), /recipients/);
  assert.deepEqual(problems(sample.replace('# recipients:', 'recipients:')), []);
  const everything = sample.replaceAll(/^( *)# ((?:#| {2}|[a-zA-Z0-9]+:).*)$/gm, '$1$2');
  assert.deepEqual(problems(everything), []);
  assert.equal(parseConfig(everything).config?.goals?.rto, 14_400);
});

test('values that are set come back, in a file that explains the others', () => {
  const values = {
    host: 'true',
    stores: [
      { name: 'a', path: '/a/%u', prefix: 'INBOX.', separator: '.' },
      { name: 'b', path: '/b with: blanks #/%n', owner: 'vmail:vmail' },
    ],
    repository: { at: '/srv/backup' },
    recipients: [RECIPIENT],
    identities: ['file:/etc/mailrecover/identity.txt'],
    backup: { workers: 2 },
  };
  const { config } = parseConfig(sampleConfig(values));
  assert.equal(config?.host, 'true');
  assert.equal(config?.stores[1]?.path, '/b with: blanks #/%n');
  assert.equal(config?.stores[0]?.prefix, 'INBOX.');
  assert.deepEqual(config?.identities, values.identities);
  assert.equal(config?.backup.workers, 2);
});
