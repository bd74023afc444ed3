/** A folder with very many messages. */
import assert from 'node:assert/strict';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { notBuilt } from '../support/binary.ts';
import { writeTree } from '../support/maildir.ts';
import { rounds } from '../support/soak.ts';
import { scratch } from '../support/tmp.ts';
import { treeDifferences, treeState } from '../support/tree.ts';
import { makeWorld } from './world.ts';

const MESSAGES = rounds(5000, 100_000);

test(`${MESSAGES} messages in one folder`, { skip: notBuilt() }, async () => {
  const root = scratch('many');
  writeTree({ root: join(root, 'mail'), users: ['hugo@example.org'], messages: MESSAGES, folders: [], mail: { median: 800, sigma: 0.5 } });
  const world = await makeWorld({ path: `${root}/mail/%d/%n/Maildir` });
  const first = await world.backup([]);
  assert.equal(first.counts['messages'], MESSAGES);
  const cur = join(root, 'mail/example.org/hugo/Maildir/cur');
  const names = readdirSync(cur);
  for (const [index, name] of names.entries()) {
    if (index % 10 === 0) renameSync(join(cur, name), join(cur, `${name.split(':')[0] ?? ''}:2,FT`));
    else if (index % 100 === 1) rmSync(join(cur, name));
  }
  const changed = names.filter((name, index) => index % 10 === 0 && !name.endsWith(':2,FT')).length;
  const second = await world.backup([]);
  assert.deepEqual([second.counts['flagChanges'], second.counts['newMessages']], [changed, 0]);
  // The control files are of just now, and read again; of the messages none is.
  assert.ok((second.counts['bytesRead'] ?? Infinity) < 100 * MESSAGES, String(second.counts['bytesRead']));
  const to = await world.restore('restored');
  assert.deepEqual(treeDifferences(treeState(cur), treeState(join(to, 'example.org/hugo/Maildir/cur'))), []);
});
