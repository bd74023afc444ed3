/** Whole hosts, a switch to and fro: cut off at the beginning and the end of every step, and every step made to fail on the host where it works. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { mailrecover, notBuilt, type Ran } from '../support/binary.ts';
import { bootPair, noPair, USERS, type Pair } from '../support/pair.ts';
import { until } from '../support/ports.ts';
import type { Plan } from '../support/preload/plan.ts';
import type { SystemdHost } from '../support/systemd-host.ts';
import { rounds } from '../support/soak.ts';
import { deferredIds, unitsOn } from './setting.ts';

const LONG = 600_000;
const ALICE = USERS[0] ?? '';
type Side = 'mx1' | 'mx2';
type Configure = (standby: Record<string, unknown>) => void;

/** What makes a step fail, and is taken away again. */
interface Sabotage {
  step: string;
  /** Before the new host serves all is taken back; after it the switch is not finished. */
  end: 'rolled-back' | 'switched-not-finished';
  /** A program on one of the hosts that fails where its arguments fit a pattern of the shell. */
  program?: { on: 'from' | 'to'; name: string; args: string };
  config?: Configure;
  /** An object in the repository that can't be put. */
  object?: string;
  /** A message on the new host that did not come from the old one. */
  foreign?: true;
}

const SABOTAGES: Sabotage[] = [
  { step: 'claim', end: 'rolled-back', object: 'claim' },
  { step: 'drain', end: 'rolled-back', program: { on: 'from', name: 'postconf', args: '*smtpd_client_restrictions=defer*' } },
  { step: 'fence', end: 'rolled-back', program: { on: 'from', name: 'systemctl', args: 'mask *' } },
  { step: 'fence', end: 'rolled-back', program: { on: 'from', name: 'systemctl', args: 'stop *' } },
  { step: 'queue', end: 'rolled-back', program: { on: 'from', name: 'mv', args: '*' } },
  { step: 'queue', end: 'rolled-back', program: { on: 'to', name: 'tar', args: '*' } },
  { step: 'sync', end: 'rolled-back', foreign: true },
  { step: 'serve', end: 'rolled-back', object: 'active' },
  { step: 'serve', end: 'rolled-back', program: { on: 'to', name: 'systemctl', args: 'start *dovecot*' } },
  { step: 'serve', end: 'switched-not-finished', program: { on: 'to', name: 'systemctl', args: 'start *postfix*' } },
  { step: 'vip', end: 'switched-not-finished', program: { on: 'to', name: 'arping', args: '*-D*' } },
  {
    step: 'dns:example.test',
    end: 'switched-not-finished',
    config: (part) => {
      const [zone] = part['dns'] as { tsig: { name: string } }[];
      if (zone !== undefined) zone.tsig.name = 'nobody';
    },
  },
  { step: 'release', end: 'switched-not-finished', program: { on: 'to', name: 'postsuper', args: '*' } },
  {
    step: 'proof',
    end: 'switched-not-finished',
    config: (part) => {
      (part['proof'] as Record<string, unknown>)['to'] = 'nobody@example.test';
      (part['proof'] as Record<string, unknown>)['wait'] = '3s';
    },
  },
  { step: 'boot', end: 'switched-not-finished', program: { on: 'to', name: 'systemctl', args: 'enable *' } },
  { step: 'settle', end: 'switched-not-finished', object: 'settled' },
];

const STEPS = [
  'claim',
  'drain',
  'fence',
  'queue',
  'sync',
  'loss',
  'serve',
  'vip',
  'dns:example.test',
  'release',
  'proof',
  'boot',
  'settle',
];
const KILLS = STEPS.flatMap((step) => (['begin', 'done'] as const).map((event) => ({ step, event })));

const HOW_MANY = rounds(0, KILLS.length + SABOTAGES.length);
const chosen = new Set([...KILLS, ...SABOTAGES].slice(0, HOW_MANY));

