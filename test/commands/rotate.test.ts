import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readHostKey } from '../../src/repository/signing.ts';
import { proofCoverage, readProofs } from '../../src/schedule/rotation.ts';
import { run } from '../support/host.ts';
import { initArguments, makeSetting } from './setting.ts';

test('nights serve all mailboxes in turn, on a host that only reads the repository and holds the key', async () => {
  const mx = makeSetting(4);
  await mx.json(...initArguments(mx));
  await mx.json('backup');
  const id = (JSON.parse(readFileSync(join(mx.repository, 'mailrecover.json'), 'utf8')) as { id: string }).id;

  // The verifier: its own state and configuration, the stores as they are named on the mail host, the key, and the host's public key.
  const verifier = makeSetting(1);
  run('mkdir', ['-p', join(verifier.root, 'etc')]);
  run('cp', [mx.identity, verifier.identity]);
  const key = (await readHostKey(join(mx.root, 'etc/host.key')))?.publicHex ?? '';
  const config = readFileSync(mx.config, 'utf8')
    .replace(/^state: .*/m, `state: ${verifier.state}`)
    .replace(/^host: .*/m, 'host: verifier')
    .replaceAll(mx.identity, verifier.identity);
  writeFileSync(verifier.config, `${config}\ntrust: [${key}]\n`);
  const before = run('find', [mx.repository, '-printf', '%p %s %T@\n']);
  const file = join(verifier.state, id, 'proofs-mx1.json');
  const night = async (): Promise<string[]> => {
    const { code, json } = await verifier.json('verify', '--host', 'mx1', '--level', 'mail', '--rotate', '2');
    assert.deepEqual([code, json.outcome, json.counts['mailboxes']], [0, 'ok', 1], JSON.stringify(json));
    return Object.entries(readProofs(file).mailboxes)
      .filter(([, { proved }]) => proved?.mail !== undefined)
      .map(([name]) => name);
  };
  assert.equal((await night()).length, 1);
  assert.deepEqual((await night()).toSorted(), ['alice@example.org', 'bob@example.org']);
  const covered = proofCoverage(readProofs(file), 'mail', 2, Date.now());
  assert.deepEqual([covered.mailboxes, covered.proved, covered.overdueCount], [2, 2, 0]);
  assert.equal(run('find', [mx.repository, '-printf', '%p %s %T@\n']), before, 'nothing in the repository was touched');

  const wrong = await verifier.run('verify', '--rotate', '2', '--sample', '10');
  assert.equal(wrong.code, 2);
  rmSync(file);
  const whole = await verifier.json('verify', '--host', 'mx1', '--level', 'files');
  assert.equal(whole.code, 0);
  assert.equal(proofCoverage(readProofs(file), 'files', 2, Date.now()).proved, 2, 'a proof of everything counts for all');
});
