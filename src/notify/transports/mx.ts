/** Straight to the servers of the recipients' domains, as a mail server does it: for when none of one's own works. */
import { Resolver } from 'node:dns/promises';
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import type { OutgoingMail } from '../message.ts';
import { type MailHost, mailHosts } from '../mx/lookup.ts';
import { stsAllows } from '../../system/mta-sts.ts';
import { stsPolicy } from '../mx/sts.ts';
import type { Refusal } from '../refusal.ts';
import { sendBySmtp } from '../smtp-send.ts';
import type { SendOutcome, Transport } from '../transport.ts';

export interface MxOptions {
  from: string;
  /** 25, as everybody listens there. */
  port: number;
  /** `opportunistic`: TLS where it is offered, whoever's certificate it is; `starttls`: demanded, with the server's own certificate. */
  security: 'opportunistic' | 'starttls' | 'none';
  /** The name that this host introduces itself with. */
  ehlo?: string | undefined;
  /** Addresses of name servers, with or without a port, in place of the system's. */
  nameServers: readonly string[];
  caFile?: string | undefined;
  /** Where MTA-STS policies are kept; without it none is asked for. */
  stsCache?: string | undefined;
}

type Refused = SendOutcome['refused'][number];

/** A server that does not answer must leave time for the next one. */
const CONNECT_MS = 12_000;
const DNS_MS = 4000;

const mx: Transport<MxOptions> = {
  kind: 'mx',
  async send(mail, options, signal) {
    signal.throwIfAborted();
    const dns = new Resolver({ timeout: DNS_MS, tries: 2 });
    if (options.nameServers.length > 0) useServers(dns, options.nameServers);
    const stop = (): void => dns.cancel();
    signal.addEventListener('abort', stop, { once: true });
    const accepted = new Set<string>();
    const refused: Refused[] = [];
    try {
      for (const [domain, to] of byDomain(mail.to)) {
        const hosts = await mailHosts(domain, dns);
        signal.throwIfAborted();
        const outcome = Array.isArray(hosts)
          ? await sendTo(domain, { ...mail, to }, hosts, options, dns, signal)
          : { accepted: [], refused: [{ to, refusal: hosts }] };
        for (const address of outcome.accepted) accepted.add(address);
        refused.push(...outcome.refused);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
    return { accepted: mail.to.filter((address) => accepted.has(address)), refused };
  },
};

export default mx;

function useServers(dns: Resolver, servers: readonly string[]): void {
  try {
    dns.setServers(servers);
  } catch (error) {
    throw new MailrecoverError('config', `'${servers.join(', ')}' are no addresses of name servers (${systemCode(error) ?? ''})`, {
      hint: 'write them as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53',
    });
  }
}

function byDomain(recipients: readonly string[]): Map<string, string[]> {
  const domains = new Map<string, string[]>();
  for (const address of recipients) {
    const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
    domains.set(domain, [...(domains.get(domain) ?? []), address]);
  }
  return domains;
}

/** What the domain demands by its MTA-STS policy goes before what is configured, unless TLS is switched off altogether. */
async function sendTo(
  domain: string,
  mail: OutgoingMail,
  hosts: readonly MailHost[],
  options: MxOptions,
  dns: Resolver,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { security, stsCache, caFile } = options;
  const policy =
    security === 'none' || stsCache === undefined ? undefined : await stsPolicy(domain, { dns, cache: stsCache, caFile, signal });
  if (policy?.mode !== 'enforce') return tryHosts(mail, hosts, options, signal);
  const allowed = hosts.filter(({ name }) => stsAllows(policy, name));
  if (allowed.length > 0) return tryHosts(mail, allowed, { ...options, security: 'starttls' }, signal);
  const refusal: Refusal = {
    code: 'tls',
    permanent: false,
    message: `the MTA-STS policy of '${domain}' allows none of its mail servers: ${[...new Set(hosts.map(({ name }) => name))].join(', ')}`,
    hint: 'somebody may stand between, or the domain must mend its policy or its MX; another transport may reach it',
  };
  return { accepted: [], refused: [{ to: mail.to, refusal }] };
}

/** One server after the other, until nobody is left or all were asked; what is refused for good is not asked of the next. */
async function tryHosts(mail: OutgoingMail, hosts: readonly MailHost[], options: MxOptions, signal: AbortSignal): Promise<SendOutcome> {
  const accepted: string[] = [];
  const final: Refused[] = [];
  let later: readonly Refused[] = [];
  let left = mail.to;
  for (const host of hosts) {
    const outcome = await tryHost({ ...mail, to: left }, host, options, signal);
    accepted.push(...outcome.accepted);
    final.push(...outcome.refused.filter(({ refusal }) => refusal.permanent));
    later = outcome.refused.filter(({ refusal }) => !refusal.permanent);
    left = later.flatMap(({ to }) => to);
    if (left.length === 0) break;
  }
  return { accepted, refused: [...final, ...later] };
}

async function tryHost(mail: OutgoingMail, { name, address }: MailHost, options: MxOptions, signal: AbortSignal): Promise<SendOutcome> {
  const { from, port, security, ehlo, caFile } = options;
  const server = { host: name, address, port, caFile, ehlo, patienceMs: CONNECT_MS };
  const send = (how: MxOptions['security']): Promise<SendOutcome> =>
    sendBySmtp(mail, { server: { ...server, security: how }, from }, signal);
  const first = await send(security);
  // TLS that can't be agreed on is no better than none (RFC 7435), and the mail was not handed over yet.
  const noTls = security === 'opportunistic' && first.refused.some(({ refusal }) => refusal.code === 'tls');
  const { accepted, refused } = noTls ? await send('none') : first;
  return { accepted, refused: refused.map(({ to, refusal }) => ({ to, refusal: ofPort(refusal, port) })) };
}

function ofPort(refusal: Refusal, port: number): Refusal {
  if (refusal.code !== 'unreachable') return refusal;
  return { ...refusal, hint: `many networks let nothing out to port ${port}: ask the provider to open it, or send through a relay` };
}
