/** The names of two hosts: an authoritative server that takes signed updates, a second one that has its zones from it, and a resolver that remembers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { run } from './host.ts';
import { startNamed } from './named.ts';
import { until } from './ports.ts';

export const DNS_PORT = 53_535;
/** How long a resolver may remember, seconds. */
export const TTL = 5;

/** Addresses of the hosts, and those of this one: for each of the servers. */
export interface DnsAddresses {
  mx1: string;
  mx2: string;
  vip: string;
  here: string;
  second: string;
  resolver: string;
}

/** Asks one server. @returns addresses, or the hosts that an MX names */
export async function ask(server: string, name: string, type: 'MX' | 'A'): Promise<string[]> {
  const resolver = new Resolver({ timeout: 3000, tries: 3 });
  resolver.setServers([`${server}:${DNS_PORT}`]);
  return type === 'MX' ? (await resolver.resolveMx(name)).map(({ exchange }) => exchange) : resolver.resolve4(name);
}

/** Starts them below `root`, where the key for updates is then, too (`tsig`). */
export async function startDns(root: string, { mx1, mx2, vip, here, second, resolver }: DnsAddresses): Promise<void> {
  const key = run('tsig-keygen', ['-a', 'hmac-sha256', 'mover']);
  writeFileSync(join(root, 'tsig'), `${/secret "([^"]+)"/.exec(key)?.[1] ?? ''}\n`, { mode: 0o600 });
  const [one = '', two = '', three = ''] = ['zone', 'zone-2', 'resolver'].map((name) => {
    mkdirSync(join(root, name));
    return join(root, name);
  });
  writeFileSync(
    join(one, 'example.test'),
    `$ORIGIN example.test.
$TTL ${TTL}
@ IN SOA ns1 hostmaster 1 2 1 86400 ${TTL}
@ IN NS ns1
@ IN NS ns2
ns1 IN A ${here}
ns2 IN A ${second}
@ IN MX 10 mx1
mx1 IN A ${mx1}
mx2 IN A ${mx2}
mail IN A ${vip}
imap IN A ${mx1}
`,
  );
  const reversed = (address: string): string => address.split('.').toReversed().join('.');
  writeFileSync(
    join(one, 'reverse'),
    `$TTL ${TTL}\n@ IN SOA ns1.example.test. hostmaster.example.test. 1 3600 600 86400 ${TTL}\n@ IN NS ns1.example.test.\n${reversed(mx1)} IN PTR mx1.example.test.\n`,
  );
  const update = 'update-policy { grant mover zonesub ANY; };';
  const common = { port: DNS_PORT };
  await Promise.all([
    startNamed({
      ...common,
      root: one,
      address: here,
      options: 'recursion no;',
      rest: `${key}
zone "example.test" { type primary; file "example.test"; ${update} allow-transfer { any; }; notify explicit; notify-delay 0; also-notify { ${second} port ${DNS_PORT}; }; };
zone "in-addr.arpa" { type primary; file "reverse"; ${update} };`,
    }),
    startNamed({
      ...common,
      root: two,
      address: second,
      options: 'recursion no;',
      rest: `zone "example.test" { type secondary; file "copy"; primaries { ${here} port ${DNS_PORT}; }; allow-notify { any; }; min-refresh-time 1; min-retry-time 1; };`,
    }),
    startNamed({
      ...common,
      root: three,
      address: resolver,
      options: `recursion yes; allow-recursion { any; }; forward only; forwarders { ${here} port ${DNS_PORT}; ${second} port ${DNS_PORT}; };`,
      rest: '',
    }),
  ]);
  const copied = async (): Promise<boolean> => (await ask(second, 'mx1.example.test', 'A').catch((): string[] => [])).includes(mx1);
  if (!(await until(copied, 60_000))) throw new Error('the second name server did not get the zone');
}
