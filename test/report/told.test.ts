import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decide, type Decision, type State, type Told } from '../../src/report/report/told.ts';
import { readTold, writeTold } from '../../src/report/report/told-file.ts';
import { openSpool } from '../../src/notify/spool.ts';
import { remember } from '../../src/commands/report/send.ts';
import { tmpfs } from '../support/disk.ts';
import { isRoot } from '../support/host.ts';
import { scratch } from '../support/tmp.ts';

const HOUR = 3600;
const rules = { on: ['warning', 'failed'], remindAfter: 24 * HOUR } as const;
const at = (hours: number): string => new Date(Date.UTC(2026, 10, 22) + hours * HOUR * 1000).toISOString();
const state = (hours: number, level: State['level'], ...problems: string[]): State => ({ level, problems, at: at(hours) });

/** What is told of one state after the other. */
function tellings(states: readonly State[], more: { on?: readonly State['level'][]; remindAfter?: number } = {}): Decision['kind'][] {
  let before: Told | undefined;
  return states.map((each) => {
    const { kind, next } = decide(before, each, { ...rules, ...more });
    before = next;
    return kind;
  });
}

test('what persists is told once, reminded of after a while, and its end is told', () => {
  const states = [0, 1, 12, 23, 24, 25, 47, 48].map((hours) => state(hours, 'failed', 'unreachable'));
  assert.deepEqual(tellings([...states, state(49, 'ok'), state(50, 'ok'), state(51, 'failed', 'unreachable')]), [
    'news',
    undefined,
    undefined,
    undefined,
    'reminder',
    undefined,
    undefined,
    'reminder',
    'recovery',
    undefined,
    'news',
  ]);
});

test('what is new or worse is told at once; what comes and goes is not news each time', () => {
  assert.deepEqual(
    tellings([
      state(0, 'warning', 'a'),
      state(1, 'warning', 'a', 'b'),
      state(2, 'warning', 'b'),
      state(3, 'warning', 'a'),
      state(4, 'failed', 'a'),
      state(5, 'warning', 'a'),
      state(6, 'failed', 'a'),
    ]),
    ['news', 'news', undefined, undefined, 'news', undefined, undefined],
  );
});

test('it lasts since it began, whatever was added meanwhile', () => {
  const first = decide(undefined, state(0, 'failed', 'a'), rules);
  const second = decide(first.next, state(5, 'failed', 'a', 'b'), rules);
  const reminder = decide(second.next, state(29, 'failed', 'b'), rules);
  const over = decide(reminder.next, state(30, 'ok'), rules);
  assert.deepEqual([second.since, reminder.kind, reminder.since, over.kind, over.since], [at(0), 'reminder', at(0), 'recovery', at(0)]);
});

test('only what was asked for is told', () => {
  assert.deepEqual(
    tellings([state(0, 'warning', 'a'), state(1, 'failed', 'a'), state(2, 'warning', 'a'), state(3, 'ok')], { on: ['failed'] }),
    [undefined, 'news', 'recovery', undefined],
  );
  assert.deepEqual(
    tellings([state(0, 'ok'), state(1, 'ok'), state(2, 'failed', 'a'), state(3, 'ok'), state(4, 'ok')], { on: ['ok', 'failed'] }),
    ['success', 'success', 'news', 'recovery', 'success'],
  );
  assert.deepEqual(tellings([state(0, 'failed', 'a'), state(1, 'ok')], { on: [] }), [undefined, undefined]);
});

test('a clock that was set back silences nobody', () => {
  assert.deepEqual(tellings([state(1000, 'failed', 'a'), state(1, 'failed', 'a'), state(2, 'failed', 'a')]), [
    'news',
    'reminder',
    undefined,
  ]);
});

test('what was told is kept in one step, and what is damaged counts as nothing', async () => {
  const directory = scratch('told');
  const told: Told = { level: 'failed', problems: ['a'], since: at(0), toldAt: at(1) };
  assert.equal(await readTold(directory, 'auth refresh'), undefined);
  await writeTold(directory, 'auth refresh', told);
  assert.deepEqual(await readTold(directory, 'auth refresh'), told);
  assert.deepEqual(readdirSync(join(directory, 'told')), ['auth_refresh.json']);
  const whole = readFileSync(join(directory, 'told/auth_refresh.json'), 'utf8');
  for (const text of ['', whole.slice(0, 20), 'null', '[]', '{"level":"bad"}', JSON.stringify({ ...told, since: 'x' })]) {
    writeFileSync(join(directory, 'told/auth_refresh.json'), text);
    assert.equal(await readTold(directory, 'auth refresh'), undefined, text);
  }
  await writeTold(directory, 'auth refresh', undefined);
  await writeTold(directory, 'auth refresh', undefined);
  assert.deepEqual(readdirSync(join(directory, 'told')), []);
  mkdirSync(join(directory, 'told/x.json'));
  assert.equal(await readTold(directory, 'x'), undefined);
  await writeTold(directory, '../../evil', told);
  assert.deepEqual(readdirSync(join(directory, 'told')), ['.._.._evil.json', 'x.json']);
});

test(
  'on a full disk it is kept with the space that was set aside',
  { skip: isRoot ? false : 'needs root, to mount a file system' },
  async () => {
    const full = tmpfs(4);
    const directory = join(full, 'state');
    const delivery = { state: directory, reserve: 1 << 20, routes: [], signal: new AbortController().signal };
    const notify = { to: [], accounts: [], delivery, purposesOf: () => [] };
    assert.ok(await openSpool(directory, delivery.reserve).setAside());
    for (let size = 1 << 20; size >= 1; size >>= 1) {
      try {
        for (;;) appendFileSync(join(full, 'filler'), Buffer.alloc(size));
      } catch {
        // It is full; a smaller piece may still fit.
      }
    }
    const told: Told = { level: 'failed', problems: ['no-space'], since: at(0), toldAt: at(0) };
    assert.deepEqual(await remember(notify, 'backup', told), []);
    assert.deepEqual(await readTold(directory, 'backup'), told);
  },
);
