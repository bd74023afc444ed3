/** Hooks of the configuration around commands, with the real program. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { initArguments, makeSetting, type Setting } from '../commands/setting.ts';
import { mailrecover, notBuilt, startMailrecover, type Document } from '../support/binary.ts';
import { until } from '../support/ports.ts';

interface Hook {
  when: string;
  program: string;
  exitCode?: number;
  problem?: string;
  output: string[];
}

interface Hooked extends Setting {
  /** Runs a command with --json; what it printed must be one document. */
  go: (args: string[], env?: Record<string, string>) => Promise<{ code: number | null; json: Document; stderr: string }>;
  /** Writes a script, and gives its path. */
  script: (name: string, body: string) => string;
  /** What the scripts wrote down. */
  log: () => string[];
}

async function hookedSetting(hooks: (script: Hooked['script']) => string): Promise<Hooked> {
  const setting = makeSetting(4);
  const { code, err } = await setting.run(...initArguments(setting));
  assert.equal(code, 0, err);
  const file = join(setting.root, 'log');
  const script: Hooked['script'] = (name, body) => {
    const path = join(setting.root, name);
    writeFileSync(path, `#!/bin/sh\nsay() { echo "$*" >> ${file}; }\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  appendFileSync(setting.config, `\nhooks:\n${hooks(script)}`);
  return {
    ...setting,
    script,
    log: () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []),
    async go(args, env = {}) {
      const ran = await mailrecover(['--config', setting.config, '--json', ...args], { env });
      return { code: ran.code, json: ran.json(), stderr: ran.stderr };
    },
  };
}

const say = (name: string): string => `say ${name} "$MAILRECOVER_VERB" "$MAILRECOVER_OUTCOME" "$MAILRECOVER_EXIT_CODE"`;

describe('hooks', { skip: notBuilt() }, () => {
  test('before and after: in order, told what they run around, and their output is not ours', async () => {
    const setting = await hookedSetting((script) => {
      const noisy = script('noisy', `${say('$1')}; echo "on stdout: $2"; echo "token=abcdef AGE-SECRET-KEY-1QQQQ $BACKUP_PASSWORD" >&2`);
      const after = script(
        'after',
        `${say('after')}; cp "$MAILRECOVER_RESULT" "$(dirname "$0")/result.json"; ls -l "$MAILRECOVER_RESULT" | cut -c1-10 >> "$(dirname "$0")/log"`,
      );
      return `  - { verb: backup, before: [[${noisy}, one, 'a b'], [${noisy}, two, '$(id)']], after: [[${after}]], error: [[${noisy}, never]] }\n`;
    });
    const { code, json } = await setting.go(['backup'], { BACKUP_PASSWORD: 'hunter2' });
    assert.equal(code, 0, JSON.stringify(json));
    assert.deepEqual(setting.log(), ['one backup  ', 'two backup  ', 'after backup ok 0', '-rw-------']);
    const result = JSON.parse(readFileSync(join(setting.root, 'result.json'), 'utf8')) as Document;
    assert.equal(result['snapshot'], json['snapshot']);
    assert.equal(result.outcome, 'ok');
    const hooks = json['hooks'] as Hook[];
    assert.deepEqual(
      hooks.map(({ when, exitCode }) => [when, exitCode]),
      [
        ['before', 0],
        ['before', 0],
        ['after', 0],
      ],
    );
    assert.deepEqual(hooks[1]?.output, ['on stdout: $(id)', 'token=*** *** ***']);
    assert.deepEqual(globSync(join(setting.state, 'hook-*')), [], 'the result file is gone');
    assert.doesNotMatch(JSON.stringify(json), /hunter2|abcdef/);

    // A dry run, and commands that only look, run none.
    await setting.go(['backup', '--dry-run']);
    await setting.go(['snapshots']);
    await setting.go(['check']);
    assert.equal(setting.log().length, 4);
  });

  test('one that fails before stops the command; after is a warning; errors have their own', async () => {
    const setting = await hookedSetting((script) => {
      const gate = script('gate', '[ -e "$(dirname "$0")/open" ] || { echo "disk is not mounted" >&2; exit 7; }');
      const bad = script('bad', `${say('after')}; exit 3`);
      const error = script('error', `${say('error')}; grep -o '"code":"[a-z]*"' "$MAILRECOVER_RESULT" >> "$(dirname "$0")/log" || :`);
      return [
        `  - { verb: backup, before: [[${gate}], [${bad}]], after: [[${bad}], [${error}]], error: [[${error}]] }\n`,
        `  - { verb: verify, error: [[${error}], [/nowhere/at/all]], before: [[${script('slow', 'exec sleep 60')}]], timeout: 1 }\n`,
        '  - { verb: bakcup, before: [[/bin/true]] }\n',
      ].join('');
    });
    const stopped = await setting.go(['backup']);
    assert.equal(stopped.code, 1);
    assert.match(
      JSON.stringify(stopped.json),
      /'backup' was not begun: the hook '[^']*gate' before 'backup' failed: exit code 7: disk is not mounted/,
    );
    assert.deepEqual(setting.log(), ['error backup failed 1', '"code":"failed"']);
    assert.equal(globSync(join(setting.repository, 'snapshots/*/*')).length, 0);

    writeFileSync(join(setting.root, 'open'), '');
    const second = await setting.go(['backup']);
    assert.equal(second.code, 1, 'the second hook before it failed');
    setting.script('bad', `${say('after')}; [ "$MAILRECOVER_HOOK" = before ] || exit 3`);
    const done = await setting.go(['backup']);
    assert.equal(done.code, 0);
    assert.equal(done.json.outcome, 'warning');
    assert.deepEqual(
      done.json.findings.map(({ severity, code: name }) => [severity, name]),
      [
        ['warning', 'hook-unknown'],
        ['warning', 'hook-failed'],
      ],
    );
    assert.equal(setting.log().at(-1), 'error backup ok 0', 'the hooks after one that failed run all the same');

    const slow = await setting.go(['verify']);
    assert.equal(slow.code, 1);
    assert.match(JSON.stringify(slow.json), /took longer than 1 s/);
    assert.match(slow.stderr, /warning: the hook '\/nowhere\/at\/all' after an error of 'verify' failed: .*not installed/);
    const history = await setting.go(['history']);
    assert.match(JSON.stringify(history.json), /was not begun/);
  });

  test('a signal runs the hooks for errors; what a hook runs of mailrecover runs no hooks', async () => {
    const setting = await hookedSetting((script) => {
      const wait = script('wait', 'say waiting; if [ -e "$(dirname "$0")/go" ]; then exit 0; fi; exec sleep 60');
      const error = script('error', say('error'));
      const nested = script(
        'nested',
        `${say('nested')}; ${join(process.cwd(), 'bin/mailrecover')} --config "$(dirname "$0")/etc/mailrecover.yaml" backup --quiet; say inner $?`,
      );
      return `  - { verb: backup, before: [[${wait}]], error: [[${error}]], after: [[${nested}]] }\n`;
    });
    const { child, done } = startMailrecover(['--config', setting.config, 'backup']);
    assert.ok(await until(() => setting.log().length === 1, 60_000));
    child.kill('SIGTERM');
    assert.equal((await done).code, 143);
    assert.deepEqual(setting.log(), ['waiting', 'error backup failed 143']);
    writeFileSync(join(setting.root, 'go'), '');
    assert.equal((await setting.go(['backup'])).code, 0);
    assert.deepEqual(setting.log().slice(2), ['waiting', 'nested backup ok 0', 'inner 0']);
  });
});
