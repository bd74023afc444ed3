import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSecret, referenceProblem } from '../../src/system/secret.ts';
import { scratch } from '../support/tmp.ts';

test('a secret comes from a file, the environment, a program or systemd, without its line end', async () => {
  const directory = scratch('secret');
  writeFileSync(join(directory, 'key'), ' s3cret \n');
  assert.equal(await readSecret(`file:${directory}/key`, 'the key'), ' s3cret ');
  process.env['MAILRECOVER_TEST_SECRET'] = 'from the environment';
  assert.equal(await readSecret('env:MAILRECOVER_TEST_SECRET', 'the key'), 'from the environment');
  assert.equal(await readSecret(`cmd:printf "%s\\n" 'a  b'"c"`, 'the key'), 'a  bc');
  process.env['CREDENTIALS_DIRECTORY'] = directory;
  assert.equal(await readSecret('credential:key', 'the key'), ' s3cret ');
  delete process.env['CREDENTIALS_DIRECTORY'];
});

test('one that is not there is a matter of keys, and no argument or value is told', async () => {
  const fails = (reference: string): Promise<void> =>
    assert.rejects(readSecret(reference, 'the key'), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'key', reference);
      assert.match(error.message, /the key/);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /hidden/);
      return true;
    });
  await fails('file:/nowhere/at/all');
  await fails('env:MAILRECOVER_NOT_SET');
  await fails('credential:key');
  await fails('cmd:false hidden');
  await fails('cmd:mailrecover-no-such-program hidden');
  await fails('cmd:true hidden');
});

test('what is no reference is told without being repeated', () => {
  for (const text of [
    'hunter2',
    'file:relative',
    'env:A B',
    'env:',
    'cmd:',
    'cmd: ',
    `cmd:'x`,
    'credential:../x',
    'credential:..',
    'http://x',
  ])
    assert.match(referenceProblem(text) ?? '', /^must/, text);
  assert.doesNotMatch(referenceProblem('hunter2') ?? '', /hunter2/);
  for (const text of ['file:/x', 'env:A_1', 'cmd:pass show x', 'credential:s3.key']) assert.equal(referenceProblem(text), undefined, text);
});
