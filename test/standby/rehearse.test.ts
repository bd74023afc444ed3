import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { judge } from '../../src/standby/rehearse/headers.ts';
import { mailrecover, notBuilt, type Document } from '../support/binary.ts';
import { startDovecot, type Dovecot } from '../support/dovecot.ts';
import { findProgram } from '../support/host.ts';
import { noPair, type Pair } from '../support/pair.ts';
import { DNS_PORT } from '../support/pair-dns.ts';
import { freePorts } from '../support/ports.ts';
import { noPostfix, startPostfix, type Postfix } from '../support/postfix.ts';
import { twoHosts } from '../hosts/setting.ts';

const LONG = 300_000;
const PROBE = 'probe@outside.test';

suite('standby rehearse', { skip: noPair() || noPostfix() || notBuilt() }, () => {
  let pair: Pair;
  let dovecot: Dovecot;
  let outside: Postfix;
  let port = 0;
  const here = (): string => pair.addresses.mx1.replace(/\.11$/, '.1');
  const whole = twoHosts(async (booted) => {
    pair = booted;
    dovecot = await startDovecot({ users: [PROBE] });
    [port = 0] = await freePorts(1);
    outside = await startPostfix({
      name: 'outside',
      domain: 'outside.test',
      lmtpPort: dovecot.ports.lmtp,
      master: `${here()}:${port} inet n - n - - smtpd\n`,
    });
    pair.mx2.must('postconf', '-e', `transport_maps=inline:{ { outside.test = smtp:[${here()}]:${port} } }`, 'inet_interfaces=all');
  });
  after(async () => {
    outside?.stop();
    await dovecot?.stop();
  });
  const rehearse = async (
    code: number,
    args: string[] = [],
    change: (part: Record<string, unknown>) => void = () => undefined,
  ): Promise<Document> => {
    writeFileSync(join(pair.root, 'probe'), `${dovecot.password}\n`, { mode: 0o600 });
    const config = pair.config((part) => {
      part['prepare'] = { resolvers: [`${here()}:${DNS_PORT}`] };
      part['rehearsal'] = {
        from: 'alice@example.test',
        to: PROBE,
        imap: { host: '127.0.0.1', port: dovecot.ports.imap, security: 'none' },
        password: `file:${join(pair.root, 'probe')}`,
        blockLists: ['list.example.test'],
        wait: '60s',
      };
      change(part);
    });
    const ran = await mailrecover(['--config', config, 'standby', 'rehearse', '--json', ...args], { timeout: LONG });
    assert.equal(ran.code, code, `${ran.stdout}${ran.stderr}`);
    return ran.json();
  };
  const codes = ({ findings }: Document): string[] => findings.map(({ code }) => code).toSorted();
  const nsupdate = (...lines: string[]): void => {
    const key = readFileSync(join(pair.root, 'tsig'), 'utf8').trim();
    const input = [`server ${here()} ${DNS_PORT}`, `key hmac-sha256:mover ${key}`, 'zone example.test', ...lines, 'send', ''].join('\n');
    const { status, stderr } = spawnSync(findProgram('nsupdate') ?? 'nsupdate', { input, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const leftOvers = (): string =>
    pair.mx2.run(
      'sh',
      '-c',
      'ls -d /var/tmp/mailrecover-rehearsal-* 2>/dev/null; pgrep -x master; ls /var/lib/mailrecover/standby/rehearsal.json 2>/dev/null',
    ).out;

  whole('real mail gets out and in, and nothing of it stays', async () => {
    nsupdate(`update add example.test 5 TXT "v=spf1 ip4:${pair.addresses.mx2} -all"`);
    const done = await rehearse(0);
    assert.deepEqual(codes(done), ['out-unsigned']);
    const { status, said, relay } = done['out'] as Record<string, string>;
    assert.equal(status, 'sent');
    assert.match(`${relay} ${said}`, new RegExp(`\\[${here()}\\]:${port} 250 2\\.0\\.0 Ok: queued as`));
    assert.equal((done['judged'] as { from: string }).from, pair.addresses.mx2);
    const evidence = (done['evidence'] as string[]).join('\n');
    for (const proved of [
      /does not stand on list\.example\.test/,
      /takes mail for canary@example\.test with the certificate of mail\.example\.test/,
      /it came to probe@outside\.test/,
      /SPF of example\.test lets/,
    ])
      assert.match(evidence, proved);
    assert.equal(dovecot.doveadm('search', '-u', PROBE, 'mailbox', 'INBOX', 'ALL'), '', 'the message is deleted there');
    assert.equal(leftOvers(), '');
    assert.equal(pair.mx2.run('systemctl', 'is-active', 'postfix').out.trim(), 'inactive');
  });

  whole('what keeps mail in or out is named as what it is', async () => {
    const reversed = pair.addresses.mx2.split('.').toReversed().join('.');
    nsupdate(
      'update delete example.test TXT',
      'update add example.test 5 TXT "v=spf1 mx -all"',
      `update add ${reversed}.list.example.test 5 A 127.0.0.2`,
      `update add ${reversed}.list.example.test 5 TXT "sent spam once"`,
    );
    // The certificate is of another name.
    const refused = await rehearse(1, [], (part) => {
      const proof = part['proof'] as { smtp: Record<string, string> };
      proof.smtp['name'] = 'other.example.test';
    });
    assert.deepEqual(codes(refused), ['in-refused', 'listed', 'out-spf', 'out-unsigned']);
    assert.match(refused.findings.find(({ code }) => code === 'listed')?.message ?? '', /sent spam once/);
    outside.tool('postconf', '-e', 'smtpd_client_restrictions=reject');
    outside.tool('postfix', 'reload');
    const bounced = await rehearse(1, [], (part) => {
      (part['proof'] as Record<string, string>)['to'] = 'nobody@example.test';
    });
    assert.deepEqual(codes(bounced), ['in-refused', 'listed', 'out-refused']);
    assert.match(bounced.findings.find(({ code }) => code === 'out-refused')?.message ?? '', /Client host rejected: Access denied/);
    assert.match(bounced.findings.find(({ code }) => code === 'in-refused')?.message ?? '', /nobody@example\.test.*User unknown/);
    assert.equal(leftOvers(), '');
  });
});

test('what a receiver wrote down is read, and nothing that somebody else wrote below', () => {
  const head = [
    'Authentication-Results: mx.other.net;',
    ' spf=pass smtp.mailfrom=example.test;',
    ' dkim=fail header.d=x.test; dkim=pass header.d=example.test; dmarc=pass',
    'Received: from mx2.example.test (mx2.example.test [192.0.2.12])',
    ' by mx.other.net',
    'Authentication-Results: forged.test; spf=fail',
    'DKIM-Signature: v=1; a=rsa-sha256; d=example.test; s=s1;',
    ' bh=x; b=y',
    '',
  ].join('\r\n');
  assert.deepEqual(judge(head), {
    results: { spf: 'pass', dkim: 'pass', dmarc: 'pass' },
    from: '192.0.2.12',
    signatures: [{ domain: 'example.test', selector: 's1' }],
  });
});
