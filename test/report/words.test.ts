import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tellAge, tellProof, tellRoom, tellRuns } from '../../src/backup/status/judge.ts';
import { missedFinding } from '../../src/commands/schedule-show.ts';
import { silentHost } from '../../src/commands/report/host.ts';
import { wordsOf } from '../../src/report/words/index.ts';
import { textHelpers } from '../../src/report/text/helpers.ts';
import { template } from '../../src/report/words/catalogue.ts';
import { MESSAGES } from '../../src/report/words/ja/messages/index.ts';
import { SHAPES } from '../../src/report/words/ja/messages/shapes.ts';
import { inLanguage } from '../../src/report/words/say.ts';
import { wordsProblems } from '../../tools/words/check.ts';
import { ROOT } from '../support/binary.ts';

const JAPANESE = /[\u3040-\u30ff\u4e00-\u9fff]/;

test('every text stands in both languages', () => {
  const [en, ja] = [flat(wordsOf('en')), flat(wordsOf('ja'))];
  assert.deepEqual([...ja.keys()].sort(), [...en.keys()].sort());
  for (const [key, text] of ja) {
    // Marks, and names that are the same everywhere.
    const english = en.get(key);
    if (typeof english === 'string' && /[a-z]{3}/.test(english)) assert.notEqual(text, english, key);
  }
});

/** Texts and functions by the path to them. */
function flat(value: object, path = ''): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([key, each]: [string, unknown]) =>
      typeof each === 'object' && each !== null ? [...flat(each, `${path}${key}.`)] : [[`${path}${key}`, each] as const],
    ),
  );
}

test('every message of the program stands in the catalogue, and nothing else', () => {
  assert.deepEqual(wordsProblems(ROOT), []);
});

test('each is found again with its parts filled in, and is not taken for another', () => {
  const wrong: string[] = [];
  for (const [english, japanese] of [...MESSAGES, ...SHAPES]) {
    const entry = template(english, japanese);
    const values = ['q7', 'w8', 'e9', 'r1', 't2'];
    // A part that touches the one before begins with a mark.
    const touches = new Set([...entry.english.matchAll(/\}\{(\d+)\}/g)].map(([, part]) => part));
    const fill = (text: string): string =>
      text.replace(/\{(\d+)\}/g, (_, part: string) => `${touches.has(part) ? ', ' : ''}${values[Number(part)] ?? ''}`);
    assert.equal(inLanguage('en', fill(entry.english)), fill(entry.english));
    // Shapes of few letters are there for the parts alone that have a translation.
    if (entry.weight >= 5 && inLanguage('ja', fill(entry.english)) !== fill(entry.says)) wrong.push(english);
  }
  assert.deepEqual(wrong, []);
});

test('a screen says a template with its parts where they belong', () => {
  const text = textHelpers({ color: false, lang: 'ja' });
  assert.equal(text.say`${'3'} of ${'7'} mailboxes were left as they were`, 'メールボックス 7 個中 3 個は変更しませんでした');
  assert.equal(text.say`\nthe space comes back with: mailrecover prune`, '\n容量は次のコマンドで解放されます: mailrecover prune');
  assert.equal(text.say`nobody has ever said ${'this'}`, 'nobody has ever said this');
});

test('names and paths in quotation marks stay as they are', () => {
  assert.equal(
    inLanguage('ja', "unable to write 'removed': no space left on the file system"),
    "'removed' に書き込めません: ファイルシステムに空きがありません",
  );
  assert.equal(inLanguage('ja', "the mail of store 'mail' is not there: '/var/vmail' does not exist").includes("'mail'"), true);
});

