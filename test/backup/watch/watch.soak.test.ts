import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mailrecoverJson, notBuilt } from '../../support/binary.ts';
import { rounds } from '../../support/soak.ts';
import { startWatching } from '../../support/watching.ts';
import { deliver, folderOf, makeFolders, makeWatched, messages } from './setting.ts';

const skip = notBuilt();

test('killed again and again while mail comes in and moves, nothing is lost and nothing stored is damaged', { skip }, async () => {
  const host = await makeWatched('interval: 3s\n  delay: 1s');
  let number = 0;
  const folders = [folderOf(host, 'alice'), folderOf(host, 'bob'), join(folderOf(host, 'bob'), '.Late')];
  const timer = setInterval(() => {
    const folder = folders[number % folders.length] ?? '';
    deliver(folder, `message ${number++}`);
    const [seen] = readdirSync(join(folder, 'new'));
    if (seen !== undefined && number % 3 === 0) renameSync(join(folder, 'new', seen), join(folder, 'cur', `${seen}:2,S`));
  }, 60);
  try {
    for (let round = 0; round < rounds(2, 60); round++) {
      const running = startWatching(host.args);
      await running.told(round % 2 === 0 ? 'stored' : 'snapshot');
      await sleep((round * 137) % 900);
      await running.stop('SIGKILL');
    }
  } finally {
    clearInterval(timer);
  }
  assert.equal((await mailrecoverJson([...host.args, 'backup'])).outcome, 'ok');
  const subjects = (await messages(host)).filter((subject) => subject.startsWith('message '));
  assert.equal(new Set(subjects).size, number);
  assert.equal((await mailrecoverJson([...host.args, 'check', '--read-data'])).outcome, 'ok');
  assert.equal((await mailrecoverJson([...host.args, 'verify', '--level', 'mail'])).outcome, 'ok');
});

test('memory stays as it is over many folders', { skip }, async () => {
  const host = await makeWatched('interval: 2s\n  delay: 1s');
  const folders = makeFolders(host, rounds(2, 200), 100);
  const running = startWatching(host.args);
  await running.told('snapshot');
  const memory = (): number => Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${running.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  const most = { early: 0, late: 0 };
  const all = rounds(4, 60);
  for (let round = 0; round < all; round++) {
    for (let each = 0; each < 100; each++) deliver(folders[(round * 7919 + each * 104_729) % folders.length] ?? '', `round ${round}`);
    await running.told('snapshot', round + 2);
    // The first half is for buffers and the compiler to find their size.
    if (round < all / 2) most.early = Math.max(most.early, memory());
    else most.late = Math.max(most.late, memory());
  }
  const ended = await running.stop();
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(most.late < most.early * 1.25 + 64, `${most.early} MB in the first half, ${most.late} MB in the second`);
  assert.equal((await messages(host)).filter((subject) => subject.startsWith('round')).length, all * 100);
});
