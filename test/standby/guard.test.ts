/** Who may serve, by what the repository, the other host and this one's own memory say; and the units that ask. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { stringify } from 'yaml';
import { createRepository } from '../../src/repository/repository.ts';
import type { Target } from '../../src/repository/target.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { claimEpoch, putStage, type Claim } from '../../src/standby/epoch.ts';
import { askWhoServes, tellWhoServes } from '../../src/standby/guard/ask.ts';
import type { Told, Verdict } from '../../src/standby/guard/judge.ts';
import { lastKnown } from '../../src/standby/guard/memory.ts';
import { mailrecover, mailrecoverJson, notBuilt } from '../support/binary.ts';
import { scratch } from '../support/tmp.ts';

const never = new AbortController().signal;
const claimOf = (epoch: number, host: string, from: string): Claim => ({
  epoch,
  run: `${epoch}`.padStart(16, '0'),
  host,
  from,
  by: 'a test',
});

async function repository(): Promise<{ target: Target; path: string }> {
  const path = join(scratch('guard'), 'repository');
  const target = localTarget(path);
  await createRepository(target, { recipients: undefined, rescue: [] });
  return { target, path };
}

interface Host {
  ask: (told?: Told) => Promise<Verdict>;
  tell: (runs: boolean) => Promise<Told | undefined>;
  state: string;
}

function host(me: 'mx1' | 'mx2', target: Target): Host {
  const state = scratch(me);
  const of = { state, me, primary: 'mx1', repository: async () => target, patienceMs: 20_000, signal: never };
  return {
    state,
    ask: (told) => askWhoServes({ ...of, other: me === 'mx1' ? 'mx2' : 'mx1', services: ['m365'], askOther: async () => told }),
    tell: (runs) => tellWhoServes({ ...of, runs }),
  };
}

async function switched(target: Target, claim: Claim): Promise<void> {
  await claimEpoch(target, claim);
  for (const stage of ['active', 'settled'] as const) await putStage(target, claim, stage);
}

suite('who may serve', () => {
  test('as long as there was no switch, both may; then the one that it was made to, or nobody of the two', async () => {
    const { target } = await repository();
    const [mx1, mx2] = [host('mx1', target), host('mx2', target)];
    assert.deepEqual([(await mx1.ask()).kind, (await mx2.ask()).kind], ['here', 'here']);
    await switched(target, claimOf(1, 'mx2', 'mx1'));
    assert.deepEqual(await mx1.ask(), { kind: 'other', serves: { epoch: 1, host: 'mx2' }, by: 'the repository' });
    assert.equal((await mx2.ask()).kind, 'here');
    await switched(target, claimOf(2, 'm365', 'mx2'));
    assert.deepEqual([(await mx1.ask()).kind, (await mx2.ask()).kind], ['other', 'other']);
    await switched(target, claimOf(3, 'mx1', 'm365'));
    assert.deepEqual([(await mx1.ask()).kind, (await mx2.ask()).kind], ['here', 'other']);
    // A name that the configuration does not know is a mistake in one of the two, and stops nobody.
    await switched(target, claimOf(4, 'mx9', 'mx1'));
    assert.equal((await mx1.ask()).kind, 'silent');
  });

  test('a switch that may still be taken back stops nobody for good, unless the new host runs', async () => {
    const { target } = await repository();
    const mx1 = host('mx1', target);
    const claim = claimOf(1, 'mx2', 'mx1');
    await claimEpoch(target, claim);
    assert.equal((await mx1.ask()).kind, 'here');
    await putStage(target, claim, 'fence');
    assert.equal((await mx1.ask()).kind, 'switching');
    await putStage(target, claim, 'active');
    const mx2 = host('mx2', target);
    assert.equal(await mx2.tell(false), undefined);
    assert.equal((await mx1.ask()).kind, 'switching');
    const told = await mx2.tell(true);
    assert.deepEqual(await mx1.ask(told), { kind: 'other', serves: { epoch: 1, host: 'mx2' }, by: "'mx2'" });
    await mx2.ask();
    await putStage(target, claim, 'withdrawn');
    // What was remembered of it is forgotten by both: nobody says it to the other any more.
    assert.deepEqual([(await mx1.ask()).kind, (await mx2.ask()).kind], ['here', 'here']);
    assert.deepEqual([lastKnown(mx1.state), lastKnown(mx2.state)], [undefined, undefined]);
    assert.equal(await mx2.tell(false).then((says) => says?.serves.host), 'mx1');
  });

  test('a switch that has ended is not taken back by who can only add to the repository', async () => {
    const { target } = await repository();
    const mx1 = host('mx1', target);
    await switched(target, claimOf(1, 'mx2', 'mx1'));
    await putStage(target, claimOf(1, 'mx2', 'mx1'), 'withdrawn');
    assert.equal((await mx1.ask()).kind, 'other');
  });

  test('what the other host says of one that the configuration does not know stops nobody', async () => {
    const { target, path } = await repository();
    const mx1 = host('mx1', target);
    await mx1.ask();
    renameSync(path, `${path}-away`);
    const told = { serves: { epoch: 3, host: 'mx1.example.test' }, isSure: true, runs: true };
    assert.equal((await mx1.ask(told)).kind, 'silent');
    assert.equal((await mx1.ask({ ...told, serves: { epoch: 3, host: 'mx2' } })).kind, 'other');
  });

  test('where the repository is silent, or not what it was: the other host, then its own memory, and no older word', async () => {
    const { target, path } = await repository();
    const [mx1, mx2, other] = [host('mx1', target), host('mx2', target), host('mx1', target)];
    await switched(target, claimOf(1, 'mx2', 'mx1'));
    await mx1.ask();
    await mx2.ask();
    renameSync(path, `${path}-away`);
    const told = await mx2.tell(false);
    assert.deepEqual(told, { serves: { epoch: 1, host: 'mx2' }, isSure: false, runs: false });
    assert.deepEqual([(await other.ask()).kind, (await other.ask(told)).kind], ['silent', 'other']);
    assert.deepEqual(lastKnown(other.state), { epoch: 1, host: 'mx2' });
    const remembered = await mx1.ask();
    assert.ok(remembered.kind === 'other' && remembered.isRemembered === true);
    assert.equal((await mx2.ask()).kind, 'silent');
    // An older copy in its place, or a new one, says what was true before.
    await createRepository(localTarget(path), { recipients: undefined, rescue: [] });
    assert.deepEqual([(await mx1.ask()).kind, (await mx2.ask()).kind], ['other', 'silent']);
    renameSync(path, `${path}-new`);
    renameSync(`${path}-away`, path);
    await switched(target, claimOf(2, 'mx1', 'mx2'));
    assert.equal((await mx1.ask()).kind, 'here');
    // What the other host remembers is older than what this one knows.
    renameSync(path, `${path}-away`);
    assert.equal((await mx1.ask(told)).kind, 'silent');
  });
});

test('the units of a guard can be written for an image, and are taken away again', { skip: notBuilt() }, async () => {
  const { path } = await repository();
  const root = scratch('root');
  const config = join(root, 'mailrecover.yaml');
  const write = (silence: string): void => {
    const pair = { primary: { name: 'mx1' }, standby: { name: 'mx2', ssh: { host: '192.0.2.12' } }, guard: { silence, wait: '7s' } };
    const stores = [{ path: join(root, 'mail/%u') }];
    const document = { host: 'mx1', state: join(root, 'state'), stores, repository: { at: path }, encryption: false, standby: pair };
    writeFileSync(config, stringify(document));
  };
  write('start');
  const run = (...more: string[]): ReturnType<typeof mailrecoverJson> =>
    mailrecoverJson(['--config', config, 'standby', 'guard', '--root', root, ...more]);
  await run('--install', '--dry-run');
  const units = join(root, 'etc/systemd/system');
  const dropIn = join(units, 'postfix@-.service.d/mailrecover-guard.conf');
  assert.ok(!existsSync(units));
  await run('--install', '--yes');
  assert.match(readFileSync(join(units, 'mailrecover-guard.service'), 'utf8'), /standby guard --boot$/m);
  assert.match(readFileSync(dropIn, 'utf8'), /^Wants=mailrecover-guard\.service$/m);
  const again = (await run('--install', '--yes'))['files'] as { action: string }[];
  assert.deepEqual([...new Set(again.map(({ action }) => action))], ['keep']);
  write('hold');
  await run('--install', '--yes');
  assert.match(readFileSync(dropIn, 'utf8'), /^Requires=mailrecover-guard\.service$/m);
  await run('--remove', '--yes');
  assert.ok(!existsSync(join(units, 'mailrecover-guard.service')));
  assert.equal((await mailrecoverJson(['--config', config, 'standby', 'guard']))['verdict'], 'here');
});

/** A systemctl that says what it is told to, and writes down what it was asked; before its first answer it may be that a switch is made. */
const SYSTEMCTL = `#!/bin/sh
echo "$*" >>"$FAKE/asked"
case "$1" in
show)
  [ -e "$FAKE/switch" ] && mv "$FAKE/switch"/* "$FAKE/repository/epochs/"
  while [ "$1" != -- ]; do shift; done; shift
  for unit; do printf 'Id=%s\nLoadState=loaded\nActiveState=%s\nUnitFileState=enabled\n\n' "$unit" "$(cat "$FAKE/active")"; done ;;
start) exit "$(cat "$FAKE/start")" ;;
esac
`;

