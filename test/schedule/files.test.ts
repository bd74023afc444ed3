import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crontab } from '../../src/schedule/crontab.ts';
import { diffLines } from '../../src/system/diff.ts';
import { applyPlan, planFiles, presentFiles } from '../../src/schedule/install.ts';
import { crontabWord, systemdWord } from '../../src/schedule/quote.ts';
import { localZone } from '../../src/system/zone.ts';
import { sandbox, type SandboxOptions } from '../../src/schedule/systemd/sandbox.ts';
import type { Host } from '../../src/schedule/systemd/units.ts';
import { missing, run } from '../support/host.ts';
import { scratch } from '../support/tmp.ts';

const HOST: Host = {
  name: 'mailrecover',
  program: "/opt/it's 100%/bin/mailrecover",
  config: '/etc/mailrecover/$HOME "x"\\.yaml',
  state: '/var/lib/mailrecover',
  repository: '/srv/backup',
  copies: [],
  reads: ['/etc/mailrecover', '/var/vmail'],
  user: 'root',
  rootOwns: true,
  readsAll: false,
  confine: true,
  unconfined: [],
};

test('a diff shows what changes and little else', () => {
  assert.deepEqual(diffLines('', 'a\nb\n'), ['+a', '+b']);
  assert.deepEqual(diffLines('a\nb\nc\n', 'a\nB\nc\n', 1), [' a', '-b', '+B', ' c']);
  assert.deepEqual(diffLines('1\n2\n3\n4\n5\n6\nx\n', '1\n2\n3\n4\n5\n6\ny\n', 1), [' 6', '-x', '+y']);
  assert.deepEqual(diffLines('a\n', 'a\n'), []);
});

const BY = 'schedule install';

test('files are made, kept, updated and taken away; one that was changed stays', async () => {
  const directory = scratch('units');
  const [a, b] = [join(directory, 'mailrecover-a.service'), join(directory, 'mailrecover-b.timer')];
  const config = '/etc/mailrecover/x y.yaml';
  const actions = (wanted: [string, string][], from = config): string[] =>
    planFiles(
      wanted.map(([path, text]) => ({ path, text })),
      from,
      presentFiles(directory, 'mailrecover'),
      BY,
    ).files.map(({ action }) => action);
  const apply = (wanted: [string, string][]): Promise<void> =>
    applyPlan(
      planFiles(
        wanted.map(([path, text]) => ({ path, text })),
        config,
        presentFiles(directory, 'mailrecover'),
        BY,
      ),
    );
  assert.deepEqual(actions([[a, 'one\n']]), ['create']);
  await apply([
    [a, 'one\n'],
    [b, 'two\n'],
  ]);
  assert.deepEqual(
    actions([
      [a, 'one\n'],
      [b, 'three\n'],
    ]),
    ['keep', 'update'],
  );
  assert.deepEqual(actions([[a, 'one\n']]), ['keep', 'remove']);
  assert.deepEqual(actions([[a, 'one\n']], '/etc/other.yaml'), ['leave'], 'what another configuration made is not ours');
  writeFileSync(b, `${readFileSync(b, 'utf8')}# mine\n`);
  const plan = planFiles([{ path: a, text: 'one\n' }], config, presentFiles(directory, 'mailrecover'), BY);
  assert.deepEqual(
    plan.files.map(({ action }) => action),
    ['keep', 'leave'],
  );
  assert.deepEqual(
    plan.findings.map(({ code, subject }) => [code, subject]),
    [['file-left', b]],
  );
  const guard = join(directory, 'mailrecover-guard.service');
  await applyPlan(planFiles([{ path: guard, text: 'guard\n' }], config, [], 'standby guard --install'));
  await apply([]);
  assert.deepEqual(
    presentFiles(directory, 'mailrecover'),
    [b, guard],
    'only what nobody changed, and was made by this command, is removed',
  );
  const job = planFiles([{ path: guard, text: 'a job of that name\n' }], config, [], BY);
  assert.deepEqual([job.files[0]?.action, job.findings[0]?.code], ['leave', 'file-left']);
});

test('words mean themselves to systemd and to the shell that cron starts', () => {
  assert.equal(systemdWord(HOST.program), `"/opt/it's 100%%/bin/mailrecover"`);
  assert.equal(systemdWord(HOST.config), '"/etc/mailrecover/$$HOME \\"x\\"\\\\.yaml"');
  for (const word of [HOST.program, HOST.config, '%', "a'b", 'plain', '$(id)', '`id`', 'a;b']) {
    // cron turns \% into % and hands the rest to sh.
    const line = `printf %s ${crontabWord(word).replaceAll('\\%', '%')}`;
    assert.equal(run('sh', ['-c', line]), word);
  }
});

test('a crontab has one line a job, for the clock of this host only', () => {
  const job = { name: 'backup', words: ['backup', '--quiet'], randomDelay: 1, timeout: 1, memory: '1G' };
  const text = crontab({ jobs: [{ ...job, at: '@daily' }], timeZone: localZone() }, HOST);
  assert.match(text, /^0 0 \* \* \*\troot\t'\/opt\/it'\\''s 100\\%\/bin\/mailrecover' --config /m);
  assert.throws(() => crontab({ jobs: [], timeZone: 'Pacific/Chatham' }, HOST), /Pacific\/Chatham/);
});

test('a service may write its state and a local repository, and nothing else', { skip: missing('systemd-analyze') }, () => {
  const options: SandboxOptions = {
    profile: 'backup',
    state: HOST.state,
    repository: HOST.repository,
    copies: ['/mnt/copy'],
    reads: HOST.reads,
    root: true,
    readsAll: false,
    rootOwns: true,
  };
  const has = (line: string, changed: Partial<SandboxOptions> = {}): void => {
    const lines = sandbox({ ...options, ...changed });
    assert.ok(lines.includes(line), `${line}\nnot in\n${lines.join('\n')}`);
  };
  has('ReadWritePaths=-/var/lib/mailrecover -/srv/backup');
  has('ReadWritePaths=-/var/lib/mailrecover', { profile: 'prove' });
  has('ReadWritePaths=-/var/lib/mailrecover', { repository: undefined });
  assert.ok(sandbox({ ...options, profile: 'any' }).includes('ReadWritePaths=-/var/lib/mailrecover -/srv/backup -/mnt/copy'), 'copy');
  has('CapabilityBoundingSet=CAP_DAC_READ_SEARCH');
  has('CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE', { rootOwns: false });
  has('CapabilityBoundingSet=', { root: false });
  has('AmbientCapabilities=CAP_DAC_READ_SEARCH', { root: false, readsAll: true });
  has('AmbientCapabilities=');
  has('ProtectHome=yes');
  has('ProtectHome=read-only', { reads: ['/home'] });
  has('PrivateTmp=no', { state: '/tmp/x' });
});
