/** Which servers take mail for a domain (RFC 5321, section 5.1). */
import type { Resolver } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { domainToASCII } from 'node:url';
import { systemCode } from '../../errors/error.ts';
import type { Refusal } from '../refusal.ts';

/** A server by one of its addresses. */
export interface MailHost {
  /** Its name, which its certificate is for; the address itself for an address literal. */
  name: string;
  address: string;
}

/** Of one name no more addresses are tried, and of one domain no more servers. */
const ADDRESSES = 2;
const SERVERS = 5;

/**
 * The servers of a domain, best first: its MX in the order of preference, those of one preference shuffled; where it has none, its own
 * addresses. A null MX (RFC 7505) says that it takes no mail.
 * @param domain as it stands behind the @, or an address literal (`[192.0.2.1]`, `[IPv6:2001:db8::1]`)
 */
export async function mailHosts(domain: string, dns: Resolver): Promise<MailHost[] | Refusal> {
  const literal = /^\[(?:IPv6:)?([0-9a-fA-F.:]+)\]$/.exec(domain)?.[1];
  if (literal !== undefined) return [{ name: literal, address: literal }];
  const name = domainToASCII(domain.replace(/\.$/, ''));
  if (name === '') return noDomain(domain);
  let records: { exchange: string; priority: number }[];
  try {
    records = await dns.resolveMx(name);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOTFOUND') return noDomain(domain);
    if (code !== 'ENODATA') return notNow(domain, code);
    // The implicit MX: the domain itself, in its only preference.
    records = [{ exchange: name, priority: 0 }];
  }
  if (records.length === 1 && ['', '.'].includes(records[0]?.exchange ?? '')) {
    return {
      code: 'no-mail',
      permanent: true,
      message: `'${domain}' takes no mail (null MX)`,
      hint: 'check the addresses in notify.to',
    };
  }
  return addressesOf(domain, ordered(records), dns);
}

function ordered(records: readonly { exchange: string; priority: number }[]): string[] {
  const shuffled = records.map((record) => ({ ...record, chance: Math.random() }));
  return shuffled
    .filter(({ exchange }) => exchange !== '' && exchange !== '.')
    .toSorted((a, b) => a.priority - b.priority || a.chance - b.chance)
    .map(({ exchange }) => exchange.replace(/\.$/, ''));
}

async function addressesOf(domain: string, names: readonly string[], dns: Resolver): Promise<MailHost[] | Refusal> {
  const hosts: MailHost[] = [];
  const codes = new Set<string | undefined>();
  for (const name of names.slice(0, SERVERS)) {
    const found = await Promise.all(
      [dns.resolve6(name), dns.resolve4(name)].map((asked) =>
        asked.catch((error: unknown): string[] => {
          codes.add(systemCode(error));
          return [];
        }),
      ),
    );
    const [six = [], four = []] = found;
    for (const address of [...six.filter(reachable).slice(0, ADDRESSES), ...four.slice(0, ADDRESSES)]) hosts.push({ name, address });
  }
  if (hosts.length > 0) return hosts;
  codes.delete('ENOTFOUND');
  codes.delete('ENODATA');
  const [code] = codes;
  if (codes.size > 0) return notNow(domain, code);
  return {
    code: 'no-mail-host',
    permanent: true,
    message: `the mail servers of '${domain}' have no address that this host can use: ${names.slice(0, SERVERS).join(', ')}`,
    hint: `look with: host -t mx ${domain}`,
  };
}

/** Without an IPv6 address of its own a host reaches no other one. */
function reachable(address: string): boolean {
  if (address === '::1') return true;
  return Object.values(networkInterfaces()).some((list = []) =>
    list.some(({ family, internal, address: own }) => family === 'IPv6' && !internal && !/^fe[89ab]/i.test(own)),
  );
}

function noDomain(domain: string): Refusal {
  return { code: 'recipient', permanent: true, message: `there is no domain '${domain}'`, hint: 'check the addresses in notify.to' };
}

function notNow(domain: string, code: string | undefined): Refusal {
  return {
    code: 'unreachable',
    permanent: false,
    message: `the name service can't say now which servers take mail for '${domain}'${code === undefined ? '' : ` (${code})`}`,
    hint: `look with: host -t mx ${domain}; other name servers can be named as nameServers`,
  };
}