suite('every step of a switch', { skip: (HOW_MANY === 0 ? 'takes long: npm run soak' : false) || noPair() || notBuilt() }, () => {
  let pair: Pair;
  let serves: Side = 'mx1';
  const sent: string[] = [];
  before(async () => {
    pair = await bootPair();
    pair.mx1.must('sh', '-c', `printf "Subject: deferred\n\nx\n" | sendmail -f ${ALICE} far@remote.test`);
    assert.ok(await until(() => deferredIds(pair.mx1).length === 1, 60_000));
  });
  after(() => pair?.stop());
  const other = (): Side => (serves === 'mx1' ? 'mx2' : 'mx1');
  // Ports refused by the host itself, too: what refuses them must be gone when it serves again.
  const withNft =
    (more?: Configure): Configure =>
    (part) => {
      part['fences'] = [{ kind: 'ssh' }, { kind: 'nft' }];
      more?.(part);
    };
  const promote = (plans: Plan[] = [], config?: Configure): Promise<Ran> =>
    mailrecover(
      ['--config', pair.config(withNft(config)), 'standby', 'promote', '--planned', '--to', `${other()}.example.test`, '--yes', '--json'],
      {
        timeout: LONG,
        plans,
      },
    );
  const goOn = (): Promise<Ran> =>
    mailrecover(['--config', pair.config(withNft()), 'standby', 'promote', '--yes', '--json'], { timeout: LONG });

  async function send(): Promise<void> {
    const subject = `m-${String(sent.length).padStart(4, '0')}`;
    await pair.sendToMx(ALICE, subject);
    sent.push(subject);
  }

  /** One host serves as if nothing had ever gone wrong, and all mail is there once. */
  async function isWhole(side: Side, why: string): Promise<void> {
    const [host, idle] = side === 'mx1' ? [pair.mx1, pair.mx2] : [pair.mx2, pair.mx1];
    assert.deepEqual(unitsOn(host), ['active', 'active'], why);
    for (const state of unitsOn(idle)) assert.match(state, /^(inactive|failed)$/, why);
    assert.deepEqual(await pair.dns('example.test', 'MX'), [`${side}.example.test`], why);
    assert.deepEqual(await pair.dns('imap.example.test', 'A'), [pair.addresses[side]], why);
    assert.notEqual(host.run('nft', 'list', 'table', 'inet', 'mailrecover_fence').code, 0, why);
    for (const each of [host, idle])
      for (const setting of ['soft_bounce', 'smtpd_client_restrictions']) assert.equal(each.must('postconf', '-n', setting), '', why);
    assert.deepEqual([deferredIds(host).length, deferredIds(idle).length], [1, 0], `${why}: the queue`);
    await send();
    assert.ok(await until(async () => (await pair.subjects('vip', ALICE)).length >= sent.length, 60_000), `${why}: mail is missing`);
    assert.deepEqual(await pair.subjects('vip', ALICE), sent, why);
  }

  for (const { step, event } of KILLS.filter((each) => chosen.has(each)))
    test(`killed at the ${event} of ${step}`, async () => {
      const folder = join(pair.state, 'standby/switches');
      mkdirSync(folder, { recursive: true });
      await send();
      const counter = join(pair.root, `counter-${step}-${event}`);
      const killed = await promote([
        { do: 'kill', at: 1, kinds: ['write'], under: [folder], holding: [`"event":"${event}"`, `"step":"${step}"`], torn: true, counter },
      ]);
      assert.equal(killed.signal, 'SIGKILL', `${killed.stdout}${killed.stderr}`);
      const ran = await goOn();
      assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
      serves = other();
      await isWhole(serves, `${step} ${event}`);
    });

  for (const [index, sabotage] of SABOTAGES.entries())
    if (chosen.has(sabotage))
      test(`${sabotage.step} fails (${index + 1}): ${sabotage.end}`, async () => {
        const { step, end, config } = sabotage;
        await send();
        const { plans, mend } = sabotaged(sabotage, pair, serves, join(pair.root, `failed-${index}`));
        const ran = await promote(plans, config);
        const said = `${ran.stdout}${ran.stderr}`;
        assert.deepEqual([ran.json()['switch'], ran.code], [end, end === 'rolled-back' ? codeOf(ran) : 3], said);
        assert.ok(
          ran.json().findings.some(({ severity, subject }) => severity === 'error' && subject === step),
          said,
        );
        mend();
        if (end === 'switched-not-finished') {
          const next = await goOn();
          assert.equal(next.code, 0, `${next.stdout}${next.stderr}`);
          serves = other();
        }
        await isWhole(serves, `${step} failed`);
      });
});

/** Whatever the step failed with; never that of a switch. */
function codeOf({ code }: Ran): number {
  assert.ok([1, 11, 12, 13, 20].includes(code ?? 0), String(code));
  return code ?? 0;
}

function sabotaged({ program, object, foreign }: Sabotage, pair: Pair, serves: Side, counter: string): { plans: Plan[]; mend: () => void } {
  const hosts = serves === 'mx1' ? { from: pair.mx1, to: pair.mx2 } : { from: pair.mx2, to: pair.mx1 };
  if (program !== undefined) {
    const host: SystemdHost = hosts[program.on];
    // A unit that is enabled already leaves nothing to be done; `systemctl disable` leaves one alone that is masked.
    if (program.args.startsWith('enable'))
      host.must('rm', '-f', ...['postfix', 'dovecot'].map((unit) => `/etc/systemd/system/multi-user.target.wants/${unit}.service`));
    const real = host.must('sh', '-c', `command -v ${program.name}`).trim();
    const script = `#!/bin/sh\ncase "$*" in ${program.args.replaceAll(' ', '\\ ')}) echo "made to fail" >&2; exit 1;; esac\nexec ${real} "$@"\n`;
    const path = join(host.root, 'usr/local/sbin', program.name);
    writeFileSync(path, script, { mode: 0o755 });
    return { plans: [], mend: () => rmSync(path) };
  }
  if (object !== undefined) {
    const epochs = join(pair.repository, 'epochs');
    const under = Array.from({ length: 200 }, (_, epoch) => join(epochs, `${String(epoch).padStart(8, '0')}-${object}.json`));
    return {
      plans: [{ do: 'fail', at: 1, forever: true, errno: 'EIO', kinds: ['link', 'rename', 'create'], under, counter }],
      mend: () => undefined,
    };
  }
  if (foreign !== true) return { plans: [], mend: () => undefined };
  const path = `/srv/vmail/example.test/alice/Maildir/cur/1.foreign:2,S`;
  hosts.to.must('sh', '-c', `printf 'Subject: foreign\n\nx\n' >'${path}'; chown 5000:5000 '${path}'`);
  return { plans: [], mend: () => void hosts.to.must('rm', path) };
}
