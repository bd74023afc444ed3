/** `config check` on who is told when the mail server itself is down. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tellingHost } from '../notify/host.ts';
import { mailrecover, notBuilt } from '../support/binary.ts';
import { missing } from '../support/host.ts';
import { scratch } from '../support/tmp.ts';

const OUT = { kind: 'smtp', host: '192.0.2.25', from: 'mailrecover@mx1.example.test', name: 'out' };
const CODES = new Set(['recipients-here', 'transport-own', 'no-recipient']);

function setting(): { root: string; check: (notify: object, env?: Record<string, string>) => Promise<string[]> } {
  const root = scratch('recipients');
  const host = tellingHost(root);
  mkdirSync(join(root, 'mail/example.test/anna/cur'), { recursive: true });
  mkdirSync(join(root, 'mail/example.test/anna/new'));
  return {
    root,
    async check(notify, env = {}) {
      host.tell(notify);
      const ran = await mailrecover(['--config', host.config, 'config', 'check', '--json'], {
        env: { MAIL_CONFIG: join(root, 'none'), ...env },
      });
      assert.equal(ran.code, 0, ran.stdout);
      const findings = ran.json().findings.filter(({ code }) => CODES.has(code));
      for (const { severity, hint = '' } of findings) assert.ok(severity === 'warning' && hint !== '');
      return findings.map(({ code }) => code);
    },
  };
}

test('everybody who is told reads mail on this server, or every way out is its own', { skip: notBuilt() }, async () => {
  const { check } = setting();
  const webhook = { kind: 'webhook', template: 'slack', url: 'file:/nowhere', name: 'slack' };
  assert.deepEqual(await check({ to: ['anna@EXAMPLE.test', 'b@example.test'], transports: [OUT] }), ['recipients-here']);
  assert.deepEqual(await check({ to: ['anna@example.test', 'x@elsewhere.test'], transports: [OUT] }), []);
  assert.deepEqual(await check({ to: ['anna@example.test'], transports: [OUT, webhook] }), []);
  for (const host of ['localhost', hostname()])
    assert.deepEqual(await check({ to: ['x@elsewhere.test'], transports: [{ ...OUT, host }] }), ['transport-own'], host);
  assert.deepEqual(await check({ to: [], transports: [{ ...OUT, name: 'local', host: 'localhost' }, OUT] }), ['no-recipient']);
});

test(
  "domains that Postfix calls its own are this server's, in lists and in files",
  { skip: notBuilt() || missing('postconf') },
  async () => {
    const { root, check } = setting();
    const config = join(root, 'postfix');
    mkdirSync(config);
    writeFileSync(join(config, 'domains'), '# kept here\nfrom-map.test  x\n');
    writeFileSync(
      join(config, 'main.cf'),
      `compatibility_level = 3.6\nmyhostname = mx1.own.test\nmydomain = own.test\nmydestination = $myhostname, $mydomain\nvirtual_mailbox_domains = hash:${config}/domains, inline:{{inline.test=x}}, plain.test\n`,
    );
    writeFileSync(join(config, 'master.cf'), '');
    const env = { MAIL_CONFIG: config };
    const to = ['a@own.test', 'a@mx1.own.test', 'a@from-map.test', 'a@inline.test', 'a@plain.test'];
    assert.deepEqual(await check({ to, transports: [OUT] }, env), ['recipients-here']);
    assert.deepEqual(await check({ to: [...to, 'a@other.test'], transports: [OUT] }, env), []);
  },
);
