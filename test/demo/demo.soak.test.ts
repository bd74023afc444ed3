import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite, test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { noCorpus, readCorpus } from '../support/corpus.ts';
import { dovecot, idOf, noDovecot } from '../support/dovecot.ts';
import { isRoot } from '../support/host.ts';
import { Lmtp } from '../support/lmtp.ts';
import { writeTree } from '../support/maildir.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { treeDifferences, treeState } from '../support/tree.ts';

const DEMO = fileURLToPath(new URL('demo.ts', import.meta.url));

/** Runs the demo; gives what it printed. */
async function demo(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [DEMO, '--report', join(scratch('page'), 'report.html'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  assert.equal(code, 0, output);
  assert.match(output, /^PASSED in /m);
  return output;
}

suite('the demo', { skip: notBuilt() }, () => {
  test('loses made mail and gets it back', async () => {
    const output = await demo();
    for (const command of ['init', 'backup', 'snapshots', 'find', 'restore', 'verify', 'check', 'status', 'report'])
      assert.ok(output.includes(`$ mailrecover ${command}`), output);
    if (noDovecot() === false) assert.match(output, /Over IMAP: \d+ messages compared, .*: the same\./);
    assert.match(output, /On disk: \d+ files and directories compared, .*: the same\./);
  });

  for (const layout of (['maildir++', 'fs'] as const).slice(0, rounds(1, 2))) {
    test(`leaves the mail of --mail as it was, in the layout ${layout}`, async () => {
      const root = scratch('original');
      writeTree({
        root,
        users: ['one@example.org', 'two@example.net'],
        messages: 120,
        layout,
        control: false,
        ...(isRoot ? { owner: idOf() } : {}),
      });
      const before = treeState(root, { directoryTimes: true });
      await demo('--mail', root);
      assert.deepEqual(treeDifferences(before, treeState(root, { directoryTimes: true })), []);
    });
  }

  test('real mail that came through a real server goes the whole way', { skip: noDovecot() || noCorpus() }, async () => {
    const root = scratch('corpus');
    const users = Array.from({ length: 20 }, (_, index) => `user${index}@example.org`);
    const server = await dovecot({ users, mail: `${root}/%d/%n/Maildir` });
    const lmtp = await Lmtp.connect(server);
    // All of it in the soak.
    const every = process.env['MAILRECOVER_SOAK'] === '1' ? 1 : 8;
    for (const [index, { bytes }] of readCorpus().entries())
      if (index % every === 0) await lmtp.deliver(bytes, users[(index / every) % users.length] ?? '');
    await lmtp.close();
    await server.stop();
    assert.match(await demo('--mail', root), /compared {3,}[\d,]+ of [\d,]+ messages in 20 mailboxes/);
  });
});
