import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { completionScript } from '../../src/commands/completion/script.ts';
import { registry } from '../../src/commands/index.ts';

const commands = await registry.loadAll();

/** What bash offers for a line, the last word of which is being typed. */
function offers(line: string): string[] {
  const words = line.split(' ');
  const script = `${completionScript('bash', commands)}
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
    _mailrecover 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash completes commands, groups, options and values', () => {
  assert.deepEqual(offers('mailrecover hist'), ['history']);
  assert.deepEqual(offers('mailrecover config '), ['check']);
  assert.deepEqual(offers('mailrecover --json history --fai'), ['--failed']);
  assert.deepEqual(offers('mailrecover --config x.yaml completion '), ['bash', 'zsh', 'fish']);
  assert.deepEqual(offers('mailrecover history --lang '), ['en', 'ja']);
  assert.deepEqual(offers('mailrecover config check --limi'), []);
  assert.ok(offers('mailrecover ').includes('completion'));
});

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  const absent = spawnSync(shell, ['-c', 'true']).status !== 0;
  test(`${shell} reads its script`, { skip: absent && `${shell} is not installed` }, () => {
    const { status, stderr } = spawnSync(shell, ['-n'], { input: completionScript(shell, commands), encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
  });
}

test('every command and option stands in every script', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = completionScript(shell, commands);
    for (const { name } of commands) assert.ok(script.includes(name.split(' ').at(-1) ?? name), `${shell} does not know ${name}`);
    assert.ok(script.includes('quiet'));
  }
});
