import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePlain } from '../../src/cli/parse-plain.ts';
import { parseArguments } from '../../src/cli/program.ts';
import { scanArguments } from '../../src/cli/globals.ts';
import { defineCommand, type AnyCommand } from '../../src/commands/types.ts';

const command: AnyCommand = defineCommand({
  name: 'key test',
  summary: 'tests',
  description: ['Tests.'],
  arguments: {
    first: { value: 'FIRST', description: 'first', required: true },
    rest: { value: 'REST', description: 'rest', variadic: true },
  },
  options: {
    noEncryption: { kind: 'flag', description: 'no encryption' },
    readData: { kind: 'flag', description: 'read data' },
    mailbox: { kind: 'list', value: 'MAILBOX', description: 'mailbox' },
    identity: { kind: 'list', value: 'FILE', description: 'identity', env: 'TEST_IDENTITY' },
    level: { kind: 'choice', value: 'LEVEL', choices: ['files', 'mail'], description: 'level', default: 'mail' },
    limit: { kind: 'number', value: 'N', description: 'limit', default: 5, min: 0, max: 100 },
    to: { kind: 'text', value: 'DIR', description: 'to', env: 'TEST_TO' },
  },
  examples: [],
  exitCodes: {},
  json: {},
  run: async () => ({ outcome: 'ok' }),
});

const word = fc.oneof(
  fc.constantFrom('a', 'user@example.org', 'latest~2', 'mail', 'files', '5', '1e3', '101', 'a=b', ''),
  fc.string({ maxLength: 4 }),
);
const token = fc.oneof(
  { weight: 3, arbitrary: word },
  fc.constantFrom('--read-data', '--no-encryption', '--json', '--quiet', '--no-color', '--', '--nope', '-x', '-h', '--lang', '--lang=ja'),
  fc
    .tuple(fc.constantFrom('--mailbox', '--identity', '--level', '--limit', '--to', '--config', '--read-data'), word)
    .map(([flag, value]) => `${flag}=${value}`),
  fc.constantFrom('--mailbox', '--identity', '--level', '--limit', '--to', '--config'),
);

test('what the plain parser accepts, the full one understands in the same way', () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(token, { maxLength: 7 }), fc.boolean(), (tokens, inEnvironment) => {
      const environment = inEnvironment ? { TEST_IDENTITY: '/key', TEST_TO: '/target' } : {};
      const argv = ['key', 'test', ...tokens];
      const plain = parsePlain(argv, command, environment);
      if (plain === undefined) return;
      accepted++;
      const full = parseArguments(argv, [command], environment, false);
      assert.ok('command' in full);
      assert.deepEqual(plain, { args: full.args, options: full.options });
    }),
    { numRuns: 3000 },
  );
  assert.ok(accepted > 300, `only ${accepted} command lines were accepted`);
});

test('options: defaults, environment, negation, repetition', () => {
  const parsed = parsePlain(['key', 'test', 'x', 'y', '--mailbox', 'a', '--mailbox=b', '--no-encryption'], command, {
    TEST_IDENTITY: '/key',
  });
  assert.deepEqual(parsed?.args, { first: 'x', rest: ['y'] });
  assert.deepEqual(parsed?.options, {
    noEncryption: true,
    readData: false,
    mailbox: ['a', 'b'],
    identity: ['/key'],
    level: 'mail',
    limit: 5,
    to: undefined,
  });
});

test('global options are found before and after the command, and not after --', () => {
  assert.equal(scanArguments(['--json', 'backup'], {}).globals.json, true);
  assert.equal(scanArguments(['backup', '--json'], {}).globals.json, true);
  assert.equal(scanArguments(['backup', '--', '--json'], {}).globals.json, false);
  assert.deepEqual(scanArguments(['--config', 'x', 'backup'], {}).words, ['backup']);
  assert.equal(scanArguments(['--config', 'x'], { MAILRECOVER_CONFIG: 'y' }).globals.config, 'x');
  assert.equal(scanArguments([], { MAILRECOVER_CONFIG: 'y' }).globals.config, 'y');
  assert.equal(scanArguments([], { LANG: 'ja_JP.UTF-8' }).globals.lang, 'ja');
  assert.equal(scanArguments([], { NO_COLOR: '1' }).globals.color, false);
});
