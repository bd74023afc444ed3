/** Names that move, with real name servers: one that takes updates, one that fetches the zone, one that is dead, and a caching resolver before them. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { MailrecoverError } from '../../src/errors/error.ts';
import { agreement, answerOf, standing, updateZone, type DnsServer, type DnsZone } from '../../src/standby/dns.ts';
import type { RanCommand } from '../../src/standby/remote.ts';
import { missing, run } from '../support/host.ts';
import { undo } from '../support/leave.ts';
import { startNamed } from '../support/named.ts';
import { noNameServer } from '../support/nameserver.ts';
import { freePorts, until } from '../support/ports.ts';
import { makeScratch } from '../support/tmp.ts';

const HERE = '127.0.0.1';
/** Nobody is there; the zone names it all the same. */
const DEAD = '127.0.0.3';
const TTL = 2;
const never = new AbortController().signal;

/** What is made before the tests lasts until they have ended. */
const places: ReturnType<typeof makeScratch>[] = [];

function place(name: string): string {
  const made = makeScratch(name);
  places.push(made);
  return made.path;
}

const named = (port: number, options: string, rest: string): Promise<() => Promise<void>> =>
  startNamed({ root: place('named'), address: HERE, port, options, rest });

suite('several authoritative servers and a resolver that remembers', { skip: noNameServer() || missing('nsupdate', 'tsig-keygen') }, () => {
  let [port, copies, caches, lame] = [0, 0, 0, 0];
  let secret = '';
  let stops: (() => Promise<void>)[] = [];
  before(async () => {
    [port = 0, copies = 0, caches = 0, lame = 0] = await freePorts(4);
    const key = run('tsig-keygen', ['-a', 'hmac-sha256', 'mover']);
    secret = join(place('tsig'), 'tsig');
    writeFileSync(secret, /secret "([^"]+)"/.exec(key)?.[1] ?? '', { mode: 0o600 });
    const file = join(place('zone'), 'example.test');
    writeFileSync(
      file,
      `$ORIGIN example.test.
$TTL ${TTL}
@ IN SOA ns1 hostmaster 1 1 1 86400 ${TTL}
@ IN NS ns1
@ IN NS ns3
ns1 IN A ${HERE}
ns3 IN A ${DEAD}
@ IN MX 10 mx1
mx1 IN A 192.0.2.1
mx2 IN A 192.0.2.2
imap IN A 192.0.2.1
imap IN AAAA 2001:db8::1
`,
    );
    const zone = `zone "example.test" { type primary; file "${file}"; update-policy { grant mover zonesub ANY; }; allow-transfer { any; }; notify explicit; also-notify { ${HERE} port ${copies}; }; };`;
    stops = [await named(port, 'recursion no;', `${key}\n${zone}`)];
    stops.push(
      await named(
        copies,
        'recursion no;',
        `zone "example.test" { type secondary; file "ROOT/copy"; primaries { ${HERE} port ${port}; }; allow-notify { any; }; min-refresh-time 1; min-retry-time 1; };`,
      ),
      await named(
        caches,
        `recursion yes; allow-recursion { any; }; forward only; forwarders { ${HERE} port ${port}; ${HERE} port ${copies}; };`,
        '',
      ),
    );
    assert.ok(await until(async () => (await answerOf(second(), MX)) === '10 mx1.example.test', 30_000));
  });
  after(async () => {
    for (const stop of stops) await stop();
    for (const made of places) await undo(made);
  });

  const second = (): DnsServer => ({ address: HERE, port: copies });
  const MX = { name: 'example.test', type: 'MX' } as const;
  const record = (name: string, type: 'A' | 'AAAA' | 'MX', from: string, to: string): DnsZone['records'][number] => ({
    name,
    type,
    ttl: TTL,
    values: { from: [from], to: [to] },
  });
  const zone = (change: Partial<DnsZone> = {}, back = false): DnsZone => {
    const records = [
      record('example.test', 'MX', '10 mx1.example.test.', '10 mx2.example.test.'),
      record('imap.example.test', 'A', '192.0.2.1', '192.0.2.2'),
      record('imap.example.test.', 'AAAA', '2001:db8::1', '2001:db8::2'),
    ];
    return {
      zone: 'example.test',
      server: { address: HERE, port },
      also: [second()],
      tsig: { name: 'mover', algorithm: 'hmac-sha256', secret: `file:${secret}` },
      waitMs: 4000,
      records: back ? records.map(({ values: { from, to }, ...each }) => ({ ...each, values: { from: to, to: from } })) : records,
      ...change,
    };
  };
  const stands = async (of: DnsZone): Promise<string[]> => Promise.all(of.records.map((each) => standing(of, each)));

  test('all that answer agree, those that the zone names included; the dead one is named; caches follow', async () => {
    const resolver = { address: HERE, port: caches };
    assert.equal(await answerOf(resolver, MX), '10 mx1.example.test', 'it remembers that now');
    await updateZone(zone());
    const { evidence, findings } = await agreement(zone(), never);
    assert.match(evidence.join('\n'), new RegExp(`^${HERE}#${port}, ${HERE}#${copies} answer with the new records`));
    assert.deepEqual(
      findings.map(({ code, message }) => [code, message.includes(`${DEAD}#${port} (ns3.example.test)`)]),
      [['dns-silent', true]],
    );
    assert.deepEqual(await stands(zone()), ['to', 'to', 'to']);
    // A client behind a cache gets there when the TTL is over, whatever the authoritative servers say.
    assert.ok(await until(async () => (await answerOf(resolver, MX)) === '10 mx2.example.test', 60_000));
    // Once more is nothing to do, and the way back is the same.
    await updateZone(zone());
    await updateZone(zone({}, true));
    assert.deepEqual(await stands(zone()), ['from', 'from', 'from']);
  });

  test('a server that keeps old answers is named, and is no agreement', async () => {
    await updateZone(zone({}, true));
    assert.ok(await until(async () => (await answerOf(second(), MX)) === '10 mx1.example.test', 60_000));
    // One that is authoritative by the configuration, and has a copy that nobody updates.
    const file = join(place('lame'), 'example.test');
    writeFileSync(
      file,
      '$ORIGIN example.test.\n$TTL 2\n@ IN SOA ns1 hostmaster 1 1 1 1 2\n@ IN NS ns1\nns1 IN A 127.0.0.1\n@ IN MX 10 mx1\nimap IN A 192.0.2.1\n',
    );
    const stop = await named(lame, 'recursion no;', `zone "example.test" { type primary; file "${file}"; };`);
    const also = zone({ also: [second(), { address: HERE, port: lame }], waitMs: 2000 });
    await updateZone(also);
    await assert.rejects(
      agreement(also, never),
      (error: MailrecoverError) => error.code === 'failed' && error.message.startsWith(`${HERE}#${lame} still gives the old records`),
    );
    await stop();
    // Dead it is named, and the others agree.
    assert.ok((await agreement(also, never)).findings.some(({ message }) => message.includes(`${HERE}#${lame}`)));
    await updateZone(zone({}, true));
  });

  test('by a program: it is told what was and what shall be, and only where that is known', async () => {
    const program = join(place('program'), 'mail-dns');
    // What a provider's own tool would do.
    const tool = `#!/bin/sh
cat >"$0.input"
[ "$1" = example.test ] || exit 9
printf 'server ${HERE} ${port}\\nkey hmac-sha256:mover %s\\nupdate delete example.test. MX\\nupdate add example.test. ${TTL} MX 10 mx2.example.test.\\nupdate delete imap.example.test. A\\nupdate add imap.example.test. ${TTL} A 192.0.2.2\\nupdate delete imap.example.test. AAAA\\nupdate add imap.example.test. ${TTL} AAAA 2001:db8::2\\nsend\\n' "$(cat ${secret})" | nsupdate
`;
    writeFileSync(program, tool, { mode: 0o755 });
    const byProgram = (change: Partial<DnsZone> = {}): DnsZone => zone({ tsig: undefined, update: [program, '{zone}'], ...change });
    await assert.rejects(updateZone(byProgram({ server: { address: DEAD, port } })), { code: 'unreachable' });
    const ran: RanCommand[] = [];
    const recorder = { host: 'desk', record: (command: RanCommand) => void ran.push(command) };
    await assert.rejects(updateZone(byProgram({ update: [program, 'other'] }), recorder), { code: 'failed' });
    await updateZone(byProgram(), recorder);
    assert.deepEqual(
      ran.map(({ command, exitCode, problem }) => [command, exitCode, problem !== undefined]),
      [
        [[program, 'other'], undefined, true],
        [[program, 'example.test'], 0, false],
      ],
    );
    assert.deepEqual(JSON.parse(readFileSync(`${program}.input`, 'utf8')), {
      zone: 'example.test',
      records: zone().records.map(({ name, type, ttl, values: { from, to } }) => ({ name, type, ttl, from, to })),
    });
    assert.deepEqual(await stands(zone()), ['to', 'to', 'to']);
    await updateZone(zone({}, true));
  });

  test('what somebody changed stays, as a whole; a wrong key is told as what it is; all is in the record but the key', async () => {
    const wrong = join(place('wrong'), 'tsig');
    writeFileSync(wrong, Buffer.alloc(32, 7).toString('base64'));
    const ran: RanCommand[] = [];
    const recorder = { host: 'desk', record: (command: RanCommand) => void ran.push(command) };
    const byWrong = zone({ tsig: { name: 'mover', algorithm: 'hmac-sha256', secret: `file:${wrong}` } });
    await assert.rejects(updateZone(byWrong, recorder), { code: 'key' });
    assert.deepEqual([ran[0]?.host, ran[0]?.command, ran[0]?.exitCode], ['desk', ['nsupdate'], 2]);
    assert.match(ran[0]?.answer?.join('\n') ?? '', /BADSIG|NOTAUTH/);
    await updateZone(zone(), recorder);
    await updateZone(zone({}, true), recorder);
    assert.deepEqual([ran[1]?.exitCode, ran[1]?.answer], [0, []]);
    const input = ran[1]?.input ?? [];
    for (const line of [`server ${HERE} ${port}`, 'zone example.test.', 'key hmac-sha256:mover ***'])
      assert.ok(input.includes(line), input.join('\n'));
    assert.ok(input.includes(`update add example.test. ${TTL} MX 10 mx2.example.test.`), input.join('\n'));
    for (const file of [wrong, secret]) assert.ok(!JSON.stringify(ran).includes(readFileSync(file, 'utf8').trim()));
    assert.deepEqual(await stands(zone()), ['from', 'from', 'from']);
    const hand = zone({ records: [record('imap.example.test', 'A', '192.0.2.1', '192.0.2.77')] });
    await updateZone(hand);
    await assert.rejects(updateZone(zone()), { code: 'refused' });
    assert.deepEqual(await stands(zone()), ['from', 'other', 'from'], 'not even a part was moved');
    await assert.rejects(updateZone(zone({ server: { address: DEAD, port } })), { code: 'unreachable' });
  });
});
