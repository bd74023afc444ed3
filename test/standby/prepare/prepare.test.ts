import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'node:test';
import { decodeHeader } from '../../../src/repository/age/header.ts';
import { generateIdentity } from '../../../src/repository/age/keys.ts';
import { open } from '../../../src/repository/age/payload.ts';
import { mailrecover, notBuilt, type Document } from '../../support/binary.ts';
import { findProgram } from '../../support/host.ts';
import { Imap } from '../../support/imap.ts';
import { noPair, PASSWORD, type Pair } from '../../support/pair.ts';
import { DNS_PORT } from '../../support/pair-dns.ts';
import { listens, until } from '../../support/ports.ts';
import { PROGRAM } from '../../support/systemd-host.ts';
import { twoHosts } from '../../hosts/setting.ts';

const LONG = 300_000;

suite('standby prepare, on two hosts', { skip: noPair() || notBuilt() }, () => {
  let pair: Pair;
  const { secret, identity } = generateIdentity();
  const whole = twoHosts((booted) => void (pair = booted));
  const here = (): string => pair.addresses.mx1.replace(/\.11$/, '.1');
  const prepare = async (code: number, args: string[], settings: Record<string, unknown> = {}): Promise<Document> => {
    const config = pair.config((part) => {
      part['prepare'] = { resolvers: [`${here()}:${DNS_PORT}`], ...settings };
    });
    const ran = await mailrecover(['--config', config, 'standby', 'prepare', '--json', ...args], { timeout: LONG });
    assert.equal(ran.code, code, `${ran.stdout}${ran.stderr}`);
    return ran.json();
  };
  const codes = ({ findings }: Document): string[] => [...new Set(findings.map(({ code }) => code))];
  const changed = (document: Document): string[] => (document['changes'] as { path: string }[]).map(({ path }) => path);
  const nsupdate = (...lines: string[]): void => {
    const key = readFileSync(join(pair.root, 'tsig'), 'utf8').trim();
    const input = [`server ${here()} ${DNS_PORT}`, `key hmac-sha256:mover ${key}`, ...lines, 'send', ''].join('\n');
    const { status, stderr } = spawnSync(findProgram('nsupdate') ?? 'nsupdate', { input, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };

  whole('what differs is shown and not copied; secrets are not shown', async () => {
    pair.mx1.must(
      'sh',
      '-ec',
      `cd /etc/postfix
      echo "info@example.test alice@example.test" >virtual; postmap hash:virtual
      postconf -e virtual_alias_maps=hash:/etc/postfix/virtual "mynetworks=127.0.0.0/8 ${pair.addresses.mx1}/32" header_checks=pcre:/etc/postfix/headers
      echo "/^X-Bad:/ REJECT" >headers; ln -s headers headers-too
      mkdir -p /etc/dkimkeys; openssl genrsa -out /etc/dkimkeys/s1.private 2048 2>/dev/null; chmod 600 /etc/dkimkeys/s1.private
      groupadd -g 6001 filters; useradd -u 6001 -g 6001 -M filter; echo x >policy.conf; chown filter:filters policy.conf; chmod 640 policy.conf
      echo "dave@example.test:{SSHA512}topsecrethash::::::" >>/etc/dovecot/users`,
    );
    pair.mx2.must('sh', '-ec', 'postconf -e inet_interfaces=all; echo old >/etc/postfix/of-mx2');
    const before = pair.mx2.must('sh', '-c', 'cat /etc/postfix/main.cf /etc/dovecot/users; ls /etc/postfix');
    const dry = await prepare(3, ['--dry-run']);
    const shown = JSON.stringify(dry);
    assert.deepEqual(changed(dry), [
      '/etc/dkimkeys/s1.private',
      '/etc/dovecot/users',
      '/etc/postfix/headers',
      '/etc/postfix/headers-too',
      '/etc/postfix/main.cf',
      '/etc/postfix/policy.conf',
      '/etc/postfix/virtual',
    ]);
    assert.match(shown, /\+virtual_alias_maps = hash:/);
    assert.ok(!/topsecrethash|PRIVATE KEY|correct horse/.test(shown));
    assert.deepEqual(dry['onlyThere'], ['/etc/postfix/of-mx2']);
    assert.ok(codes(dry).includes('names-primary'), 'mynetworks has the address of mx1');
    assert.deepEqual(dry['accounts'], [
      { kind: 'group', name: 'filters', id: 6001, what: 'new' },
      { kind: 'user', name: 'filter', id: 6001, what: 'new' },
    ]);
    assert.ok(codes(await prepare(3, ['--check'])).includes('not-prepared'));
    assert.equal(pair.mx2.must('sh', '-c', 'cat /etc/postfix/main.cf /etc/dovecot/users; ls /etc/postfix'), before, 'nothing is changed');
  });

  whole('it is copied, the standby stays itself, and can be put back', async () => {
    const before = pair.mx2.must('cat', '/etc/postfix/main.cf', '/etc/dovecot/users');
    const done = await prepare(3, ['--yes'], { keep: ['mynetworks'] });
    assert.equal(done.counts['written'], 7);
    assert.equal(pair.mx2.must('postconf', '-h', 'myhostname', 'inet_interfaces', 'mynetworks'), 'mx2.example.test\nall\n127.0.0.0/8\n');
    assert.equal(pair.mx2.must('postmap', '-q', 'info@example.test', 'hash:/etc/postfix/virtual'), 'alice@example.test\n');
    assert.equal(pair.mx2.must('stat', '-c', '%U:%G %a', '/etc/postfix/policy.conf'), 'filter:filters 640\n');
    assert.equal(pair.mx2.must('readlink', '/etc/postfix/headers-too'), 'headers\n');
    assert.equal(pair.mx2.must('cat', '/etc/dkimkeys/s1.private'), pair.mx1.must('cat', '/etc/dkimkeys/s1.private'));
    assert.equal(pair.mx2.must('cat', '/etc/postfix/of-mx2'), 'old\n');
    const again = await prepare(3, ['--yes'], { keep: ['mynetworks'] });
    assert.deepEqual([again['changes'], again['accounts'], again['run']], [[], [], undefined]);
    const undone = await prepare(0, ['--undo', 'last']);
    assert.equal(undone['run'], done['run']);
    assert.equal(pair.mx2.must('cat', '/etc/postfix/main.cf', '/etc/dovecot/users'), before);
    assert.notEqual(pair.mx2.run('ls', '/etc/dkimkeys').code, 0);
  });

  whole('what the standby would not understand is put back at once', async () => {
    pair.mx1.must(
      'sh',
      '-ec',
      'echo "log_timestamp = %s" >/etc/dovecot/own.conf; echo "!include /etc/dovecot/own.conf" >>/etc/dovecot/dovecot.conf',
    );
    const before = pair.mx2.must('cat', '/etc/dovecot/dovecot.conf', '/etc/postfix/main.cf');
    const broken = await prepare(1, ['--yes'], { exclude: ['/etc/dovecot/own.conf'] });
    assert.ok(codes(broken).includes('not-understood'));
    assert.equal(pair.mx2.must('cat', '/etc/dovecot/dovecot.conf', '/etc/postfix/main.cf'), before);
    assert.equal(pair.mx2.run('doveconf', '-n').code, 0);
  });

  whole('what the DNS, the certificate and the firewall lack is named, and gone once it is mended', async () => {
    nsupdate(
      'zone example.test',
      'update add example.test 5 TXT "v=spf1 mx -all"',
      'update delete example.test MX',
      'update add example.test 86400 MX 10 mx1.example.test.',
      'update add s1._domainkey.example.test 5 TXT "v=DKIM1; p="',
      'update add _25._tcp.mx2.example.test 5 TLSA 3 1 1 00000000000000000000000000000000000000000000000000000000000000aa',
    );
    pair.mx2.must(
      'sh',
      '-ec',
      'nft add table inet wall; nft "add chain inet wall in { type filter hook input priority 0; }"; nft add rule inet wall in tcp dport 143 drop',
    );
    const lacking = await prepare(3, ['--yes']);
    for (const code of [
      'spf-lacks-standby',
      'no-ptr',
      'ttl-long',
      'tlsa-differs',
      'certificate-lacks-name',
      'port-shut',
      'dkim-differs',
      'no-guard',
    ])
      assert.ok(codes(lacking).includes(code), `${code} of ${codes(lacking).join(' ')}`);
    const hint = (code: string): string => lacking.findings.find((finding) => finding.code === code)?.hint ?? '';
    assert.match(hint('spf-lacks-standby'), new RegExp(`"v=spf1 mx ip4:${pair.addresses.mx2.replaceAll('.', '\\.')} -all"`));
    assert.match(hint('tlsa-differs'), /TLSA 3 1 1 [0-9a-f]{64}$/);
    const tlsa = /TLSA 3 1 1 [0-9a-f]{64}/.exec(hint('tlsa-differs'))?.[0] ?? '';
    nsupdate(
      'zone example.test',
      'update delete s1._domainkey.example.test',
      `update add s1._domainkey.example.test 5 TXT "v=DKIM1; p=${publicKey()}"`,
      'update delete example.test TXT',
      `update add example.test 5 TXT "v=spf1 mx ip4:${pair.addresses.mx2} -all"`,
      'update delete example.test MX',
      'update add example.test 5 MX 10 mx1.example.test.',
      `update add _25._tcp.mx2.example.test 5 ${tlsa}`,
    );
    nsupdate(
      'zone in-addr.arpa',
      `update add ${pair.addresses.mx2.split('.').toReversed().join('.')}.in-addr.arpa 5 PTR mx2.example.test.`,
    );
    pair.mx2.must('nft', 'delete', 'table', 'inet', 'wall');
    // What binds mail to it there is no difference between the hosts.
    pair.mx1.must(PROGRAM, 'standby', 'guard', '--install', '--yes');
    const checked = await prepare(3, ['--check']);
    assert.match(checked.findings.find(({ code }) => code === 'no-guard')?.message ?? '', /^nothing keeps 'mx2\.example\.test' from/);
    const mended = codes(checked);
    for (const code of ['spf-lacks-standby', 'no-ptr', 'ttl-long', 'tlsa-differs', 'port-shut', 'not-prepared', 'dkim-differs'])
      assert.ok(!mended.includes(code), code);
  });
  const publicKey = (): string =>
    pair.mx1
      .must('openssl', 'pkey', '-in', '/etc/dkimkeys/s1.private', '-pubout')
      .replace(/-----[^-]*-----|\s/g, '')
      // One text of a TXT record has 255 bytes at most.
      .replace(/.{200}/g, '$&" "');

  whole('who has no hash that can be read gets a password that the administrator alone reads, and logs in with it', async () => {
    pair.mx1.must('sh', '-ec', 'sed -i "s/^dave@.*/dave@example.test:*::::::/" /etc/dovecot/users');
    const uncovered = await prepare(3, ['--dry-run']);
    assert.deepEqual((uncovered['logins'] as { uncovered: string[] }).uncovered, ['dave@example.test']);
    assert.ok(codes(uncovered).includes('login-uncovered'));
    await prepare(2, ['--dry-run'], { emergency: true });
    const settings = { emergency: true, recipients: [identity.recipient.text] };
    const done = await prepare(3, ['--yes'], settings);
    const [artifact] = done['artifacts'] as { path: string }[];
    const bytes = readFileSync(artifact?.path ?? '');
    const { fileKey, length } = decodeHeader(bytes, [identity], 'list');
    const list = open(fileKey, bytes.subarray(length), 'list').toString('utf8');
    const password = /^dave@example\.test\t(\S+)$/m.exec(list)?.[1] ?? '';
    assert.equal(password.length, 19);
    assert.ok(![JSON.stringify(done), secret].some((text) => text.includes(password)));
    const used = await prepare(0, ['--logins', 'snapshot']);
    assert.deepEqual(used['logins'], { by: 'snapshot', changed: true, reloaded: false, users: 1 });
    const again = await prepare(3, ['--dry-run'], settings);
    assert.ok(!changed(again).includes('/etc/dovecot/dovecot.conf'), 'it stays so');
    assert.equal((again['logins'] as { issued: number }).issued, 0);
    // As a switch does it.
    pair.mx2.must('systemctl', 'start', 'dovecot');
    assert.ok(await until(() => listens(143, pair.addresses.mx2), 60_000));
    for (const [user, word] of [
      ['dave@example.test', password],
      ['alice@example.test', PASSWORD],
    ] as const) {
      const client = await Imap.login({ host: pair.addresses.mx2, ports: { imap: 143 }, password: word }, user);
      await client.close();
    }
    await prepare(0, ['--logins', 'directory']);
    await assert.rejects(Imap.login({ host: pair.addresses.mx2, ports: { imap: 143 }, password }, 'dave@example.test'));
    pair.mx2.must('systemctl', 'stop', 'dovecot');
  });
});
