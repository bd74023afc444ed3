import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readRuns } from '../../src/report/history.ts';
import { fixture, mailrecover, type Ended } from './program.ts';

let directory: string;
let config: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailrecover-cli-'));
  config = join(directory, 'mailrecover.yaml');
  await writeFile(
    config,
    `host: mx1\nstate: ${directory}/state\nencryption: false\nstores:\n  - path: /var/vmail/%u\nrepository:\n  path: ${directory}/repository\n`,
  );
});

after(async () => {
  await rm(directory, { recursive: true, force: true });
});

function documentOf({ out }: Ended): Record<string, unknown> {
  assert.equal(out.trimEnd().split('\n').length, 1, `more or less than one line: ${out}`);
  return JSON.parse(out) as Record<string, unknown>;
}

test('one result document, with its fields in order', async () => {
  const ended = await fixture(['--json', 'ok']);
  const document = documentOf(ended);
  assert.deepEqual(Object.keys(document), [
    'schema',
    'command',
    'host',
    'startedAt',
    'finishedAt',
    'outcome',
    'counts',
    'findings',
    'artifacts',
    'own',
  ]);
  assert.equal(document['schema'], 'mailrecover/1');
  assert.equal(document['outcome'], 'ok');
  assert.match(String(document['startedAt']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual([ended.code, ended.err], [0, '']);
});

test('text: the summary on standard output, findings with hints on standard error, no colours', async () => {
  assert.deepEqual(await fixture(['ok']), { code: 0, out: 'things  2\n', err: '' });
  const ended = await fixture(['ends', 'warning', '--config', config]);
  assert.deepEqual(ended, { code: 0, out: 'the summary\n', err: 'warning: a thing is wrong\nhint: put it right\n' });
});

test('--quiet prints nothing unless something is wrong', async () => {
  assert.deepEqual(await fixture(['--quiet', 'ends', 'ok', '--config', config]), { code: 0, out: '', err: '' });
  const ended = await fixture(['ends', 'partial', '--quiet', '--config', config]);
  assert.deepEqual(ended, { code: 3, out: '', err: 'the summary\nerror: a thing is wrong\nhint: put it right\n' });
});

test('exit codes follow the outcome and the worst error', async () => {
  const cases: [string[], number][] = [
    [['ends', 'warning', '--code', 'damage'], 0],
    [['ends', 'partial', '--code', 'key'], 3],
    [['ends', 'partial', '--code', 'damage'], 4],
    [['ends', 'failed', '--code', 'thing'], 1],
    [['ends', 'failed', '--code', 'refused'], 20],
    [['throws', 'no-repository'], 10],
    [['throws', 'locked'], 11],
    [['throws', 'no-space'], 1],
    [['throws', 'bug'], 70],
  ];
  for (const [args, code] of cases) {
    const ended = await fixture([...args, '--config', config, '--json']);
    assert.equal(ended.code, code, args.join(' '));
    documentOf(ended);
  }
});

test('an error is one line and a hint; with --json it stands in the document', async () => {
  assert.deepEqual(await fixture(['throws', 'key', '--config', config]), {
    code: 12,
    out: '',
    err: 'mailrecover: it did not work\nhint: try again\n',
  });
  const document = documentOf(await fixture(['throws', 'key', '--config', config, '--json']));
  assert.deepEqual(document['error'], { code: 'key', message: 'it did not work', hint: 'try again', subject: '/there' });
  assert.equal(document['host'], 'mx1');
  const verbose = await fixture(['throws', 'key', '--config', config, '--verbose']);
  assert.match(verbose.err, /caused by: the reason/);
});

test('a bug says how to report it, and shows a stack with --verbose only', async () => {
  const plain = await fixture(['throws', 'bug', '--config', config]);
  assert.equal(plain.code, 70);
  assert.equal(
    plain.err,
    'mailrecover: internal error: x is not a function\nhint: run the command again with --verbose and report what it prints\n',
  );
  const verbose = await fixture(['throws', 'bug', '--config', config, '--verbose']);
  assert.match(verbose.err, /version: \d+\.\d+\.\d+, node v/);
  assert.match(verbose.err, /command: mailrecover throws bug/);
  assert.match(verbose.err, /at .*fixture\.ts/);
});

test('usage errors: exit 2, one document with --json, suggestions', async () => {
  for (const args of [
    [],
    ['okk'],
    ['group'],
    ['group wait'],
    ['ok', '--jsonn'],
    ['ok', 'more'],
    ['ends'],
    ['ends', 'bad'],
    ['prints', '--megabytes', 'x'],
    ['ok', '--config'],
  ]) {
    const ended = await fixture(['--json', ...args]);
    const { error, outcome } = documentOf(ended) as { error: { code: string; hint: string }; outcome: string };
    assert.deepEqual([ended.code, outcome, error.code], [2, 'failed', 'usage'], args.join(' '));
    assert.notEqual(error.hint, undefined);
  }
  assert.equal((await fixture(['okk'])).err, "mailrecover: unknown command 'okk'\nhint: did you mean 'mailrecover ok'?\n");
  assert.equal((await fixture(['ok', '--quite'])).err, "mailrecover: unknown option '--quite'\nhint: did you mean --quiet?\n");
  assert.equal(
    (await fixture(['group', 'wiats'])).err,
    "mailrecover: unknown command 'group wiats'\nhint: did you mean 'mailrecover group waits'?\n",
  );
});

test('a missing or broken configuration is one document with exit 2, too', async () => {
  const missing = await mailrecover(['history', '--json', '--config', join(directory, 'none.yaml')]);
  assert.equal((documentOf(missing)['error'] as { code: string }).code, 'config');
  assert.equal(missing.code, 2);
  const broken = join(directory, 'broken.yaml');
  await writeFile(broken, 'stores: [\n');
  const ended = await mailrecover(['--config', broken, 'history']);
  assert.equal(ended.code, 2);
  assert.match(ended.err, /^mailrecover: .*broken\.yaml:\d+:\d+: .+\n$/);
});

test('version and help, with and without --json', async () => {
  const version = (await mailrecover(['--version'])).out.trim();
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.equal((await mailrecover(['-V'])).out.trim(), version);
  assert.equal(documentOf(await mailrecover(['--version', '--json']))['version'], version);
  const help = await mailrecover(['help', 'history']);
  assert.match(help.out, /Examples:[^]*mailrecover history[^]*Exit codes:\n +0 /);
  assert.equal((await mailrecover(['history', '--help'])).out, help.out);
  assert.equal(documentOf(await mailrecover(['history', '--help', '--json']))['help'], help.out);
  assert.match((await mailrecover(['--help'])).out, /completion/);
});

test('a reader that goes away is no error; a full disk is', async () => {
  assert.deepEqual(await fixture(['prints', '--megabytes', '20'], { closeOut: true }), { code: 0, out: '', err: '' });
  assert.equal((await fixture(['prints', '--megabytes', '2'])).out.length, 2_000_000);
  const full = await fixture(['prints'], { outTo: '/dev/full' });
  assert.deepEqual(
    [full.code, full.err.split('\n')[0]],
    [1, "mailrecover: unable to write 'standard output': no space left on the file system"],
  );
});

test('a signal aborts the command, which cleans up; the exit code and the history say so', async () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const ended = await fixture(['group', 'waits', '--events', '--json', '--config', config], {
      signalWhen: (err) => (err.includes('"waiting"') ? signal : undefined),
    });
    assert.equal(ended.code, code);
    assert.match(ended.err, /"state":"running"/);
    assert.match(ended.err, /"event":"cleaned"/);
    assert.deepEqual(documentOf(ended)['error'], { code: 'interrupted', message: `interrupted by ${signal}` });
    const run = readRuns(join(directory, 'state')).at(-1);
    assert.deepEqual([run?.command, run?.state, run?.exitCode, run?.error?.code], ['group waits', 'failed', code, 'interrupted']);
  }
});

