/** What the DNS lacks for the standby to send and to receive the mail of the domains. */
import { isIP } from 'node:net';
import type { Finding } from '../../../errors/finding.ts';
import { run } from '../../../system/exec.ts';
import type { DnsZone } from '../../dns.ts';
import { holdsName } from '../certificates.ts';
import { publishedKey, selectorOf } from '../dkim.ts';
import type { Certificate, Survey } from '../model.ts';
import type { Names } from './ask.ts';
import { checkSpf } from './spf.ts';
import { stsAllows } from '../../../system/mta-sts.ts';
import { announcedPolicy } from './sts.ts';

export interface DnsCheckOptions {
  names: Names;
  domains: readonly string[];
  standby: { name: string; address: string; survey: Survey };
  /** Zones whose names are moved: `values.to` are those of the standby. */
  zones: readonly DnsZone[];
  /** Names that clients use. */
  clientNames: readonly string[];
  ca: string | undefined;
  /** Mail leaves by this host in place of the standby itself (`relayhost`). */
  relay: boolean;
}

type Say = (severity: Finding['severity'], code: string, message: string, hint: string, subject: string) => void;

export async function dnsFindings(options: DnsCheckOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const say: Say = (severity, code, message, hint, subject) => void findings.push({ severity, code, message, hint, subject });
  await Promise.all([
    ...options.domains.map((domain) => ofDomain(options, domain, say)),
    reverse(options, say),
    ...options.zones.map((zone) => lifetimes(zone, say)),
  ]);
  dane(await tlsaOf(options), options, say);
  certificates(options, say);
  return findings.sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0));
}

/** The names that the MX of a domain has while the standby serves. */
export function exchangesOf({ zones, standby }: Pick<DnsCheckOptions, 'zones' | 'standby'>, domain: string): string[] {
  const record = zones.flatMap(({ records }) => records).find(({ name, type }) => type === 'MX' && bare(name) === bare(domain));
  return record === undefined ? [bare(standby.name)] : record.values.to.map((value) => bare(value.replace(/^\d+\s+/, '')));
}

const bare = (name: string): string => name.replace(/\.$/, '').toLowerCase();

async function ofDomain(options: DnsCheckOptions, domain: string, say: Say): Promise<void> {
  const { names, standby, relay, ca } = options;
  const exchanges = exchangesOf(options, domain);
  const { result, record, because = '' } = await checkSpf(names, domain, standby.address, standby.name);
  const mechanism = isIP(standby.address) === 6 ? `ip6:${standby.address}` : `ip4:${standby.address}`;
  if (!relay && result === 'none')
    say('info', 'no-spf', `${domain} has no SPF record`, `add one: ${domain}. TXT "v=spf1 mx ${mechanism} -all"`, domain);
  else if (!relay && result === 'temperror')
    say('warning', 'dns-unanswered', `SPF of ${domain} can not be told: ${because}`, 'ask again when the DNS answers', domain);
  else if (result === 'permerror')
    say('error', 'spf-broken', `the SPF record of ${domain} is broken: ${because}`, `mend it; it is: ${record ?? ''}`, domain);
  else if (!relay && result !== 'pass')
    say(
      result === 'neutral' ? 'warning' : 'error',
      'spf-lacks-standby',
      `SPF of ${domain} does not let ${standby.address} send its mail (${result}, by '${because}')`,
      `add the standby: ${domain}. TXT "${(record ?? '').replace(/\s+([-~?+]?all|redirect=\S+)\s*$/i, ` ${mechanism} $1`)}"`,
      domain,
    );

  const policy = await announcedPolicy(names, domain, ca);
  if (typeof policy === 'string')
    say(
      'error',
      'mta-sts-unread',
      `${domain} announces an MTA-STS policy that can not be had: ${policy}`,
      `see: curl https://mta-sts.${domain}/.well-known/mta-sts.txt`,
      domain,
    );
  else if (policy !== undefined && policy.mode !== 'none')
    for (const exchange of exchanges)
      if (!stsAllows(policy, exchange))
        say(
          policy.mode === 'enforce' ? 'error' : 'warning',
          'mta-sts-lacks-standby',
          `the MTA-STS policy of ${domain} does not name ${exchange}: senders that heed it would refuse the standby`,
          `add 'mx: ${exchange}' to https://mta-sts.${domain}/.well-known/mta-sts.txt, and change 'id' in _mta-sts.${domain}; senders keep the old one for up to ${policy.maxAge} s`,
          domain,
        );

  for (const exchange of exchanges) {
    const addresses = await names.addresses(exchange);
    if (addresses === undefined)
      say('warning', 'dns-unanswered', `nobody says which address ${exchange} has`, `ask: dig ${exchange} A`, exchange);
    else if (!addresses.includes(standby.address) && !moved(options, exchange))
      say(
        'error',
        'no-address-record',
        `${exchange}, the MX of ${domain} once the standby serves, ${addresses.length === 0 ? 'has no address' : `stands for ${addresses.join(', ')}`}, where it must be ${standby.address}`,
        `add: ${exchange}. ${isIP(standby.address) === 6 ? 'AAAA' : 'A'} ${standby.address}`,
        exchange,
      );
  }
  await dkimOf(options, domain, say);
}

