/** Nights on which backups fail, and so do ways to tell it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { microsoftAccount } from '../notify/accounts.ts';
import { attachmentOf, READER, SENDER, world } from '../notify/world.ts';
import { type Document, mailrecover, notBuilt, startMailrecover } from '../support/binary.ts';
import { noExchange } from '../support/cloud/exchange.ts';
import { fill, tmpfs } from '../support/disk.ts';
import { isRoot } from '../support/host.ts';
import { writeTree } from '../support/maildir.ts';
import { freePorts, until } from '../support/ports.ts';

const skip = noExchange() || notBuilt();
if (skip === false) await nights();
else test('nights on which backups fail', { skip }, () => undefined);

async function nights(): Promise<void> {
  const here = await world();
  const [deadPort = 1] = await freePorts(1);
  const config = join(here.root, 'etc/mailrecover.yaml');
  const state = join(here.root, 'run');
  const repository = join(here.root, 'repo');
  writeTree({ root: join(here.root, 'mail'), users: ['alice@example.org'], messages: 5, mail: { size: 500 } });
  const run = (...args: string[]) => mailrecover(['--config', config, ...args]);
  const places = ['--mail', join(here.root, 'mail/%d/%n/Maildir'), '--repository', repository, '--state', state];
  assert.equal((await run('init', ...places, '--host', 'mx1')).code, 0);
  const base = readFileSync(config, 'utf8');

  const account = microsoftAccount(here);
  const graph = { name: 'graph', kind: 'graph', account: 'm365' };
  const relay = { name: 'relay', kind: 'smtp', host: 'localhost', port: here.exchange.relay, from: SENDER, caFile: here.tls.caFile };
  const own = { ...relay, name: 'postfix-here', port: deadPort };
  const tell = (transports: object[], more: object = {}): void =>
    writeFileSync(
      config,
      `${base}\n${[{ notify: { to: [READER], accounts: [account], transports, reserve: 1 } }, more]
        .flatMap((part) => Object.entries(part))
        .map(([key, part]) => `${key}: ${JSON.stringify(part)}\n`)
        .join('')}`,
      { mode: 0o600 },
    );
  const backup = async (expected: number): Promise<Document> => {
    const ran = await run('backup', '--json');
    assert.equal(ran.code, expected, ran.stdout + ran.stderr);
    return ran.json();
  };
  const away = (): void => renameSync(repository, `${repository}-away`);
  const back = (): void => renameSync(`${repository}-away`, repository);
  const spooled = (): string[] => readdirSync(join(state, 'spool')).filter((name) => name.endsWith('.mail'));
  const NO_REPOSITORY = '[mailrecover] FAIL mx1 backup: no repository';

  test('Postfix is stopped and the first transport answers 500: the report comes by the next, says what to do, and comes once', async () => {
    tell([graph, own, relay]);
    assert.equal((await backup(0)).outcome, 'ok');
    assert.equal(statSync(join(state, 'spool/reserve')).size, 1 << 20, 'while all is well, space is set aside for the day when it is not');
    away();
    here.microsoft.faults.push({
      at: /sendMail$/,
      does: { status: 500, body: { error: { code: 'InternalServerError', message: 'broken' } } },
    });
    const failed = await backup(10);
    const severities = failed.findings.map(({ severity, message }) => `${severity} ${message.split(':')[0] ?? ''}`);
    assert.deepEqual(severities, ['warning graph', 'warning postfix-here'], 'that it got through in the end is no error');
    const mail = await here.arrived(NO_REPOSITORY);
    assert.match(mail, /X-Mailrecover-Status: failed/i);
    assert.match(mail, /X-Mailrecover-Command: backup/i);
    assert.match(mail, /Content-Type: multipart\//i);
    const report = JSON.parse(attachmentOf(mail, '.json').toString()) as Document & {
      report: { verdict: string; run: { command: string; id: string } };
    };
    assert.deepEqual([report.schema, report.outcome, report.report.run.command], ['mailrecover/1', 'failed', 'backup']);
    assert.match(report.report.run.id, /^[0-9a-f]{16}$/);
    const text = /\r\n\r\n(FAIL {2}something is wrong[\s\S]*?)\r\n--/.exec(mail)?.[1]?.replace(/=\r\n/g, '') ?? '';
    assert.match(text, /What to do next 1\. check 'repository' .*'mailrecover init'/);

    assert.deepEqual((await backup(10)).findings, [], 'it was told');
    back();
    assert.equal((await backup(0)).outcome, 'ok');
    await here.arrived('[mailrecover] RECOVERED mx1 backup');
    assert.equal(await here.count(NO_REPOSITORY), 1);
    assert.deepEqual(spooled(), []);
  });

  test('all transports dead: it is spooled, shown by status, and delivered once they return, once only', async () => {
    tell([own]);
    away();
    const failed = await backup(10);
    assert.deepEqual(
      failed.findings.map(({ severity, code }) => [severity, code]),
      [
        ['error', 'report-not-sent'],
        ['warning', 'unreachable'],
      ],
    );
    assert.equal(spooled().length, 1);
    back();
    const status = await run('status', '--json');
    assert.deepEqual((status.json()['spool'] as { waiting: number }).waiting, 1);
    assert.match((await run('status')).stdout, /^reports +1 waits$/m);
    assert.match((await run('report')).stdout, /reports waiting +1 waits, the oldest since /);

    tell([relay]);
    const flushed = await Promise.all([1, 2].map(() => run('notify', 'flush', '--all', '--json')));
    assert.equal(
      flushed.reduce((sum, ran) => sum + (ran.json().counts['sent'] ?? 0), 0),
      1,
    );
    assert.equal((await run('notify', 'flush', '--all')).code, 0);
    await until(async () => (await here.count(NO_REPOSITORY)) === 2, 20_000);
    assert.deepEqual(spooled(), []);
  });

  test(
    'a full disk and dead transports: the alarm is kept, shown, and comes once they return, once',
    { skip: isRoot ? false : 'needs root, to mount a file system' },
    async () => {
      const full = tmpfs(16);
      const path = join(here.root, 'full.yaml');
      const small = (...args: string[]) => mailrecover(['--config', path, ...args]);
      const told = (transports: object[]): void => {
        const notify = { to: [READER], transports, reserve: 1 };
        writeFileSync(path, `${initial}\nnotify: ${JSON.stringify(notify)}\n`, { mode: 0o600 });
      };
      const where = ['--mail', join(here.root, 'mail/%d/%n/Maildir'), '--repository', join(full, 'repo'), '--state', join(full, 'state')];
      assert.equal((await small('init', ...where, '--host', 'small')).code, 0);
      const initial = readFileSync(path, 'utf8');
      told([own]);
      assert.equal((await small('backup')).code, 0);
      fill(full);
      const failed = await small('backup', '--json');
      assert.deepEqual([failed.code, failed.json().findings[0]?.code], [1, 'report-not-sent'], failed.stdout + failed.stderr);
      assert.equal(existsSync(join(full, 'state/spool/reserve')), false);
      assert.equal(((await small('status', '--json')).json()['spool'] as { waiting: number }).waiting, 1);
      told([relay]);
      assert.equal((await small('notify', 'flush', '--all', '--json')).json().counts['sent'], 1);
      await here.arrived('[mailrecover] FAIL small backup: disk full');
      assert.equal(await here.count('[mailrecover] FAIL small backup'), 1);
    },
  );

  test('a run that went well and could not say so ends with 3, and stands in the history as it was', async () => {
    tell([own]);
    const over = await backup(3);
    assert.deepEqual([over.outcome, over.findings.find(({ severity }) => severity === 'error')?.code], ['partial', 'report-not-sent']);
    assert.equal(spooled().length, 1);
    const [last] = (await run('history', '--json')).json()['runs'] as { command: string; outcome: string; state: string }[];
    assert.equal(last?.command, 'backup');
    assert.ok([last?.state, last?.outcome].includes('ok'), JSON.stringify(last));
    tell([relay]);
    assert.equal((await run('notify', 'flush', '--all')).code, 0);
    await until(async () => (await here.count('[mailrecover] RECOVERED mx1 backup')) === 2, 20_000);
  });

  test('a run that is stopped by systemd still reports: its mail waits in the spool', async () => {
    tell([relay], { hooks: [{ verb: 'backup', before: [['sleep', '300']] }] });
    const { child, done } = startMailrecover(['--config', config, 'backup']);
    const begun = (): boolean => {
      const lines = readFileSync(join(state, 'history.jsonl'), 'utf8').trimEnd().split('\n');
      return (JSON.parse(lines.at(-1) ?? '{}') as { event?: string }).event === 'start';
    };
    await until(() => Promise.resolve(begun()), 60_000);
    child.kill('SIGTERM');
    assert.equal((await done).code, 143);
    assert.equal(spooled().length, 1);
    tell([relay]);
    assert.equal((await run('notify', 'flush', '--all')).code, 0);
    await here.arrived('[mailrecover] FAIL mx1 backup: interrupted');
    await backup(0);
  });

  test('a full report goes to whom it is sent, as asked; what was told is not told again', async () => {
    tell([relay]);
    const dry = await run('report', '--send', '--dry-run', '--lang', 'ja');
    assert.match(dry.stdout, /\[mailrecover\] 警告 mx1: .*\(日次報告\)/);
    assert.deepEqual(spooled(), []);
    const sent = await run('report', '--send', '--lang', 'ja', '--json');
    assert.deepEqual([sent.code, (sent.json()['sent'] as { status: string }).status], [0, 'delivered'], sent.stdout + sent.stderr);
    await here.arrived('警告 mx1');
    const statuses: string[] = [];
    for (let count = 0; count < 2; count++)
      statuses.push(((await run('report', '--send', '--on', 'warning,failure', '--json')).json()['sent'] as { status: string }).status);
    assert.deepEqual(statuses, ['delivered', 'unneeded']);
    assert.equal((await run('report', '--send', '--on', 'sometimes')).code, 2);
    assert.equal((await run('report', '--on', 'failure')).code, 2);
    assert.equal((await run('report', '--send', '--to', 'nobody')).code, 2);
    tell([own]);
    assert.equal((await run('report', '--send')).code, 3);
    assert.equal(spooled().length, 1);
  });
}