suite('what a guard does at a bad moment', { skip: notBuilt() }, () => {
  interface Fake {
    directory: string;
    target: Target;
    put: (name: string, text: string) => void;
    asked: () => string;
    watch: () => ReturnType<typeof mailrecover>;
  }

  async function fake(): Promise<Fake> {
    const directory = scratch('fake');
    const target = localTarget(join(directory, 'repository'));
    await createRepository(target, { recipients: undefined, rescue: [] });
    const put = (name: string, text: string): void => writeFileSync(join(directory, name), text);
    mkdirSync(join(directory, 'bin'));
    writeFileSync(join(directory, 'bin/systemctl'), SYSTEMCTL, { mode: 0o755 });
    const pair = { primary: { name: 'mx1' }, standby: { name: 'mx2', ssh: { host: '127.0.0.1', port: 1 } } };
    const at = { state: join(directory, 'state'), repository: { at: join(directory, 'repository') }, encryption: false };
    put('mailrecover.yaml', stringify({ host: 'mx1', stores: [{ path: join(directory, 'mail/%u') }], ...at, standby: pair }));
    const env = { FAKE: directory, PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}` };
    return {
      directory,
      target,
      put,
      asked: () => readFileSync(join(directory, 'asked'), 'utf8'),
      watch: () => mailrecover(['--config', join(directory, 'mailrecover.yaml'), '--json', 'standby', 'guard', '--watch'], { env }),
    };
  }

  test('a switch to this host that is made while it asks is not undone, though nobody else can be asked', async () => {
    const { directory, target, put, asked, watch } = await fake();
    await switched(target, claimOf(1, 'mx2', 'mx1'));
    await switched(target, claimOf(2, 'mx1', 'mx2'));
    mkdirSync(join(directory, 'switch'));
    const epochs = join(directory, 'repository/epochs');
    for (const name of readdirSync(epochs).filter((each) => each.startsWith('00000002')))
      renameSync(join(epochs, name), join(directory, 'switch', name));
    put('active', 'active');
    const { code, json } = await watch();
    assert.deepEqual([code, json()['verdict'], json()['action']], [0, 'here', 'none']);
    assert.doesNotMatch(asked(), /^(?:mask|stop)/m);
  });

  test('mail that was held back is started by the next turn where the first one failed', async () => {
    const { directory, put, asked, watch } = await fake();
    put('active', 'inactive');
    put('start', '1');
    mkdirSync(join(directory, 'state/standby'), { recursive: true });
    const held = { since: '2026-01-01T00:00:00Z', why: 'a test' };
    put('state/standby/guard.json', JSON.stringify({ version: 1, seen: { epoch: 0, repository: '' }, held }));
    assert.equal((await watch()).code, 1);
    put('start', '0');
    assert.equal((await watch()).json()['action'], 'started');
    assert.equal((await watch()).json()['action'], 'none');
    assert.equal(asked().match(/^start /gm)?.length, 2);
  });
});
