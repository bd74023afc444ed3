/** Sends real mail from the standby and to it, before the day: whether it gets out, how it arrives, and whether it gets in. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import type { Progress } from '../../system/progress.ts';
import type { Names } from '../prepare/dns/ask.ts';
import { checkSpf } from '../prepare/dns/spf.ts';
import type { HostAgent, RehearsalState } from '../prepare/model.ts';
import type { ProofServer } from '../proof.ts';
import { judge, type Judged } from './headers.ts';
import { handIn } from './hand-in.ts';
import { askLists } from './lists.ts';
import { arrival, type Outside } from './outside.ts';
import { message } from './texts.ts';

export interface RehearseOptions {
  standby: { name: string; address: string; agent: HostAgent };
  /** The sender, of one of the domains. */
  from: string;
  /** The mailbox somewhere else. */
  to: string;
  /** How that is read; absent where it is not. */
  outside: Outside | undefined;
  /** Who gets the message on the standby, and from whom. */
  inbound: { from: string; to: string; server: Omit<ProofServer, 'host'>; ca: string | undefined };
  lists: readonly string[];
  names: Names;
  waitMs: number;
  progress: Progress;
  signal: AbortSignal;
}

export interface Rehearsed {
  findings: Finding[];
  /** What was proved. */
  evidence: string[];
  out: RehearsalState | undefined;
  judged: Judged | undefined;
}

const AGAIN_MS = 1000;
const GREETING_MS = 15_000;
type Say = (severity: Finding['severity'], code: string, message: string, hint?: string, subject?: string) => void;

/** @throws MailrecoverError where the standby's Postfix can't be rehearsed at all */
export async function rehearse(options: RehearseOptions): Promise<Rehearsed> {
  const { standby, progress } = options;
  const { agent } = standby;
  const result: Rehearsed = { findings: [], evidence: [], out: undefined, judged: undefined };
  const say: Say = (severity, code, message, hint, subject) =>
    void result.findings.push({
      severity,
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(subject === undefined ? {} : { subject }),
    });
  progress.phase('asking block lists');
  await lists(options, say, result);
  const allow = await callers(options, say);
  progress.phase(`starting a Postfix for it on ${standby.name}`);
  await agent.rehearse({ do: 'start', allow, smtp: allow.length > 0 });
  try {
    if (allow.length > 0) await inwards(options, say, result);
    await outwards(options, say, result);
  } finally {
    const left = await agent.rehearse({
      do: 'stop',
      ours: [
        { sender: options.from, recipient: options.to },
        { sender: options.inbound.from, recipient: options.inbound.to },
      ],
    });
    if (left.foreign !== undefined)
      say(
        'error',
        'foreign-mail',
        `mail of others got into the rehearsal, and lies in ${left.foreign} on '${standby.name}'`,
        'look at it with postcat, and hand it on; nothing of it is deleted',
        left.foreign,
      );
  }
  return result;
}

async function lists({ names, standby, lists: wanted }: RehearseOptions, say: Say, result: Rehearsed): Promise<void> {
  const listings = await askLists(names, standby.address, wanted);
  for (const { list, state, because = '' } of listings) {
    if (state === 'listed')
      say(
        'error',
        'listed',
        `${standby.address} stands on the block list ${list}: ${because}`,
        'ask there to be taken off, before the day',
        list,
      );
    if (state === 'unanswered')
      say(
        'warning',
        'list-unanswered',
        `the block list ${list} does not answer${because === '' ? '' : `: ${because}`}`,
        "ask by a resolver of your own: 'standby.prepare: { resolvers: […] }'",
        list,
      );
  }
  const clean = listings.filter(({ state }) => state === 'clean').map(({ list }) => list);
  if (clean.length > 0) result.evidence.push(`${standby.address} does not stand on ${clean.join(', ')}`);
}