/** Whether a switch gives the name its address. */
function moved({ zones, standby }: DnsCheckOptions, name: string): boolean {
  return zones.some(({ records }) => records.some((record) => bare(record.name) === name && record.values.to.includes(standby.address)));
}

async function dkimOf({ names, standby }: DnsCheckOptions, domain: string, say: Say): Promise<void> {
  const { dkim } = standby.survey;
  const keys = new Set(dkim.map(({ publicKey }) => publicKey));
  const selectors = new Set(dkim.flatMap(({ path }) => selectorOf(path) ?? []));
  for (const selector of selectors) {
    const name = `${selector}._domainkey.${domain}`;
    const published = ((await names.txt(name)) ?? []).map(publishedKey).filter((key) => key !== undefined);
    if (published.length > 0 && !published.some((key) => keys.has(key)))
      say(
        'error',
        'dkim-differs',
        published.every((key) => key === '')
          ? `the DKIM key ${name} is revoked in the DNS`
          : `none of the DKIM keys on '${standby.name}' is the one that ${name} publishes: what it signs would be taken for forged`,
        'copy the key of the primary (standby prepare), or publish that of the standby under a selector of its own',
        name,
      );
  }
}

async function reverse({ names, standby, relay }: DnsCheckOptions, say: Say): Promise<void> {
  if (relay) return;
  const { address } = standby;
  const found = await names.ptr(address);
  const settings = standby.survey.postfix?.settings ?? {};
  const helo = bare(settings['smtp_helo_name'] ?? settings['myhostname'] ?? standby.name);
  const mend = `have the provider of the address set it: ${address} PTR ${helo}.`;
  if (found === undefined)
    return say('warning', 'dns-unanswered', `nobody says which name ${address} has (PTR)`, `ask: dig -x ${address}`, address);
  if (found.length === 0)
    return say('error', 'no-ptr', `${address} has no PTR record: many mail servers refuse mail from it`, mend, address);
  const confirmed: string[] = [];
  for (const name of found) if (((await names.addresses(name)) ?? []).includes(address)) confirmed.push(name);
  if (confirmed.length === 0)
    return say(
      'error',
      'ptr-unconfirmed',
      `the PTR of ${address} is ${found.join(', ')}, which does not stand for ${address}`,
      mend,
      address,
    );
  const greeted = (await names.addresses(helo)) ?? [];
  if (!confirmed.includes(helo) && !greeted.includes(address))
    say(
      'warning',
      'helo-differs',
      `Postfix on '${standby.name}' greets as ${helo}, which is neither the PTR of ${address} (${confirmed.join(', ')}) nor stands for it`,
      `postconf -e myhostname=${confirmed[0] ?? ''}, there`,
      helo,
    );
}