test('a killed run is incomplete in the history; a finished one is told with its outcome', async () => {
  const killed = await fixture(['group', 'waits', '--events', '--config', config], {
    signalWhen: (err) => (err.includes('"waiting"') ? 'SIGKILL' : undefined),
  });
  assert.equal(killed.code, null);
  await fixture(['ends', 'partial', '--config', config]);
  const listed = documentOf(await mailrecover(['history', '--json', '--config', config])) as {
    runs: { state: string; command: string; subject?: object }[];
  };
  const [before, last] = listed.runs.slice(-2);
  assert.deepEqual([before?.command, before?.state], ['group waits', 'incomplete']);
  assert.deepEqual([last?.command, last?.state, last?.subject], ['ends', 'partial', { snapshot: 'abc' }]);
  assert.match((await mailrecover(['history', '--config', config])).out, /group waits +incomplete/);
});

test('a history that can not be written costs a warning, not the run', async () => {
  const blocked = join(directory, 'blocked.yaml');
  await writeFile(blocked, `encryption: false\nstate: ${config}/state\nstores:\n  - path: /v/%u\nrepository:\n  path: /r\n`);
  const ended = await fixture(['ends', 'ok', '--json', '--config', blocked]);
  const { outcome, findings } = documentOf(ended) as { outcome: string; findings: { code: string }[] };
  assert.equal(ended.code, 0);
  assert.equal(outcome, 'warning');
  assert.equal(findings.at(-1)?.code, 'history');
});
