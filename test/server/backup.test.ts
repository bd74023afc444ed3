/** A server with its real Postfix and Dovecot, backed up by the real program. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { missing, run } from '../support/host.ts';
import { freePorts, until } from '../support/ports.ts';
import { noPostfix, postfix } from '../support/postfix.ts';
import { scratch } from '../support/tmp.ts';
import { serverSetting, systemPaths } from './setting.ts';

/** A configuration that names files in every way that Postfix and Dovecot know. */
async function makeServer() {
  const root = scratch('srv');
  const put = (path: string, text: string, mode = 0o644): string => {
    const full = join(root, path);
    mkdirSync(join(full, '..'), { recursive: true });
    writeFileSync(full, text);
    chmodSync(full, mode);
    return full;
  };
  const maps = {
    lmdb: put('maps/virtual', 'postmaster@example.org alice@example.org\n'),
    pcre: put('maps/headers.pcre', '/^X-Spam/ HOLD\n'),
    cidr: put('maps/clients.cidr', '192.0.2.0/24 REJECT\n'),
    text: put('maps/transport', 'example.net discard:\n'),
    mysql: put(
      'maps/users.cf',
      `hosts = 127.0.0.1\nuser = mail\npassword = geheim\ndbname = mail\nquery = SELECT 1\ntls_CAfile = ${join(root, 'tls/ca.pem')}\n`,
      0o640,
    ),
    sasl: put('maps/relay_password', 'relay.example.net user:geheim\n', 0o600),
    script: put('bin/filter.sh', '#!/bin/sh\ncat\n', 0o755),
  };
  const tls = {
    key: put('tls/live/key.pem', '-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n', 0o600),
    ca: put('tls/ca.pem', 'CA\n'),
  };
  put('tls/archive/cert1.pem', 'CERT\n');
  symlinkSync('../archive/cert1.pem', join(root, 'tls/live/cert.pem'));
  run('postmap', [`lmdb:${maps.lmdb}`]);
  const [port = 0] = await freePorts(1);
  const server = await postfix({
    name: 'one',
    domain: 'example.org',
    lmtpPort: port,
    main: `map_dir = ${root}/maps
virtual_alias_maps = lmdb:$map_dir/virtual
header_checks = pcre:{{/nothing/ DUNNO}}, pcre:${maps.pcre}
smtpd_client_restrictions = permit_mynetworks,
  check_client_access cidr:${maps.cidr}
transport_maps = unionmap:{texthash:${maps.text}}
smtp_sasl_password_maps = texthash:${maps.sasl}
smtpd_tls_cert_file = ${root}/tls/live/cert.pem
smtpd_tls_key_file = ${tls.key}
`,
    master: `filter unix - n n - - pipe user=nobody argv=${maps.script} -f \${sender}
submission unix n - n - - smtpd -o smtpd_sender_login_maps=proxy:mysql:${maps.mysql} -o { smtpd_helo_restrictions = check_helo_access texthash:${put('maps/helo', 'x REJECT\n')} }
`,
  });
  const dovecot = put(
    'dovecot/dovecot.conf',
    `protocols = imap
!include_try ${root}/dovecot/conf.d/*.conf
mail_location = maildir:~/Maildir
ssl_cert = <${root}/tls/live/cert.pem
ssl_key = <${tls.key}
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${root}/users/%d/passwd
}
userdb {
  driver = sql
  args = ${put('dovecot/sql.conf.ext', `driver = sqlite\nconnect = ${root}/users.sqlite\nuser_query = SELECT 1\n`, 0o600)}
}
plugin {
  sieve_before = ${root}/sieve/before
  sieve_global = ${root}/sieve/global.sieve
}
`,
  );
  put('dovecot/conf.d/10-log.conf', 'log_path = /dev/stderr\n');
  put('users/example.org/passwd', 'alice@example.org:{PLAIN}geheim\n', 0o640);
  put('users.sqlite', 'no database really\n');
  put('sieve/before/spam.sieve', 'keep;\n');
  put('sieve/global.sieve', 'keep;\n');
  return { root, server, dovecot, put };
}

