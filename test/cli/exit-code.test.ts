import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codesOf, exitCodeOf } from '../../src/cli/exit-code.ts';

test('the worst error decides, whatever the order', () => {
  assert.equal(exitCodeOf('failed', ['usage', 'damage', 'unreachable']), 4);
  assert.equal(exitCodeOf('failed', ['damage', 'bug']), 70);
  assert.equal(exitCodeOf('failed', ['io', 'key']), 12);
  assert.equal(exitCodeOf('failed', ['partial']), 1);
  assert.equal(exitCodeOf('failed', []), 1);
  assert.equal(exitCodeOf('ok', ['damage']), 0);
});

test('only error findings count, beside the cause and the error', () => {
  const finding = { code: 'damage', message: 'x' };
  assert.deepEqual(codesOf({ outcome: 'failed', findings: [{ ...finding, severity: 'warning' }], cause: 'key' }, { code: 'io' }), [
    'key',
    'io',
  ]);
  assert.deepEqual(codesOf({ outcome: 'failed', findings: [{ ...finding, severity: 'error' }] }), ['damage']);
});
