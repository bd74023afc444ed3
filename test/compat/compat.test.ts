/** Repositories of released versions must be read by every later one. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RELEASED } from '../../src/repository/recover/released.ts';
import { type Document, mailrecoverJson, notBuilt } from '../support/binary.ts';
import { scratch } from '../support/tmp.ts';
import { contents, type Expected } from './contents.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const versions = readdirSync(here, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
const tools = ['age', 'zstd', 'tar', 'awk', 'sha256sum'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);

interface Place {
  root: string;
  repository: string;
  identity: string;
  expected: Expected;
  run: (...args: string[]) => Promise<Document>;
}

function unpack(version: string): Place {
  const root = scratch('compat');
  const from = join(here, version);
  execFileSync('tar', ['-C', root, '-xzf', join(from, 'repository.tar.gz')]);
  const identity = join(root, 'identity.txt');
  writeFileSync(identity, readFileSync(join(from, 'identity.txt')), { mode: 0o600 });
  const expected = JSON.parse(readFileSync(join(from, 'expected.json'), 'utf8')) as Expected;
  const config = join(root, 'mailrecover.yaml');
  const repository = join(root, 'repository');
  const lines = [
    'host: mx1',
    `state: ${join(root, 'state')}`,
    `stores: [{ name: mail, path: '${root}/mail/%d/%n/Maildir' }]`,
    `repository: ${repository}`,
    `identities: ['file:${identity}']`,
    `recipients: [${expected.recipients.join(', ')}]`,
    `trust: [${expected.signingKey}]`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return { root, repository, identity, expected, run: (...args) => mailrecoverJson(['--config', config, ...args]) };
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

for (const version of versions) {
  test(`a repository of ${version} is sound, and gives back all that it holds`, { skip: notBuilt() }, async () => {
    const { root, repository, expected, run } = unpack(version);
    const checked = await run('check', '--read-data');
    assert.equal(checked.outcome, 'ok');
    assert.deepEqual(
      checked.findings.filter(({ code }) => code !== 'older-script'),
      [],
    );
    // What lies in it for people without mailrecover is known to be of that version.
    for (const name of ['recover.sh', 'RECOVER.md'])
      assert.ok(
        RELEASED.some((each) => each.version === version && each.name === name && each.sha256 === sha256(join(repository, name))),
        name,
      );
    const listed = (await run('snapshots'))['snapshots'] as { id: string }[];
    assert.deepEqual(listed.map(({ id }) => id).toSorted(), expected.snapshots.map(({ id }) => id).toSorted());
    for (const { id, contents: held } of expected.snapshots) {
      const to = join(root, id.slice(0, 8));
      await run('restore', id, '--to', to);
      assert.deepEqual(contents(to), held);
    }
    const found = (await run('find', '--subject', 'came later'))['matches'] as { mailbox: string }[];
    assert.deepEqual(
      found.map(({ mailbox }) => mailbox),
      ['bob@example.org'],
    );
    assert.equal((await run('verify', 'latest', '--level', 'mail', '--scratch', join(root, 'scratch'))).outcome, 'ok');
  });

  test(`the script in a repository of ${version} restores it`, { skip: tools.length > 0 && `needs ${tools.join(', ')}` }, () => {
    const { root, repository, identity, expected } = unpack(version);
    for (const { id, contents: held } of expected.snapshots) {
      const to = join(root, `by-hand-${id.slice(0, 8)}`);
      mkdirSync(to);
      execFileSync('sh', ['recover.sh', '--identity', identity, '--to', to, id], { cwd: repository, stdio: 'pipe' });
      assert.deepEqual(contents(to), held);
    }
  });
}
