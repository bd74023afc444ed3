/** A forced switch of whole hosts where one mailbox of the standby is old: it is empty, receives, and gets its history back. Only in a soak: it boots two hosts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mailrecover, mailrecoverJson, notBuilt } from '../support/binary.ts';
import { bootPair, noPair } from '../support/pair.ts';
import { until } from '../support/ports.ts';
import { PROGRAM } from '../support/systemd-host.ts';

const LONG = 600_000;
const LAG = '/var/lib/mailrecover/standby/lag.json';
const [ALICE, BOB] = ['alice@example.test', 'bob@example.test'];
const skip = noPair() || notBuilt() || (process.env['MAILRECOVER_SOAK'] === '1' ? false : 'boots two hosts: npm run soak');

test('empty mailboxes at once, history later', { skip }, async (t) => {
  const pair = await bootPair();
  t.after(() => pair.stop());
  const arrives = async (user: string, count: number): Promise<void> =>
    assert.ok(await until(async () => (await pair.subjects('mx1', user)).length === count, 60_000));
  await pair.send('mx1', ALICE, 'synced');
  await pair.send('mx1', BOB, 'bob-old');
  await arrives(ALICE, 1);
  await arrives(BOB, 1);
  await mailrecoverJson(['--config', pair.config(), 'standby', 'sync'], { timeout: LONG });
  await pair.send('mx1', BOB, 'bob-late');
  await arrives(BOB, 2);
  pair.mx1.must(PROGRAM, 'backup');
  await pair.powerLoss();
  // As if bob's mailbox had not been synchronised for long.
  const lag = JSON.parse(pair.mx2.must('cat', LAG)) as { mailboxes: { mailbox: string }[] };
  lag.mailboxes = lag.mailboxes.filter(({ mailbox }) => mailbox !== BOB);
  pair.mx2.must('sh', '-c', `printf %s '${JSON.stringify(lag)}' >${LAG}`);
  const set = ['dial-tone=yes', 'allow-loss=1h', 'attest=the test killed it'].flatMap((each) => ['--set', each]);
  const ran = await mailrecover(['--config', pair.config(), 'drill', 'run', 'switch-forced', '--yes', '--json', ...set], { timeout: LONG });
  const { steps } = ran.json()['record'] as { steps: { id: string; outcome: string }[] };
  assert.deepEqual([ran.code, steps.map(({ outcome }) => outcome)], [0, Array.from(steps, () => 'done')], `${ran.stdout}${ran.stderr}`);
  const evidence = Object.fromEntries(
    readFileSync(pair.record(), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; step: string; evidence?: string[] })
      .flatMap(({ event, step, evidence: proved }) => (event === 'done' && proved !== undefined ? [[step, proved]] : [])),
  );
  assert.match(String(evidence['dial-tone']), /^mailboxes of mx2.example.test: 1 current, 1 begun anew/);
  assert.match(String(evidence['mailboxes']), /^accounts of mx2.example.test whose INBOX opens: 3$/);
  for (const [user, subject] of [
    [ALICE, 'after'],
    [BOB, 'bob-new'],
  ] as const) {
    await pair.sendToMx(user, subject);
    assert.ok(await until(async () => (await pair.subjects('vip', user)).includes(subject), 60_000));
  }
  assert.deepEqual(await pair.subjects('vip', BOB), ['bob-new'], 'it is empty, and receives');
  const back = JSON.parse(pair.mx2.must(PROGRAM, 'restore', '--behind', '--yes', '--json')) as {
    counts: { folders: number; messages: number };
  };
  assert.deepEqual([back.counts.folders, back.counts.messages], [1, 2], JSON.stringify(back));
  assert.deepEqual(await pair.subjects('vip', BOB), ['bob-late', 'bob-new', 'bob-old']);
  assert.deepEqual(await pair.subjects('vip', ALICE), ['after', 'synced']);
});
