/** Questions to the DNS; an answer that there is nothing is told from none. */
import { Resolver } from 'node:dns/promises';
import { systemCode } from '../../../errors/error.ts';

/** `undefined`: nobody answered; `[]`: there is no such record. */
export interface Names {
  txt(name: string): Promise<string[] | undefined>;
  addresses(name: string, family?: 4 | 6): Promise<string[] | undefined>;
  mx(name: string): Promise<{ priority: number; exchange: string }[] | undefined>;
  ptr(address: string): Promise<string[] | undefined>;
  tlsa(name: string): Promise<{ usage: number; selector: number; match: number; data: string }[] | undefined>;
}

const NONE = new Set(['ENODATA', 'ENOTFOUND']);
const PATIENCE = { timeout: 3000, tries: 2 };

/** @param servers `address` or `address:port`; those of /etc/resolv.conf where absent */
export function namesBy(servers: readonly string[] | undefined): Names {
  const resolver = new Resolver(PATIENCE);
  if (servers !== undefined && servers.length > 0) resolver.setServers([...servers]);
  const known = new Map<string, Promise<unknown>>();
  const ask = <T>(key: string, question: () => Promise<T[]>): Promise<T[] | undefined> => {
    const there = known.get(key) as Promise<T[] | undefined> | undefined;
    if (there !== undefined) return there;
    const answer = question().catch((error: unknown) => (NONE.has(systemCode(error) ?? '') ? [] : undefined));
    known.set(key, answer);
    return answer;
  };
  const bare = (name: string): string => name.replace(/\.$/, '');
  return {
    txt: (name) => ask(`txt ${name}`, async () => (await resolver.resolveTxt(bare(name))).map((parts) => parts.join(''))),
    async addresses(name, family) {
      const [v4, v6] = await Promise.all([
        family === 6 ? [] : ask(`a ${name}`, () => resolver.resolve4(bare(name))),
        family === 4 ? [] : ask(`aaaa ${name}`, () => resolver.resolve6(bare(name))),
      ]);
      return v4 === undefined && v6 === undefined ? undefined : [...(v4 ?? []), ...(v6 ?? [])];
    },
    mx: (name) =>
      ask(`mx ${name}`, async () =>
        (await resolver.resolveMx(bare(name))).map(({ priority, exchange }) => ({ priority, exchange: bare(exchange).toLowerCase() })),
      ),
    ptr: (address) => ask(`ptr ${address}`, async () => (await resolver.reverse(address)).map((name) => bare(name).toLowerCase())),
    tlsa: (name) =>
      ask(`tlsa ${name}`, async () =>
        (await resolver.resolveTlsa(bare(name))).map(({ certUsage, selector, match, data }) => ({
          usage: certUsage,
          selector,
          match,
          data: Buffer.from(data).toString('hex'),
        })),
      ),
  };
}

/** The 32 hexadecimal digits of an IPv6 address. */
export function digitsOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right].map((part) => part.padStart(4, '0')).join('');
}
