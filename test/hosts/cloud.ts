/** From a host that works to a service and back: what the old host still has comes along by way of the repository. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createHostKey } from '../../src/repository/signing.ts';
import { mailrecover, type Document } from '../support/binary.ts';
import { authority } from '../support/cloud/authority.ts';
import { exchange } from '../support/cloud/exchange.ts';
import { type Pair, USERS } from '../support/pair.ts';
import { until } from '../support/ports.ts';
import { unitsOn } from './setting.ts';

const LONG = 600_000;

/** mx1 serves, and has a message in its queue that nobody takes. */
export async function throughService(pair: Pair): Promise<void> {
  const tls = authority();
  const service = await exchange(tls, USERS, []);
  await createHostKey(join(pair.mx1.root, 'etc/mailrecover/host.key'));
  const config = pair.config((part) => {
    const [zone] = part['dns'] as Record<string, unknown>[];
    part['clouds'] = [
      {
        name: 'hosted',
        kind: 'imap',
        smtp: { host: 'localhost', port: service.relay },
        imap: { host: '127.0.0.1', port: service.dovecot.ports.imap, security: 'none' },
        password: `cmd:echo ${service.dovecot.password}`,
        caFile: tls.caFile,
        proof: { from: 'probe@example.net', to: 'canary@example.test', wait: '3m' },
        dns: [
          {
            ...zone,
            records: [{ name: 'example.test', type: 'MX', ttl: 5, primary: ['10 mx1.example.test.'], cloud: ['0 mx.hosted.invalid.'] }],
          },
        ],
      },
    ];
  });
  const promote = async (expected: number, ...more: string[]): Promise<Document> => {
    const ran = await mailrecover(['--config', config, 'standby', 'promote', '--planned', '--yes', '--json', ...more], { timeout: LONG });
    assert.equal(ran.code, expected, `${ran.stdout}${ran.stderr}`);
    return ran.json();
  };
  await pair.send('mx1', 'bob@example.test', 'just before');
  const { switch: result, evidence } = await promote(0, '--to', 'hosted', '--leave-queue');
  assert.equal(result, 'switched');
  assert.match(
    JSON.stringify(evidence),
    /3 of 3 accounts have a mailbox at hosted.*\d messages are left in the queue.*the last mail is in snapshot/,
  );
  assert.deepEqual(unitsOn(pair.mx1), ['inactive', 'inactive']);
  assert.deepEqual(await pair.dns('example.test', 'MX'), ['mx.hosted.invalid']);
  assert.equal((await promote(0, '--to', 'mx1.example.test'))['switch'], 'switched');
  assert.deepEqual(unitsOn(pair.mx1), ['active', 'active']);
  assert.deepEqual(await pair.dns('example.test', 'MX'), ['mx1.example.test']);
  await pair.sendToMx('bob@example.test', 'and back');
  assert.ok(await until(async () => (await pair.subjects('vip', 'bob@example.test')).includes('and back'), 60_000));
}