/** Our address as the standby sees it, which tells also whether port 25 is free and reached. */
async function callers({ standby }: RehearseOptions, say: Say): Promise<string[]> {
  const { name, address, agent } = standby;
  const [port] = await agent.listen([25]);
  try {
    if (port === undefined) {
      say(
        'warning',
        'port-taken',
        `port 25 of '${name}' is taken: mail to it is not rehearsed`,
        `see by what, there: ss -ltnp 'sport = 25'`,
        name,
      );
      return [];
    }
    if (!(await greeted(address))) {
      say(
        'error',
        'port-shut',
        `port 25 of ${address} is not reached from here`,
        `open it in the firewall of '${name}', and of its provider`,
        name,
      );
      return [];
    }
    const seen = await agent.callers();
    if (seen.length === 0)
      say(
        'warning',
        'caller-unknown',
        `'${name}' does not see from where it is reached: mail to it is not rehearsed`,
        'run it again',
        name,
      );
    return seen;
  } finally {
    await agent.close();
  }
}

/** Whether something answers on port 25. One that goes away at once is not seen by those who listen. */
function greeted(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 25 });
    let heard = false;
    socket.setTimeout(GREETING_MS, () => socket.destroy());
    socket.on('data', () => (heard = true));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(heard));
  });
}

async function inwards({ standby, inbound, progress, signal }: RehearseOptions, say: Say, result: Rehearsed): Promise<void> {
  progress.phase(`sending to ${standby.name}`);
  const { from, to, server, ca } = inbound;
  try {
    const said = await handIn({ ...server, host: standby.address }, { from, to, id: newId('in'), ca });
    const { taken } = await standby.agent.rehearse({ do: 'look' });
    if (!taken.some((each) => each.sender === from && each.recipients.includes(to)))
      say(
        'error',
        'in-lost',
        `'${standby.name}' took a message for ${to}, and does not have it`,
        'look into the log of its filters',
        standby.name,
      );
    else
      result.evidence.push(
        `${standby.address}:25 takes mail for ${to}${server.security === 'none' ? '' : ` with the certificate of ${server.name ?? standby.address}`}: ${said}`,
      );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof MailrecoverError)) throw error;
    say(
      'error',
      'in-refused',
      `'${standby.name}' does not take mail for ${to}: ${error.message}`,
      error.hint ?? 'compare its maps with those of the primary: mailrecover standby prepare',
      standby.name,
    );
  }
}

async function outwards(options: RehearseOptions, say: Say, result: Rehearsed): Promise<void> {
  const { standby, from, to, outside, progress, signal, waitMs } = options;
  progress.phase(`sending from ${standby.name}`);
  const id = newId('out');
  await standby.agent.rehearse({ do: 'send', from, to, message: message({ from, to, id, host: standby.name }) });
  const until = monotonic() + waitMs;
  let out = await standby.agent.rehearse({ do: 'look' });
  while (out.status !== 'sent' && out.status !== 'bounced' && monotonic() < until) {
    await sleep(AGAIN_MS, signal);
    signal.throwIfAborted();
    out = await standby.agent.rehearse({ do: 'look' });
  }
  result.out = out;
  if (out.status !== 'sent') return refused(options, out, say);
  result.evidence.push(`${out.relay ?? ''} took mail of ${from} from '${standby.name}': ${out.said ?? ''}`);
  if (outside === undefined) return;
  const arrived = await arrival(outside, id, Math.max(until, monotonic() + 20_000), signal);
  if (arrived === undefined)
    return say(
      'error',
      'out-lost',
      `the message that ${out.relay ?? ''} took did not come to ${to}`,
      'look into the folders there; it may be held back or thrown away as junk',
      to,
    );
  if (arrived.junk)
    say(
      'error',
      'out-junk',
      `mail from '${standby.name}' is taken for junk at ${to}`,
      'mend SPF, DKIM and PTR first; then ask that provider',
      to,
    );
  else result.evidence.push(`it came to ${to} (${arrived.folder})`);
  result.judged = judge(arrived.head);
  await judged(options, result.judged, say, result);
}

