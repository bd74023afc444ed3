/** `kill -9` at the steps of a `restore --live replace` into a mailbox that is no Maildir: run again or undone, nothing is lost and nothing is there twice. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { noDovecot } from '../support/dovecot.ts';
import { rounds } from '../support/soak.ts';
import { complaints, contents, text } from './live-world.ts';
import { changed, DAY, parted, REPLACE } from './replaced.ts';

const skip = noDovecot() || notBuilt();

test('mdbox: killed anywhere, and run again or given up', { skip }, async (t) => {
  const { live, client, before, later } = await changed('mdbox');
  const { server, world } = live;
  const config = ['--config', join(world.directory, 'etc/mailrecover.yaml'), '--json'];
  const counter = join(world.directory, 'counter');
  const ran = async (args: string[], at: number): Promise<string> => {
    rmSync(counter, { force: true });
    const under = [join(world.directory, 'state/live')];
    const { code, signal, stdout, stderr } = await mailrecover([...config, ...args], { plans: [{ do: 'kill', at, under, counter }] });
    if (at === 0) assert.equal(code, 0, stdout + stderr);
    else assert.equal(signal, 'SIGKILL', `${code} ${stdout} ${stderr}`);
    return readFileSync(counter, 'latin1');
  };
  const restore = ['restore', ...REPLACE, '--yes', '--identity', live.identity];
  // A plan is there from the ninth step on: three for each line of the log.
  const steps = (await ran(restore, 0)).length - 8;
  await ran(['undo', '--yes'], 4);
  await ran(['undo', '--yes'], 0);
  assert.deepEqual(await contents(server), later);
  const few = rounds(1, steps);
  for (let round = 0; round < few; round++) {
    const step = 9 + Math.floor(((round + 0.5) * steps) / few);
    await t.test(`before step ${step} of ${steps + 8}`, async () => {
      await ran(restore, step);
      await client.append('INBOX', text('between'), [], DAY);
      await ran(restore, 0);
      const { mail } = parted(await contents(server));
      const between = (mail['INBOX'] ?? []).filter((line) => before['INBOX']?.includes(line) !== true);
      assert.deepEqual(mail, { ...before, INBOX: [...(before['INBOX'] ?? []), ...between].sort() });
      assert.equal(between.length, 1, 'what came after it was killed stays');
      await client.select('INBOX');
      const uids: number[] = [];
      await client.fetch('1:*', ({ uid, body }) => void (body.includes('Subject: between') && uids.push(uid)));
      await client.command(`UID STORE ${uids.join(',')} +FLAGS (\\Deleted)`);
      await client.command('EXPUNGE');
      await client.command('UNSELECT');
      await ran(['undo', '--yes'], 0);
      assert.deepEqual(await contents(server), later);
      // Given up where it was cut off.
      await ran(restore, step);
      await ran(['undo', '--yes'], 0);
      assert.deepEqual(await contents(server), later);
    });
  }
  assert.deepEqual(complaints(server), []);
  await client.close();
});
