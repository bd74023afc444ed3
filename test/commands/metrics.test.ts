import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, renameSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { findProgram, missing } from '../support/host.ts';
import { initArguments, makeSetting } from './setting.ts';

const setting = makeSetting(6);

before(async () => {
  await setting.json(...initArguments(setting));
  await setting.json('backup');
  await setting.json('verify', '--level', 'files');
});

/** Names, by the rules of the format: a HELP and a TYPE before the samples of each, no sample twice, no time stamp. */
function parsePrometheus(text: string): Map<string, number> {
  assert.ok(text.endsWith('\n'));
  const samples = new Map<string, number>();
  const declared = new Set<string>();
  let current = '';
  for (const line of text.split('\n').slice(0, -1)) {
    const help = /^# HELP ([a-z_]+) \S.*\.$/.exec(line)?.[1];
    if (help !== undefined) {
      assert.ok(!declared.has(help), line);
      current = help;
      declared.add(help);
      continue;
    }
    if (line.startsWith('#')) {
      assert.equal(line, `# TYPE ${current} gauge`);
      continue;
    }
    const [, name, labels = '', value] = /^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$/.exec(line) ?? [];
    assert.equal(name, current, line);
    assert.ok(!samples.has(`${name}${labels}`), line);
    assert.ok(!Number.isNaN(Number(value)), line);
    samples.set(`${name}${labels}`, Number(value));
  }
  return samples;
}

test('Prometheus gets what its textfile collector takes, in one step', async () => {
  const file = join(setting.root, 'mailrecover.prom');
  const { code, json } = await setting.json('metrics', '--to', file);
  assert.deepEqual([code, json.outcome, json['path']], [0, 'ok', file]);
  assert.equal(statSync(file).mode & 0o777, 0o644);
  const text = readFileSync(file, 'utf8');
  const samples = parsePrometheus(text);
  assert.equal(samples.get('mailrecover_backup_messages{host="mx1"}'), 6);
  assert.equal(samples.get('mailrecover_run_last_exit_code{host="mx1",command="backup"}'), 0);
  assert.equal(samples.get('mailrecover_status_known'), 1);
  assert.equal(samples.get('mailrecover_status{host="mx1"}'), 1);
  const made = samples.get('mailrecover_backup_last_success_timestamp_seconds{host="mx1"}') ?? 0;
  assert.ok(Math.abs(Date.now() / 1000 - made) < 3600);
  assert.equal((await setting.run('metrics', '--quiet')).out.split('\n', 1)[0], text.split('\n', 1)[0]);
  const promtool = findProgram('promtool');
  if (promtool === undefined) return;
  const checked = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.deepEqual([checked.status, checked.stdout + checked.stderr], [0, '']);
});

test('a plugin says one line, and ends as Nagios wants it', async () => {
  const { code, out, err } = await setting.run('metrics', '--format', 'nagios');
  assert.equal(code, 1);
  assert.match(out, /^MAILRECOVER WARNING - [^|\n]+ \| 'backup_age'=\d+s;;;0 .*'messages'=6;;;0 .*\n$/);
  assert.equal(err, '');
  const away = `${setting.repository}.away`;
  renameSync(setting.repository, away);
  try {
    const critical = await setting.run('metrics', '--format', 'nagios', '--quiet');
    assert.deepEqual(
      [critical.code, /^MAILRECOVER CRITICAL - there is no repository at [^|\n]+\n$/.test(critical.out)],
      [2, true],
      critical.out,
    );
    const { code: exit, json } = await setting.json('metrics');
    assert.deepEqual([exit, json.outcome], [3, 'partial']);
    const metrics = json['metrics'] as { name: string; samples: { value: number }[] }[];
    assert.equal(metrics.find(({ name }) => name === 'mailrecover_status_known')?.samples[0]?.value, 0);
    assert.ok(metrics.some(({ name }) => name === 'mailrecover_run_last_success_timestamp_seconds'));
  } finally {
    renameSync(away, setting.repository);
  }
  const unknown = await setting.run('--config', '/nonexistent', 'metrics', '--format', 'nagios');
  assert.deepEqual([unknown.code, unknown.out], [3, "MAILRECOVER UNKNOWN - there is no configuration at '/nonexistent'\n"]);
});

test('every key that is sent to Zabbix is one that the template knows', async () => {
  const { out } = await setting.run('metrics', '--format', 'zabbix', '--zabbix-host', 'mail server');
  const template = readFileSync(new URL('../../recipes/monitoring/zabbix-template.yaml', import.meta.url), 'utf8');
  const keys = out
    .split('\n')
    .slice(0, -1)
    .map((line) => /^"mail server" (\S+|"(?:[^"\\]|\\.)*") (?:[^\s"]\S*|"(?:[^"\\]|\\.)*")$/.exec(line)?.[1] ?? `no line: ${line}`);
  for (const key of keys) {
    const known = key.replace('[mx1]', '[{#MAILHOST}]').replace(/\[mx1,[a-z]+\]/, '[{#MAILHOST},{#COMMAND}]');
    assert.ok(template.includes(`key: '${known}'`), key);
  }
  assert.deepEqual(JSON.parse((await setting.run('metrics', '--format', 'zabbix-hosts')).out), [{ '{#MAILHOST}': 'mx1' }]);
  assert.deepEqual(JSON.parse((await setting.run('metrics', '--format', 'zabbix-commands')).out), [
    { '{#MAILHOST}': 'mx1', '{#COMMAND}': 'backup' },
    { '{#MAILHOST}': 'mx1', '{#COMMAND}': 'verify' },
  ]);
});

test('zabbix_sender reads it', { skip: missing('zabbix_sender') }, async () => {
  const { out } = await setting.run('metrics', '--format', 'zabbix', '--zabbix-host', 'mx1');
  const got: { key: string; value: string }[] = [];
  // The trapper's side of the protocol: ZBXD, a flag, the length of the JSON in little-endian.
  const server = createServer((socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      if (all.length < 13 || all.length < 13 + all.readUInt32LE(5)) return;
      got.push(...(JSON.parse(all.subarray(13).toString()) as { data: { key: string; value: string }[] }).data);
      const answer = Buffer.from(`{"response":"success","info":"processed: 1; failed: 0; total: 1; seconds spent: 0.1"}`);
      const head = Buffer.alloc(13);
      head.write('ZBXD\u0001', 'latin1');
      head.writeUInt32LE(answer.length, 5);
      socket.end(Buffer.concat([head, answer]));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const sender = spawn(findProgram('zabbix_sender') ?? '', ['-z', '127.0.0.1', '-p', String(port), '-i', '-'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  sender.stdin.end(out);
  const code = await new Promise((resolve) => {
    sender.on('close', resolve);
  });
  server.close();
  assert.equal(code, 0);
  assert.equal(got.length, out.split('\n').length - 1);
  assert.deepEqual(JSON.parse(got.find(({ key }) => key === 'mailrecover.hosts')?.value ?? ''), [{ '{#MAILHOST}': 'mx1' }]);
});