describe('the server beside its mail', { skip: noPostfix() || missing('doveconf', 'postmap') }, () => {
  test('all that the configuration names is in the snapshot, and comes back byte for byte', async () => {
    const { root, server, dovecot, put } = await makeServer();
    const setting = await serverSetting(`  postfix: [${server.config}]\n  dovecot: ${dovecot}\n  paths: [${put('extra/x.conf', 'x\n')}]\n`);
    const first = await setting.json('backup');
    assert.equal(first.code, 0, JSON.stringify(first.json.findings));
    assert.equal(first.json.counts['mailboxes'], 2);
    assert.deepEqual(
      first.json.findings.filter(({ severity }) => severity !== 'info').map(({ code, subject }) => [code, subject]),
      [['database-not-dumped', `${root}/users.sqlite`]],
    );
    const paths = await systemPaths(setting);
    const expected = [
      'bin/filter.sh',
      'dovecot/conf.d/10-log.conf',
      'dovecot/dovecot.conf',
      'dovecot/sql.conf.ext',
      'extra/x.conf',
      'maps/clients.cidr',
      'maps/headers.pcre',
      'maps/helo',
      'maps/relay_password',
      'maps/transport',
      'maps/users.cf',
      'maps/virtual',
      'maps/virtual.lmdb',
      'sieve/before/spam.sieve',
      'sieve/global.sieve',
      'tls/archive/cert1.pem',
      'tls/ca.pem',
      'tls/live/cert.pem',
      'tls/live/key.pem',
      'users/example.org/passwd',
    ].map((path) => join(root, path));
    assert.deepEqual(
      paths.filter((path) => path.startsWith(`${root}/`)),
      expected,
    );
    for (const path of [
      `${server.config}/main.cf`,
      `${server.config}/master.cf`,
      setting.config,
      'mailrecover/facts/users.txt',
      'mailrecover/facts/packages.txt',
    ])
      assert.ok(paths.includes(path), path);
    assert.ok(!paths.some((path) => path.startsWith('/usr/') && !path.startsWith('/usr/local/')), 'no programs');
    assert.ok(!paths.includes(setting.identity), 'the key that reads backups is not in them');

    const second = await setting.json('backup');
    assert.equal(second.json.counts['newMessages'], 0);
    put('maps/transport', 'example.net smtp:\n');
    rmSync(join(root, 'maps/helo'));
    await setting.json('backup');
    const changes = (await setting.json('diff', 'latest~1', 'latest')).json['system'] as { change: string; path: string }[];
    assert.deepEqual(
      changes.filter(({ path }) => path.startsWith(root)),
      [
        { change: 'removed', path: join(root, 'maps/helo') },
        { change: 'content', path: join(root, 'maps/transport') },
      ],
    );
    for (const args of [
      ['verify', '--level', 'files'],
      ['verify', '--level', 'server'],
      ['check', '--read-data'],
    ]) {
      const proof = await setting.json(...args);
      assert.equal(proof.code, 0, JSON.stringify(proof.json));
    }
    const mailOnly = join(setting.root, 'mail-only');
    assert.equal((await setting.run('restore', 'latest', '--to', mailOnly)).code, 0);
    assert.deepEqual(readdirSync(mailOnly), ['example.org']);

    const byHand = join(setting.root, 'by-hand');
    run('sh', ['-c', `cd ${setting.repository} && sh recover.sh --identity ${setting.identity} --to ${byHand} latest`]);
    for (const path of expected.filter((each) => !each.endsWith('helo') && !each.endsWith('cert.pem')))
      assert.deepEqual(readFileSync(join(byHand, '.system', path)), readFileSync(path), path);
    assert.equal(readFileSync(join(byHand, '.system', root, 'tls/live/cert.pem'), 'latin1'), 'CERT\n');
  });

  test('a queue at work: every message once, wherever it lies', async () => {
    const [port = 0] = await freePorts(1);
    const server = await postfix({ name: 'two', domain: 'example.org', lmtpPort: port });
    for (let number = 0; number < 5; number++) server.send('a@example.net', 'alice@example.org', `Subject: ${number}\n\nqueued\n`);
    assert.ok(await until(() => server.listQueue().filter((each) => each.queue_name === 'deferred').length === 5, 30_000), server.log());
    const held = server.listQueue()[0]?.queue_id ?? '';
    server.tool('postsuper', '-h', held);
    const setting = await serverSetting(`  postfix: [${server.config}]\n  dovecot: ''\n`);
    const backup = await setting.json('backup');
    assert.equal(backup.code, 0, JSON.stringify(backup.json.findings));
    const queue = (await systemPaths(setting)).filter((path) => path.startsWith('mailrecover/queue/postfix-two/'));
    const ids = queue.filter((path) => /\/(?:deferred|hold)\//.test(path)).map((path) => path.slice(path.lastIndexOf('/') + 1));
    assert.deepEqual(
      ids.sort(),
      server
        .listQueue()
        .map((each) => each.queue_id)
        .sort(),
    );
    assert.ok(queue.includes(`mailrecover/queue/postfix-two/hold/${held}`));
    assert.equal(queue.filter((path) => path.includes('/defer/')).length, 5);

    // What was handed in while Postfix did not run waits in maildrop.
    server.stop();
    server.send('a@example.net', 'alice@example.org', 'Subject: waits\n\nnobody took it up\n');
    const [dropped = ''] = readdirSync(join(server.queue, 'maildrop'));
    await setting.json('backup');
    assert.ok((await systemPaths(setting)).includes(`mailrecover/queue/postfix-two/maildrop/${dropped}`));
    const to = join(setting.root, 'with-maildrop');
    await setting.json('restore', 'latest', '--system', '--to', to);
    const rebuild = readdirSync(to, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('REBUILD.md')) ?? '';
    assert.match(readFileSync(join(to, rebuild), 'utf8'), /1 messages? had been handed in and not taken up yet/);
  });

  test('without encryption no secret is stored, and that is said', async () => {
    const { root, server, dovecot } = await makeServer();
    const setting = await serverSetting(
      `  postfix: [${server.config}]\n  dovecot: ${dovecot}\n  databases: [{ name: x, preset: command, command: [/bin/echo, hi] }]\n`,
      '--no-encryption',
    );
    const { code, json } = await setting.json('backup');
    assert.equal(code, 0, JSON.stringify(json.findings));
    const finding = json.findings.find((each) => each.code === 'secrets-left-out');
    assert.match(finding?.message ?? '', /files with secrets, the first is '.*'; 1 database$/);
    const paths = await systemPaths(setting);
    for (const secret of ['maps/users.cf', 'maps/relay_password', 'tls/live/key.pem', 'users/example.org/passwd', 'dovecot/sql.conf.ext'])
      assert.ok(!paths.includes(join(root, secret)), secret);
    assert.ok(paths.includes(join(root, 'maps/virtual')));
    const to = join(setting.root, 'all');
    run('sh', ['-c', `cd ${setting.repository} && sh recover.sh --to ${to} latest`]);
    assert.ok(!existsSync(join(to, '.system', root, 'tls/live/key.pem')));
    assert.throws(() => run('grep', ['-rq', 'geheim', to]), 'no password anywhere in it');
  });

  test('a link that leads to itself, and a file that went, are taken as they are', async () => {
    const root = scratch('srv');
    mkdirSync(join(root, 'conf/private'), { recursive: true });
    writeFileSync(join(root, 'conf/a'), 'one\n');
    writeFileSync(join(root, 'conf/private/b'), 'two\n');
    const setting = await serverSetting(`  postfix: []\n  dovecot: ''\n  queue: false\n  paths: [${root}/conf]\n`);
    assert.equal((await setting.json('backup')).code, 0);
    // A loop of links can't be read by root either.
    rmSync(join(root, 'conf/a'));
    symlinkSync('a', join(root, 'conf/a'));
    writeFileSync(join(root, 'conf/c'), 'three\n');
    const { code } = await setting.json('backup');
    assert.equal(code, 0);
    assert.deepEqual(
      (await systemPaths(setting)).filter((path) => path.startsWith(root)),
      ['conf/a', 'conf/c', 'conf/private/b'].map((path) => join(root, path)),
    );
  });
});