/** Why it did not get out, with what mends it. */
function refused({ standby, to, from }: RehearseOptions, out: RehearsalState, say: Say): void {
  const said = out.said ?? 'nothing was tried in time';
  const far = out.relay === undefined || out.relay === 'none' ? to : out.relay;
  if (/timed out|network is unreachable|no route to host/i.test(said))
    return say(
      'error',
      'out-blocked',
      `nothing gets out of '${standby.name}' to ${far}: ${said}`,
      'have the provider open port 25 outwards, or send by a relay: relayhost in main.cf',
      standby.name,
    );
  if (/block|listed|blacklist|rbl|dnsbl|reputation|spamhaus|barracuda/i.test(said))
    return say(
      'error',
      'out-listed',
      `mail of '${standby.name}' is refused for its address: ${said}`,
      'see the list that is named there, and ask to be taken off',
      standby.name,
    );
  if (/\b(?:spf|dkim|dmarc|ptr|reverse)\b/i.test(said))
    return say(
      'error',
      'out-unproved',
      `mail of '${standby.name}' is refused: ${said}`,
      "see what the DNS lacks: 'mailrecover standby prepare --check'",
      standby.name,
    );
  say(
    'error',
    out.status === 'bounced' ? 'out-refused' : 'out-deferred',
    `mail of ${from} does not get from '${standby.name}' to ${to}: ${said}`,
    'mend what the other side says; see also: mailrecover standby prepare --check',
    standby.name,
  );
}

const CHECKED = ['spf', 'dkim', 'dmarc'] as const;

/** What the receiver found; where it wrote nothing down, what can be told from the message. */
async function judged(
  { standby, from, names }: RehearseOptions,
  { results, signatures, from: address }: Judged,
  say: Say,
  result: Rehearsed,
): Promise<void> {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  for (const method of CHECKED) {
    const verdict = results[method];
    if (verdict === 'pass') result.evidence.push(`the receiver found ${method}=pass`);
    else if (verdict !== undefined && (verdict !== 'none' || method !== 'dmarc'))
      say(
        method === 'dkim' && verdict === 'none' ? 'warning' : 'error',
        `out-${method}`,
        `the receiver found ${method}=${verdict} in mail of '${standby.name}'`,
        "see what the DNS lacks: 'mailrecover standby prepare --check'",
        domain,
      );
  }
  if (results['spf'] === undefined && address !== undefined) {
    const { result: spf, because = '' } = await checkSpf(names, domain, address, standby.name);
    if (spf === 'pass') result.evidence.push(`SPF of ${domain} lets ${address} send it`);
    else
      say(
        spf === 'none' ? 'warning' : 'error',
        'out-spf',
        `the message came from ${address}, which SPF of ${domain} does not let send it (${spf}${because === '' ? '' : `: ${because}`})`,
        `add it: ${domain}. TXT "v=spf1 … ip4:${address} …"`,
        domain,
      );
  }
  if (results['dkim'] !== undefined) return;
  const own = signatures.filter((each) => each.domain === domain.toLowerCase());
  if (own.length === 0)
    return say(
      'warning',
      'out-unsigned',
      `mail of '${standby.name}' carries no DKIM signature of ${domain}`,
      'see that OpenDKIM or Rspamd runs there, and that main.cf names it (smtpd_milters)',
      domain,
    );
  for (const { selector } of own) {
    const records = await names.txt(`${selector}._domainkey.${domain}`);
    if (records?.some((text) => /(?:^|;)\s*p=[^;\s]/.test(text)) === true)
      result.evidence.push(`it is signed with ${selector}._domainkey.${domain}, which is published`);
    else
      say(
        'error',
        'out-dkim',
        `mail of '${standby.name}' is signed with ${selector}._domainkey.${domain}, which the DNS does not have`,
        'publish the key, or copy that of the primary: mailrecover standby prepare',
        domain,
      );
  }
}

function newId(way: string): string {
  return `<mailrecover-${way}-${randomBytes(12).toString('hex')}@standby.invalid>`;
}
