import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { beginRun, markPublished, readRecentRuns, readRuns } from '../../src/report/history.ts';

const RUN = { command: 'backup', arguments: ['backup', '--deep'], host: 'mx1', version: '1.0.0' };
const END = { outcome: 'ok', exitCode: 0, counts: { messages: 3 }, findings: {} };
let state: string;
let file: string;

beforeEach(() => {
  state = join(mkdtempSync(join(tmpdir(), 'mailrecover-history-')), 'state');
  file = join(state, 'history.jsonl');
});

afterEach(() => rmSync(join(state, '..'), { recursive: true, force: true }));

test('a run is there before it ends, and keeps what it ended with', () => {
  assert.deepEqual(readRuns(state), []);
  const run = beginRun(state, RUN);
  assert.equal(readRuns(state)[0]?.state, 'running');
  run.end({ ...END, subject: { snapshot: 'abc' } });
  const [told] = readRuns(state);
  assert.deepEqual([told?.state, told?.exitCode, told?.counts, told?.subject], ['ok', 0, { messages: 3 }, { snapshot: 'abc' }]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(state).mode & 0o777, 0o700);
});

test('a run whose process is gone is incomplete, also when another has its number now', () => {
  beginRun(state, RUN);
  const line = readFileSync(file, 'utf8');
  for (const other of [
    line.replace(/"started":"\d+"/, '"started":"1"'),
    line.replace(/"boot":"[^"]+"/, '"boot":"x"'),
    line.replace(/"pid":\d+/, '"pid":4194305'),
  ]) {
    assert.notEqual(other, line);
    writeFileSync(file, other);
    assert.equal(readRuns(state)[0]?.state, 'incomplete');
  }
});

test('a torn last line costs itself only, wherever it was torn', () => {
  beginRun(state, RUN).end(END);
  const whole = readFileSync(file, 'utf8');
  const firstLine = whole.indexOf('\n') + 1;
  for (let length = firstLine + 1; length < whole.length; length += 7) {
    writeFileSync(file, whole);
    truncateSync(file, length);
    beginRun(state, RUN).end(END);
    const runs = readRuns(state);
    assert.equal(runs.length, 2);
    assert.equal(runs[1]?.state, 'ok');
  }
});

test('rubbish in the file is passed over', () => {
  beginRun(state, RUN).end(END);
  appendFileSync(
    file,
    'null\n[]\n{"run":1,"event":"start"}\n{"run":"x","event":"end","time":"t","outcome":"ok"}\n{"run":"y","event":"start","time":"t"}\n\u0000\u0000\n',
  );
  assert.equal(readRuns(state).length, 1);
});

test('a file that has grown large is put aside and still read', () => {
  beginRun(state, RUN).end(END);
  appendFileSync(file, `${' '.repeat(9 * 1024 * 1024)}\n`);
  beginRun(state, RUN).end(END);
  assert.ok(statSync(file).size < 2000);
  assert.deepEqual(
    readRuns(state).map((run) => run.state),
    ['ok', 'ok'],
  );
});

test('the newest runs are read without the rest', () => {
  for (let number = 0; number < 400; number++) beginRun(state, { ...RUN, arguments: ['x'.repeat(1000), String(number)] }).end(END);
  const recent = readRecentRuns(state);
  assert.ok(recent.length > 100 && recent.length < 400, String(recent.length));
  assert.deepEqual(
    recent.map(({ arguments: words }) => words[1]),
    readRuns(state)
      .slice(-recent.length)
      .map(({ arguments: words }) => words[1]),
  );
  markPublished(
    state,
    recent.map(({ id }) => id),
  );
  assert.ok(readRecentRuns(state).every(({ published }) => published));
});
