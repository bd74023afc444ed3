/** A split brain on whole hosts: the line is cut, both live and take mail; then one is fenced at the switch, and in the end both are one again. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite } from 'node:test';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { noPair, USERS, type Pair } from '../support/pair.ts';
import { listens, until } from '../support/ports.ts';
import { PROGRAM } from '../support/systemd-host.ts';
import { twoHosts, unitsOn } from './setting.ts';

const LONG = 600_000;
const ALICE = USERS[0] ?? '';

suite('a split brain of two hosts', { skip: noPair() || notBuilt() }, () => {
  let pair: Pair;
  const whole = twoHosts((booted) => void (pair = booted));

  whole('fenced, merged, nothing lost, nothing doubled; what is left over of the old host is refused', async () => {
    const { mx1, mx2, addresses, port } = pair;
    const config = (): string =>
      pair.config((part) => {
        part['fences'] = [
          { kind: 'ssh' },
          {
            kind: 'command',
            name: 'port',
            // The port of the switch: it needs no help of the host.
            off: ['ip', '-n', port.namespace, 'link', 'set', port.name, 'down'],
            status: ['ip', '-n', port.namespace, '-o', 'link', 'show', port.name],
            expect: 'state DOWN',
            on: ['ip', '-n', port.namespace, 'link', 'set', port.name, 'up'],
          },
        ];
      });
    const ours = (...args: string[]): ReturnType<typeof mailrecover> =>
      mailrecover(['--config', config(), 'standby', ...args, '--json'], { timeout: LONG });
    /** Mail that mx1 takes behind the cut line. */
    const behind = (subject: string): void =>
      void mx1.must(
        'sh',
        '-c',
        `printf 'Subject: ${subject}\nMessage-ID: <${subject}@mx1>\n\nx\n' | sendmail -f cron@example.test ${ALICE}`,
      );

    await pair.send('mx1', ALICE, 'both-1');
    assert.ok(await until(async () => (await pair.subjects('mx1', ALICE)).length === 1, 60_000));
    assert.equal((await ours('sync')).code, 0);

    pair.cut();
    behind('theirs-1');
    // Nothing proves that it is off: it is alive.
    const blind = await mailrecover(
      ['--config', pair.config(), 'standby', 'promote', '--forced', '--allow-loss', '1h', '--yes', '--json'],
      { timeout: LONG },
    );
    assert.deepEqual([blind.code, blind.json()['switch']], [20, 'rolled-back'], blind.stdout);
    // By the recipe for it; the old host can not be asked afterwards either.
    const ran = await mailrecover(
      ['--config', config(), 'drill', 'run', 'switch-forced', '--set', 'allow-loss=1h', '--role', 'approver=A. Jones', '--yes', '--json'],
      { timeout: LONG },
    );
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
    const { outcome, steps } = ran.json()['record'] as { outcome: string; steps: { id: string; outcome: string; outputs: object }[] };
    assert.equal(outcome, 'finished');
    assert.deepEqual(
      steps.map(({ id, outcome: how }) => [id, how]),
      [
        ['state', 'done'],
        ['off', 'skipped'],
        ['plan', 'done'],
        ['approval', 'done'],
        ['switch', 'done'],
        ['serves', 'done'],
        ['used', 'done'],
        ['history', 'skipped'],
      ],
    );
    assert.match(readFileSync(pair.record(), 'utf8'), /\[port, grade A\] ip says: .*state DOWN/);
    await pair.sendToMx(ALICE, 'ours-1');
    behind('theirs-2');
    assert.deepEqual(unitsOn(mx1), ['active', 'active'], 'both live');
    assert.ok(
      await until(async () => mx1.run('sh', '-c', 'ls /srv/vmail/example.test/alice/Maildir/new | wc -l').out.trim() === '3', 60_000),
    );

    // The line is back, and with it a host that believes that it serves, with its jobs.
    pair.mend();
    assert.ok(await until(() => listens(22, addresses.mx1), 60_000));
    const stale = mx1.run(PROGRAM, 'standby', 'sync');
    assert.equal(stale.code, 20, stale.out + stale.err);
    assert.match(stale.out + stale.err, /mail services run on 'mx1.example.test', too/);
    const failback = (...more: string[]): Record<string, unknown> => {
      const { code, out, err } = mx2.run(PROGRAM, 'standby', 'failback', '--json', ...more);
      assert.equal(code, 0, out + err);
      return JSON.parse(out) as Record<string, unknown>;
    };
    const codes = (document: Record<string, unknown>): string[] => (document['findings'] as { code: string }[]).map(({ code }) => code);
    assert.ok(codes(failback('--dry-run')).includes('old-host-runs'));
    assert.deepEqual(unitsOn(mx1), ['active', 'active'], 'a dry run stops nothing');
    const merged = failback('--yes');
    assert.ok(codes(merged).includes('old-host-stopped'), JSON.stringify(merged));
    const { path = '' } = (merged['artifacts'] as { path: string }[])[0] ?? {};
    assert.match(
      mx2.must('cat', path),
      /"host":"mx1\.example\.test","command":\["systemctl","mask","--","postfix\.service","dovecot\.service"\].*"exitCode":0/,
    );
    assert.deepEqual(unitsOn(mx1), ['inactive', 'inactive']);
    assert.doesNotMatch(mx1.must('ip', '-o', 'address', 'show', 'dev', 'mail0'), new RegExp(addresses.vip.replaceAll('.', '\\.')));
    const all = ['both-1', 'ours-1', 'theirs-1', 'theirs-2'];
    assert.deepEqual(await pair.subjects('mx2', ALICE), all);
    assert.deepEqual(codes(failback('--yes')), []);
    assert.deepEqual(await pair.subjects('mx2', ALICE), all);

    const home = await ours('promote', '--planned', '--to', 'mx1.example.test', '--yes');
    assert.equal(home.code, 0, `${home.stdout}${home.stderr}`);
    assert.deepEqual(await pair.subjects('vip', ALICE), all);
    assert.deepEqual(
      [unitsOn(mx1), unitsOn(mx2)],
      [
        ['active', 'active'],
        ['inactive', 'inactive'],
      ],
    );
  });
});