test('what a report finds is told in Japanese, what it does not know as it is', () => {
  const run = {
    id: '1',
    command: 'backup',
    arguments: [],
    host: 'mx1',
    startedAt: '2026-11-20T03:00:00Z',
    counts: {},
    findings: {},
    version: '1',
  };
  const lastRuns = {
    backup: {
      ...run,
      state: 'failed',
      error: { code: 'unreachable', message: "unable to reach 'vault:22': nothing answers on that port" },
    },
    verify: { ...run, command: 'verify', state: 'partial', codes: ['missing'] },
    check: { ...run, command: 'check', state: 'failed', exitCode: 4 },
  };
  const old = { id: 'a', time: '2026-01-01T00:00:00Z', host: 'mx1', messages: 1, bytes: 1 };
  const proof = { snapshot: 'a', level: 'server', scope: 'all', time: '2026-01-01T00:00:00Z', by: 'mx1', seconds: 9000 };
  const base = { host: 'mx1', key: undefined, partial: { id: 'b', time: old.time }, snapshots: 1, proofs: [], runs: [], running: [] };
  const more = {
    failures: [{ ...run, command: 'prune', id: '2', state: 'failed' }],
    incomplete: [{ ...run, command: 'copy', id: '3', state: 'incomplete' }],
  };
  const status = { ...base, ...more, newest: old, ageSeconds: 1e7, lastRuns, verified: proof, verifiedWhole: proof };
  const never = { ...status, newest: undefined, ageSeconds: undefined, snapshots: 0 };
  const goals = { rpo: 3600, rto: 3600, proof: 86_400 };
  const findings = [
    ...tellAge(status, goals, old.time),
    ...tellAge(status, {}, old.time),
    ...tellAge(never, goals, old.time),
    ...tellAge({ ...never, snapshots: 1 }, goals, old.time),
    ...tellRuns(status),
    ...tellProof(status, goals, true),
    ...tellProof({ ...status, verified: undefined }, goals, true),
    ...tellProof({ ...status, verifiedWhole: undefined }, goals, true),
    ...tellRoom({ size: { bytes: 1, objects: 1 }, lastWeek: 0, perDay: 1, free: 1, daysUntilFull: 1 }, {}),
    ...silentHost('mx9').findings,
    missedFinding({ job: 'backup', command: 'backup', due: 0, times: 3, lastRun: undefined }),
    missedFinding({ job: 'backup', command: 'backup', due: 0, times: 1, lastRun: 5 }),
  ];
  assert.ok(findings.length > 18, String(findings.length));
  for (const { message, hint } of findings)
    for (const said of [message, hint ?? '通']) assert.match(inLanguage('ja', said), JAPANESE, said);
  assert.equal(
    inLanguage('ja', "the last backup (2026-11-20T03:00:00Z) failed: unable to reach 'vault:22': nothing answers on that port"),
    "前回のバックアップ (2026-11-20T03:00:00Z) は失敗しました: 'vault:22' に接続できません: そのポートでは応答がありません",
  );
  assert.equal(inLanguage('ja', 'something that nobody translated'), 'something that nobody translated');
  assert.equal(inLanguage('ja', 'x: '.repeat(5000)).length, 15_000);
});

test('one thing is said as one', () => {
  const said: [string, string][] = [
    ['1 messages are there already', '1 message is there already'],
    ['of 1 mailboxes', 'of 1 mailbox'],
    ["1 of 14 mailboxes are not on 'mx2' yet: a", "1 of 14 mailboxes is not on 'mx2' yet: a"],
    ['0 of 1 mailboxes were left as they were', '0 of 1 mailbox were left as they were'],
    ['1 of 1 mailboxes were left as they were', '1 of 1 mailbox was left as it was'],
    [
      "1 messages lie in the queue of 'mx1': they go on when it serves again",
      "1 message lies in the queue of 'mx1': it goes on when it serves again",
    ],
    ["1 messages of 'a@x' are encrypted by Dovecot", "1 message of 'a@x' is encrypted by Dovecot"],
    ["1 files, users or groups are not on 'mx2' yet", "1 file, user or group is not on 'mx2' yet"],
    ['1 messages that were put there have no UID yet', '1 message that was put there has no UID yet'],
    ['1 objects of 5 bytes are named by no snapshot', '1 object of 5 bytes is named by no snapshot'],
    ['in 1 folders of mx2 UIDs are left out', 'in 1 folder of mx2 UIDs are left out'],
    ['1 were changed by clients', '1 was changed by clients'],
    ['1 snapshots still hold something of it', '1 snapshot still holds something of it'],
    ['the bytes of 1 messages changed under their name', 'the bytes of 1 message changed under its name'],
  ];
  for (const [many, one] of said) assert.equal(inLanguage('en', many), one);
  for (const same of [
    '21 messages are gone',
    '1,001 messages are gone',
    '2.1 snapshots are old',
    'mx-1 messages are old',
    "folder '1 messages' is there",
    'the bytes of entry 1 are missing',
    'part 1 is there',
  ])
    assert.equal(inLanguage('en', same), same);
  const text = textHelpers({ color: false, lang: 'en' });
  assert.equal(text.say`${text.number(1)} snapshots forgotten`, '1 snapshot forgotten');
  assert.equal(text.say`${text.number(2)} snapshots forgotten`, '2 snapshots forgotten');
  assert.equal(text.say`${'1 messages'}: ${text.number(1)} messages are back`, '1 messages: 1 message is back');
  assert.equal(text.say`removed ${'{1}'} of ${text.number(1)} files`, 'removed {1} of 1 file');
});
