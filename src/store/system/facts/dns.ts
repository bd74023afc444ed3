/** The DNS records that mail of a domain depends on, as the resolver of this host gives them. */
import { Resolver } from 'node:dns/promises';
import { systemCode } from '../../../errors/error.ts';

export interface DnsOptions {
  domains: readonly string[];
  /** Names of this host: their addresses, PTR and TLSA records. */
  hosts: readonly string[];
  /** DKIM selectors; those of the key files that were found, and some that are usual. */
  selectors: readonly string[];
  /** `address` or `address:port`; those of /etc/resolv.conf where absent. */
  servers?: readonly string[] | undefined;
  signal?: AbortSignal;
}

export interface DnsFact {
  text: string;
  /** Questions that nobody answered; what a nameserver said is not there is an answer. */
  unanswered: string[];
}

/** DNS answers that say that there is no such record (c-ares). */
const NONE = new Set(['ENODATA', 'ENOTFOUND']);
/** Milliseconds for one try, and tries: a resolver that is down must not hold a backup up. */
const PATIENCE = { timeout: 2000, tries: 2 };

type Ask = (name: string) => Promise<string[]>;

/** Asks for MX, addresses, SPF, DMARC, MTA-STS, TLS-RPT, DKIM, CAA, NS, SRV, and TLSA and PTR of the mail hosts. Never throws but for an abort. */
export async function dnsFact(options: DnsOptions): Promise<DnsFact> {
  const resolver = new Resolver(PATIENCE);
  if (options.servers !== undefined) resolver.setServers([...options.servers]);
  const cancel = (): void => resolver.cancel();
  options.signal?.addEventListener('abort', cancel, { once: true });
  const rows = new Set<string>();
  const unanswered: string[] = [];
  const ask = async (type: string, name: string, question: Ask): Promise<string[]> => {
    try {
      const answers = await question(name);
      for (const answer of answers) rows.add(`${name}.\t${type}\t${answer}`);
      return answers;
    } catch (error) {
      if (!NONE.has(systemCode(error) ?? '')) unanswered.push(`${name} ${type}`);
      return [];
    }
  };
  const text: Ask = async (name) => (await resolver.resolveTxt(name)).map((parts) => JSON.stringify(parts.join('')));
  const mailHosts = new Set(options.hosts);
  const ofDomain = async (domain: string): Promise<void> => {
    const exchanges = await ask('MX', domain, async (name) =>
      (await resolver.resolveMx(name)).map(({ priority, exchange }) => `${priority} ${exchange}.`),
    );
    for (const answer of exchanges) mailHosts.add(answer.replace(/^\d+ |\.$/g, ''));
    await Promise.all([
      ask('NS', domain, async (name) => (await resolver.resolveNs(name)).map((each) => `${each}.`)),
      ask('A', domain, (name) => resolver.resolve4(name)),
      ask('AAAA', domain, (name) => resolver.resolve6(name)),
      ask('CAA', domain, async (name) => (await resolver.resolveCaa(name)).map((record) => JSON.stringify(record))),
      ask('TXT', domain, text),
      ...['_dmarc', '_mta-sts', '_smtp._tls'].map((label) => ask('TXT', `${label}.${domain}`, text)),
      ...['mta-sts', 'autoconfig', 'autodiscover', 'mail', 'imap', 'smtp'].map((label) => addresses(`${label}.${domain}`)),
      ...options.selectors.map((selector) => ask('TXT', `${selector}._domainkey.${domain}`, text)),
      ...['_imaps', '_imap', '_submission', '_submissions', '_pop3s', '_sieve'].map((label) =>
        ask('SRV', `${label}._tcp.${domain}`, async (name) =>
          (await resolver.resolveSrv(name)).map((each) => `${each.priority} ${each.weight} ${each.port} ${each.name}.`),
        ),
      ),
    ]);
  };
  const addresses = async (host: string): Promise<string[]> => {
    const found = await Promise.all([
      ask('A', host, (name) => resolver.resolve4(name)),
      ask('AAAA', host, (name) => resolver.resolve6(name)),
      ask('CNAME', host, async (name) => (await resolver.resolveCname(name)).map((each) => `${each}.`)),
    ]);
    return [...found[0], ...found[1]];
  };
  const ofHost = async (host: string): Promise<void> => {
    const found = await addresses(host);
    await Promise.all([
      ...found.map((address) => ask('PTR', address, async (name) => (await resolver.reverse(name)).map((each) => `${each}.`))),
      ...[25, 465, 587, 993].map((port) => ask('TLSA', `_${port}._tcp.${host}`, (name) => tlsa(resolver, name))),
    ]);
  };
  try {
    for (const domain of options.domains) {
      options.signal?.throwIfAborted();
      await ofDomain(domain);
      // A resolver that answers nothing at all is not asked about every other name.
      if (rows.size === 0 && unanswered.length > 3) break;
    }
    if (rows.size > 0 || unanswered.length === 0) for (const host of mailHosts) await ofHost(host);
  } finally {
    options.signal?.removeEventListener('abort', cancel);
  }
  options.signal?.throwIfAborted();
  return {
    text: [...rows]
      .sort()
      .map((row) => `${row}\n`)
      .join(''),
    unanswered,
  };
}

async function tlsa(resolver: Resolver, name: string): Promise<string[]> {
  const records = await resolver.resolveTlsa(name);
  return records.map(({ certUsage, selector, match, data }) => `${certUsage} ${selector} ${match} ${Buffer.from(data).toString('hex')}`);
}
