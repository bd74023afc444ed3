import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tellAge, tellProof, tellRoom, tellRuns } from '../../src/backup/status/judge.ts';
import { missedFinding } from '../../src/commands/schedule-show.ts';
import { silentHost } from '../../src/commands/report/host.ts';
import { wordsOf } from '../../src/report/words/index.ts';
import { MESSAGES } from '../../src/report/words/ja/messages/index.ts';
import { inLanguage } from '../../src/report/words/say.ts';
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

test('what is translated still stands in the source', () => {
  const source = globSync('src/**/*.ts', { cwd: ROOT })
    .filter((file) => !file.startsWith('src/report/words/'))
    .map((file) => readFileSync(join(ROOT, file), 'utf8').replace(/\\'/g, "'"))
    .join('\n');
  const gone = MESSAGES.flatMap(([english]) =>
    english
      .split(/\{\w+\}|[^A-Za-z ]+/)
      .map((part) => part.trim())
      .filter((part) => !source.includes(part)),
  );
  // One that was reworded is shown in English, which is no disaster; many are.
  assert.ok(gone.length < 10, gone.join('\n'));
});

test('each is translated whole, with all that differs', () => {
  for (const [english, japanese] of MESSAGES) {
    const names = [...english.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    const shown = new Set([...japanese.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name));
    // Japanese has no plural, so a unit is left out.
    assert.deepEqual(shown, new Set(names.filter((name) => name !== 'unit')), english);
    const made = english.replace(/\{(\w+)\}/g, 'x7');
    assert.match(inLanguage('ja', made), JAPANESE, english);
    assert.equal(inLanguage('en', made), made);
  }
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
