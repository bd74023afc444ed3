import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry } from '../../src/commands/index.ts';
import { flagOf } from '../../src/commands/flags.ts';
import { GLOBAL_OPTIONS } from '../../src/commands/global.ts';
import { scanArguments } from '../../src/cli/globals.ts';
import { parseArguments } from '../../src/cli/program.ts';

const commands = await registry.loadAll();

test('commands are registered under their names, and say what a reader needs', () => {
  assert.deepEqual(
    commands.map(({ name }) => name),
    registry.names(),
  );
  for (const command of commands) {
    assert.match(command.summary, /^[a-z].*[^.]$/, command.name);
    assert.ok(command.examples.length > 0, `${command.name} has no example`);
    assert.ok(0 in command.exitCodes, `${command.name} does not say what 0 means`);
    for (const option of Object.values(command.options))
      assert.match(option.description, /^[^A-Z].*[^.]$/, `${command.name}: ${option.description}`);
    for (const key of Object.keys(command.options))
      assert.ok(!(key in GLOBAL_OPTIONS), `${command.name} ${flagOf(key)} is a global option`);
  }
});

test('every example is a command line that is understood', () => {
  for (const command of commands) {
    for (const { command: line } of command.examples) {
      const words = [...(line.split(/ [>|] /, 1)[0] ?? '').matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ''));
      assert.equal(words.shift(), 'mailrecover', line);
      const { globals } = scanArguments(words, {});
      assert.ok('command' in parseArguments(words, [command], {}, globals.color), line);
    }
  }
});
