/** `restore --system`: what comes back, how it differs from this host, and the way to a server that works. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { dovecot, noDovecot } from '../support/dovecot.ts';
import { isRoot, missing } from '../support/host.ts';
import { freePorts, until } from '../support/ports.ts';
import { noPostfix, postfix } from '../support/postfix.ts';
import { scratch } from '../support/tmp.ts';
import { serverSetting } from './setting.ts';

interface Difference {
  path: string;
  difference: string;
  detail?: string;
  diff?: string;
}

const NOTHING = "  postfix: []\n  dovecot: ''\n";

describe('restore --system', { skip: isRoot ? false : 'needs root' }, () => {
  test('tells what differs from this host, file by file, and shows no secret', async () => {
    const root = scratch('srv');
    const put = (path: string, text: string, mode = 0o644): void => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
      chmodSync(join(root, path), mode);
    };
    put('conf/plain.cf', 'one\ntwo\nmail_password = hunter2\nthree\n');
    put('conf/same', 'same\n');
    put('conf/gone', 'gone\n');
    put('conf/owner', 'x\n');
    put('conf/secret.cf', 'password = hunter2\n', 0o600);
    put('conf/blob', 'a\0b');
    const setting = await serverSetting(`${NOTHING}  paths: [${root}/conf]\n`);
    assert.equal((await setting.json('backup')).code, 0);

    put('conf/plain.cf', 'one\n2\nmail_password = hunter3\nthree\n');
    put('conf/secret.cf', 'password = hunter4\n', 0o600);
    put('conf/blob', 'a\0c');
    rmSync(join(root, 'conf/gone'));
    chownSync(join(root, 'conf/owner'), 1, 1);
    chmodSync(join(root, 'conf/owner'), 0o640);

    const to = join(setting.root, 'back');
    const dry = await setting.json('restore', 'latest', '--system', '--to', to, '--dry-run');
    assert.equal(dry.code, 0);
    assert.ok(!existsSync(to));
    const { code, json } = await setting.json('restore', 'latest', '--system', '--to', to);
    assert.equal(code, 0, JSON.stringify(json.findings));
    const { files } = json['differences'] as { files: Difference[] };
    const ours = files
      .filter(({ path }) => path.startsWith(`${root}/`))
      .map((each) => ({ ...each, path: each.path.slice(root.length + 6) }));
    assert.deepEqual(
      ours.map(({ path, difference }) => [path, difference]),
      [
        ['blob', 'content'],
        ['gone', 'missing'],
        ['owner', 'owner'],
        ['owner', 'mode'],
        ['plain.cf', 'content'],
        ['secret.cf', 'content'],
      ],
    );
    assert.match(
      ours.find(({ path }) => path === 'plain.cf')?.diff ?? '',
      /^--- this host\n\+\+\+ snapshot\n@@ .*\n one\n-2\n-mail_password = \*\*\*\n\+two\n\+mail_password = \*\*\*\n three$/,
    );
    assert.equal(ours.find(({ path }) => path === 'secret.cf')?.detail, 'holds secrets, not shown');
    assert.equal(readFileSync(join(to, root, 'conf/gone'), 'utf8'), 'gone\n');
    assert.equal(statSync(join(to, root, 'conf/secret.cf')).mode & 0o777, 0o600);
    const [text, order] = ['DIFFERENCES.txt', 'REBUILD.md'].map((name) => readFileSync(join(to, name), 'utf8')) as [string, string];
    for (const said of [text, order, JSON.stringify(json)]) assert.doesNotMatch(said, /hunter/);
    assert.match(text, /files, links or directories differ from this host/);
    const titles = [...order.matchAll(/^## \d+\. (.*)$/gm)].map(([, title]) => title);
    assert.deepEqual(titles, ['Packages', 'Users and groups', 'Files', ...titles.slice(3)]);
    assert.equal(titles.at(-1), 'Checks');

    // The written command, with another place for the root of the file system.
    const host = join(setting.root, 'host');
    mkdirSync(host);
    const command = /^tar --create .* --directory \/ --file -$/m.exec(order)?.[0].replace('--directory /', `--directory ${host}`) ?? '';
    const copied = spawnSync('sh', ['-c', command], { cwd: to, encoding: 'utf8' });
    assert.equal(copied.status, 0, copied.stderr);
    assert.equal(copied.stderr, '');
    assert.equal(readFileSync(join(host, root, 'conf/plain.cf'), 'utf8'), 'one\ntwo\nmail_password = hunter2\nthree\n');
    assert.equal(statSync(join(host, root, 'conf/secret.cf')).mode & 0o777, 0o600);
    assert.ok(!existsSync(join(host, 'mailrecover')));
    assert.equal((await setting.run('restore', 'latest', '--system', '--to', to)).code, 20, 'never over what is there');
  });

  test('a snapshot of mail alone says that it holds no server', async () => {
    const setting = await serverSetting(`${NOTHING}  enabled: false\n`);
    assert.equal((await setting.json('backup')).code, 0);
    const { code, json } = await setting.json('restore', 'latest', '--system', '--to', join(setting.root, 'x'));
    assert.equal(code, 2);
    assert.match(JSON.stringify(json), /nothing but mail/);
  });

  test(
    'a queue comes back on hold, and is delivered once by another Postfix',
    { skip: noPostfix() || noDovecot() || missing('cp') },
    async () => {
      const imap = await dovecot({ users: ['alice@example.org'] });
      const [closed = 0] = await freePorts(1);
      const old = await postfix({ name: 'old', domain: 'example.org', lmtpPort: closed });
      for (let number = 0; number < 6; number++)
        old.send('a@example.net', 'alice@example.org', `Subject: mail ${number}\nMessage-ID: <${number}@example.net>\n\nqueued\n`);
      assert.ok(await until(() => old.listQueue().filter((each) => each.queue_name === 'deferred').length === 6, 30_000), old.log());
      const held = old.listQueue()[0]?.queue_id ?? '';
      old.tool('postsuper', '-h', held);
      const setting = await serverSetting(`  postfix: [${old.config}]\n  dovecot: ''\n`);
      assert.equal((await setting.json('backup')).code, 0);
      old.stop();
      const to = join(setting.root, 'back');
      assert.equal((await setting.json('restore', 'latest', '--system', '--to', to)).code, 0);
      const at = join(to, 'mailrecover/queue/postfix-old');
      assert.equal(readdirSync(join(at, 'hold')).length, 5);
      assert.deepEqual(readdirSync(join(at, 'held-before')), [held]);

      // The commands of REBUILD.md, for the instance that takes over.
      const next = await postfix({ name: 'new', domain: 'example.org', lmtpPort: imap.ports.lmtp });
      const order = readFileSync(join(to, 'REBUILD.md'), 'utf8');
      const commands =
        /^postfix -c \S+ status .*\n[\s\S]*?(?=```)/m
          .exec(order)?.[0]
          .replaceAll(old.config, next.config)
          .replaceAll(old.queue, next.queue) ?? '';
      const [hold = '', release = ''] = commands.split(/^# once .*$/m);
      const shell = (script: string): string => {
        const done = spawnSync('sh', ['-ec', script], { cwd: to, encoding: 'utf8' });
        assert.equal(done.status, 0, `${script}\n${done.stderr}`);
        return done.stdout;
      };
      assert.match(shell(hold), /!/);
      assert.deepEqual(
        next.listQueue().map((each) => each.queue_name),
        Array.from({ length: 5 }, () => 'hold'),
      );
      assert.doesNotMatch(next.log(), /status=sent/);
      shell(release);
      const count = (): number =>
        Number(/messages=(\d+)/.exec(imap.doveadm('mailbox', 'status', '-u', 'alice@example.org', 'messages', 'INBOX'))?.[1]);
      assert.ok(await until(() => next.listQueue().length === 0, 60_000), next.log());
      assert.equal(count(), 5);
      const ids = imap.doveadm('fetch', '-u', 'alice@example.org', 'hdr.message-id', 'mailbox', 'INBOX').match(/<\d@example\.net>/g) ?? [];
      assert.equal(new Set(ids).size, 5, 'each once');
      assert.doesNotMatch(next.log(), /warning: (?!QUEUE FILE NAMES)|fatal|corrupt/);

      shell(`cp -a mailrecover/queue/postfix-old/held-before/. ${next.queue}/hold/ && postsuper -c ${next.config} -s`);
      assert.equal(next.listQueue()[0]?.queue_name, 'hold');
    },
  );
});
