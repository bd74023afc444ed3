import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MailrecoverError } from '../../src/errors/error.ts';
import { run } from '../../src/system/exec.ts';

const node = process.execPath;

async function failure(work: Promise<unknown>): Promise<MailrecoverError> {
  const error: unknown = await work.then(
    () => assert.fail('it should have failed'),
    (e: unknown) => e,
  );
  assert.ok(error instanceof MailrecoverError, String(error));
  return error;
}

test('gives what a command prints, as it is', async () => {
  assert.deepEqual(await run(node, ['-e', 'console.log("é"); console.error("e"); process.exitCode = 3'], { okExitCodes: [0, 3] }), {
    exitCode: 3,
    stdout: 'é\n',
    stderr: 'e\n',
  });
  assert.equal((await run('cat', [], { input: 'in\n\n' })).stdout, 'in\n\n');
  assert.equal((await run('cat', [])).stdout, '');
  assert.equal((await run('pwd', [], { cwd: '/' })).stdout, '/\n');
});

test('no shell reads the arguments; the environment is added to', async () => {
  const odd = '$(echo x); `y` "z" \'q\' * \n';
  assert.equal((await run('printf', ['%s', odd])).stdout, odd);
  const seen = await run(
    node,
    ['-p', '[process.env.MORE, process.env.HOME ?? "none", process.env.LC_ALL, process.env.PATH.includes("/usr/sbin")].join()'],
    {
      env: { MORE: 'm', HOME: undefined },
    },
  );
  assert.equal(seen.stdout, 'm,none,C.UTF-8,true\n');
  assert.equal((await run('/usr/bin/env', [], { bareEnv: true, env: { ONLY: '1' } })).stdout, 'ONLY=1\n');
});

test('a command that is missing', async () => {
  const error = await failure(run('mailrecover-no-such-command', [], { hint: 'apt install it' }));
  assert.deepEqual([error.code, error.hint], ['not-found', 'apt install it']);
  assert.match((await failure(run('cat', [], { cwd: '/nowhere' }))).message, /'\/nowhere' does not exist/);
  assert.equal((await failure(run('/etc/passwd', []))).code, 'failed');
});

test('errors say how it ended, and neither arguments nor secrets', async () => {
  const error = await failure(
    run(node, ['-e', 'console.error("first\\nbad password hunter2\\u001b[1m"); process.exit(9)', 'secret-argument'], {
      secrets: ['hunter2'],
    }),
  );
  assert.equal(error.code, 'failed');
  assert.match(error.message, /failed with exit code 9: bad password \*\*\* \[1m$/);
  assert.ok(!JSON.stringify([error.message, error.stack, error.cause]).includes('secret-argument'));
  assert.match((await failure(run(node, ['-e', 'process.kill(process.pid, "SIGKILL")']))).message, /killed by SIGKILL/);
});

test('time, size and an abort end it', async () => {
  assert.match((await failure(run('sleep', ['60'], { timeoutMs: 100 }))).message, /took longer than 0.1 s/);
  assert.match((await failure(run('yes', [], { maxBytes: 1000 }))).message, /printed more than 1000 bytes/);
  const abort = new AbortController();
  const work = run('sleep', ['60'], { signal: abort.signal });
  abort.abort(new Error('enough'));
  await assert.rejects(work, /enough/);
  await assert.rejects(run('true', [], { signal: abort.signal }), /enough/);
});
