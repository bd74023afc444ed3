import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesBy } from '../../../src/standby/prepare/dns/ask.ts';
import { checkSpf } from '../../../src/standby/prepare/dns/spf.ts';
import { parsePolicy, stsAllows } from '../../../src/system/mta-sts.ts';
import { nameServer, noNameServer } from '../../support/nameserver.ts';

test('SPF, asked of a real name server', { skip: noNameServer() }, async (t) => {
  const server = await nameServer([
    'ip TXT "v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/32 -all"',
    'names TXT "v=spf1 a:host.test mx/24 ~all"',
    'names MX 10 host',
    'host A 192.0.2.77',
    'outer TXT "v=spf1 include:ip.test ?all"',
    'away TXT "v=spf1 redirect=ip.test"',
    'two TXT "v=spf1 -all"',
    'two TXT "v=spf1 +all"',
    'round TXT "v=spf1 include:round.test -all"',
    'macro TXT "v=spf1 exists:%{ir}.list.test -all"',
    '9.2.0.192.list A 127.0.0.2',
    'plain TXT "hello"',
    'odd TXT "v=spf1 ipv4:192.0.2.1 -all"',
  ]);
  const names = namesBy([server]);
  const result = async (domain: string, address: string): Promise<string> => (await checkSpf(names, domain, address)).result;

  await t.test('mechanisms are weighed in their order', async () => {
    assert.equal(await result('ip.test', '192.0.2.9'), 'pass');
    assert.equal(await result('ip.test', '192.0.2.19'), 'fail');
    assert.equal(await result('ip.test', '2001:db8::5'), 'pass');
    assert.equal(await result('names.test', '192.0.2.77'), 'pass');
    assert.equal(await result('names.test', '192.0.2.1'), 'pass', 'mx/24');
    assert.equal(await result('names.test', '198.51.100.1'), 'softfail');
    assert.equal(await result('outer.test', '192.0.2.9'), 'pass');
    assert.equal(await result('outer.test', '198.51.100.1'), 'neutral', 'a fail inside of an include is no match');
    assert.equal(await result('away.test', '198.51.100.1'), 'fail');
    assert.equal(await result('macro.test', '192.0.2.9'), 'pass');
    assert.equal(await result('macro.test', '192.0.2.8'), 'fail');
  });

  await t.test('what is broken is told as what it is', async () => {
    assert.equal(await result('two.test', '192.0.2.1'), 'permerror');
    assert.equal(await result('round.test', '192.0.2.1'), 'permerror');
    assert.equal(await result('odd.test', '192.0.2.1'), 'permerror');
    assert.equal(await result('plain.test', '192.0.2.1'), 'none');
    assert.equal(await result('nowhere.test', '192.0.2.1'), 'none');
    assert.equal((await checkSpf(namesBy(['127.0.0.1:9']), 'ip.test', '192.0.2.1')).result, 'temperror');
  });
});

test('an MTA-STS policy names hosts, and hosts below a name', () => {
  const policy = parsePolicy('version: STSv1\r\nmode: enforce\r\nmx: mx1.example.test\r\nmx: *.backup.test\r\nmax_age: 86400\r\n');
  assert.ok(policy !== undefined);
  assert.deepEqual(
    ['mx1.example.test', 'MX1.example.test.', 'mx2.example.test', 'a.backup.test', 'a.b.backup.test'].map((name) =>
      stsAllows(policy, name),
    ),
    [true, true, false, true, false],
  );
  assert.equal(parsePolicy('<html>'), undefined);
});