/** How long others go on with the old records: asked with dig, since Node does not tell the TTL of MX. */
async function lifetimes(zone: DnsZone, say: Say): Promise<void> {
  for (const { name, type, ttl } of zone.records) {
    const { exitCode, stdout } = await run(
      'dig',
      [`@${zone.server.address}`, '-p', String(zone.server.port), '+noall', '+answer', '+norecurse', '+time=3', '+tries=2', name, type],
      {
        okExitCodes: [0, 9],
        timeoutMs: 20_000,
      },
    ).catch(() => ({ exitCode: 9, stdout: '' }));
    const live = Math.max(
      ...stdout
        .split('\n')
        .flatMap((line) => Number(/^\S+\s+(\d+)\s+IN\s+(?!RRSIG)/.exec(line)?.[1] ?? Number.NaN))
        .filter((value) => !Number.isNaN(value)),
    );
    if (exitCode !== 0 || !Number.isFinite(live) || live <= ttl) continue;
    say(
      'warning',
      'ttl-long',
      `${type} of ${name} lives ${live} s: for so long after a switch others go to the old host`,
      `lower it to ${ttl}, at least ${live} s before a planned switch`,
      name,
    );
  }
}

async function tlsaOf(options: DnsCheckOptions): Promise<Map<string, NonNullable<Awaited<ReturnType<Names['tlsa']>>>>> {
  const exchanges = new Set(options.domains.flatMap((domain) => exchangesOf(options, domain)));
  const found = new Map<string, NonNullable<Awaited<ReturnType<Names['tlsa']>>>>();
  for (const exchange of exchanges) found.set(exchange, (await options.names.tlsa(`_25._tcp.${exchange}`)) ?? []);
  return found;
}

/** RFC 7672: senders that heed DANE refuse a server whose certificate is not the published one. Usages 2 and 0 name an authority. */
function dane(found: Awaited<ReturnType<typeof tlsaOf>>, { standby }: DnsCheckOptions, say: Say): void {
  const shown = standby.survey.certificates.filter(({ by }) => by.includes('smtpd_tls'));
  for (const [exchange, records] of found) {
    const own = records.filter(({ usage, match }) => (usage === 3 || usage === 1) && match === 1);
    if (own.length === 0 || records.some(({ usage }) => usage === 2 || usage === 0) || shown.length === 0) continue;
    const fits = shown.some(({ hashes }) => own.some(({ selector, data }) => data === (selector === 1 ? hashes.key : hashes.certificate)));
    if (!fits)
      say(
        'error',
        'tlsa-differs',
        `TLSA of _25._tcp.${exchange} is of another certificate than '${standby.name}' has: senders that heed DANE would refuse it`,
        `add: _25._tcp.${exchange}. TLSA 3 1 1 ${shown[0]?.hashes.key ?? ''}`,
        exchange,
      );
  }
}

function certificates({ standby, clientNames, domains, ...options }: DnsCheckOptions, say: Say): void {
  const shown = standby.survey.certificates;
  const exchanges = domains.flatMap((domain) => exchangesOf({ standby, ...options }, domain));
  const mail = shown.filter(({ by }) => by.includes('smtpd_tls'));
  for (const name of new Set(clientNames.map(bare)))
    if (shown.length > 0 && !shown.some((each) => holdsName(each, name)))
      lacks(name, shown, 'error', 'clients that go to it would be warned, or refuse it');
  for (const name of new Set(exchanges))
    if (mail.length > 0 && !mail.some((each) => holdsName(each, name)))
      lacks(name, mail, 'warning', 'senders that check it (MTA-STS) would refuse it');
  function lacks(name: string, all: readonly Certificate[], severity: Finding['severity'], why: string): void {
    say(
      severity,
      'certificate-lacks-name',
      `no certificate on '${standby.name}' holds the name ${name}: ${why}`,
      `have one made that holds it, beside ${[...new Set(all.flatMap(({ names }) => names))].slice(0, 5).join(', ')}`,
      name,
    );
  }
}
