/** Moving names by dynamic updates (RFC 2136), signed by TSIG (RFC 8945), each as compare-and-swap: what is there must be what was known. Or by a program, where that is looked at before. */
import { Resolver } from 'node:dns/promises';
import { MailrecoverError, systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { isoNow, monotonic, sleep } from '../system/clock.ts';
import { run } from '../system/exec.ts';
import { lastLine } from '../system/last-line.ts';
import { readSecret } from '../system/secret.ts';
import type { RanCommand } from './remote.ts';

export interface DnsServer {
  /** An IP address. */
  address: string;
  port: number;
}

export interface DnsRecord {
  name: string;
  type: 'A' | 'AAAA' | 'MX' | 'CNAME' | 'TXT';
  /** Seconds. */
  ttl: number;
  /** All values, as a zone file has them, for either host; none where there is no such record. */
  values: { from: readonly string[]; to: readonly string[] };
}

export interface DnsZone {
  zone: string;
  server: DnsServer;
  also: readonly DnsServer[];
  /** The program that changes it, with its arguments; without it an update is sent to the server. */
  update?: readonly string[] | undefined;
  tsig?: { name: string; algorithm: string; secret: string } | undefined;
  /** How long the servers may take to agree, milliseconds. */
  waitMs: number;
  records: readonly DnsRecord[];
}

const PATIENCE = { timeout: 2000, tries: 2 };
const POLL_MS = 500;
const UPDATE_SECONDS = 30;
/** Providers take their time. */
const PROGRAM_SECONDS = 120;
/** So much of an answer is written down. */
const ANSWER_LINES = 20;
/** Answers that say that there is no such record (c-ares). */
const NONE = new Set(['ENODATA', 'ENOTFOUND']);

/** Values in one form, so that what a server answers can be compared with what stands in the configuration. */
export function normalised(type: DnsRecord['type'], values: readonly string[]): string {
  const one = (value: string): string => {
    if (type === 'TXT')
      return [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replace(/\\(.)/g, '$1')).join('') || value;
    const lower = value.trim().replace(/\s+/g, ' ').toLowerCase();
    return type === 'A' || type === 'AAAA' ? lower : lower.replace(/\.$/, '');
  };
  return values.map(one).sort().join('\n');
}

/**
 * What one server answers for a record, in one form.
 * @returns undefined where it does not answer
 */
export async function answerOf(server: DnsServer, { name, type }: Pick<DnsRecord, 'name' | 'type'>): Promise<string | undefined> {
  // A resolver of its own for each question: one that is kept remembers answers.
  const resolver = new Resolver(PATIENCE);
  resolver.setServers([server.address.includes(':') ? `[${server.address}]:${server.port}` : `${server.address}:${server.port}`]);
  try {
    return normalised(type, await ask(resolver, type, name.replace(/\.$/, '')));
  } catch (error) {
    return NONE.has(systemCode(error) ?? '') ? '' : undefined;
  }
}

async function ask(resolver: Resolver, type: DnsRecord['type'], name: string): Promise<string[]> {
  if (type === 'MX') return (await resolver.resolveMx(name)).map(({ priority, exchange }) => `${priority} ${exchange}`);
  if (type === 'TXT') return (await resolver.resolveTxt(name)).map((parts) => JSON.stringify(parts.join('')));
  if (type === 'CNAME') return resolver.resolveCname(name);
  return type === 'A' ? resolver.resolve4(name) : resolver.resolve6(name);
}

/** How a record stands on the server that takes updates: `unknown` where it does not answer. */
export async function standing(zone: DnsZone, record: DnsRecord): Promise<'from' | 'to' | 'other' | 'unknown'> {
  const answer = await answerOf(zone.server, record);
  if (answer === undefined) return 'unknown';
  if (answer === normalised(record.type, record.values.to)) return 'to';
  return answer === normalised(record.type, record.values.from) ? 'from' : 'other';
}

/** The update, as nsupdate(1) reads it, a line each; the secret is in it, which is why it never is an argument or a file. */
function script(zone: DnsZone, records: readonly DnsRecord[], secret: string): string[] {
  const dotted = (name: string): string => (name.endsWith('.') ? name : `${name}.`);
  return [
    `server ${zone.server.address} ${zone.server.port}`,
    `zone ${dotted(zone.zone)}`,
    ...(zone.tsig === undefined ? [] : [`key ${zone.tsig.algorithm}:${zone.tsig.name} ${secret}`]),
    // Value dependent: the whole set must be equal (RFC 2136, section 2.4.2).
    ...records.flatMap(({ name, type, values }) =>
      values.from.length === 0
        ? [`prereq nxrrset ${dotted(name)} IN ${type}`]
        : values.from.map((value) => `prereq yxrrset ${dotted(name)} IN ${type} ${value}`),
    ),
    // All that goes before all that comes: a name may get a CNAME in place of its address.
    ...records.filter(({ values }) => values.from.length > 0).map(({ name, type }) => `update delete ${dotted(name)} ${type}`),
    ...records.flatMap(({ name, type, ttl, values }) => values.to.map((value) => `update add ${dotted(name)} ${ttl} ${type} ${value}`)),
    'send',
    'quit',
  ];
}

/** Where programs run that change names, and who writes down that they were. */
export interface DnsRecorder {
  /** This host. */
  host: string;
  record: (ran: RanCommand) => void;
}

type Ending = Pick<RanCommand, 'exitCode' | 'problem' | 'answer'>;

/** Runs a program, and has it written down how it ended. */
async function recorded<T>(
  command: readonly string[],
  input: readonly string[],
  recorder: DnsRecorder | undefined,
  work: () => Promise<{ ending: Ending; value: T }>,
): Promise<T> {
  const startedAt = isoNow();
  const from = monotonic();
  const tell = (ending: Ending): void =>
    recorder?.record({ host: recorder.host, command, startedAt, milliseconds: Math.round(monotonic() - from), input, ...ending });
  try {
    const { ending, value } = await work();
    tell(ending);
    return value;
  } catch (error) {
    tell({ problem: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/**
 * Moves the names of a zone that are not moved yet, in one update: all of them or none.
 * @throws MailrecoverError `refused` where a record is neither what it was nor what it shall be; `key`; `unreachable`; `failed`
 */
export async function updateZone(zone: DnsZone, recorder?: DnsRecorder): Promise<void> {
  const stands = await Promise.all(zone.records.map(async (record) => ({ record, stand: await standing(zone, record) })));
  const other = stands.find(({ stand }) => stand === 'other');
  if (other !== undefined) throw changedBySomebody(zone, other.record);
  const due = stands.filter(({ stand }) => stand !== 'to').map(({ record }) => record);
  if (due.length === 0) return;
  if (zone.update !== undefined) {
    const unknown = stands.find(({ stand }) => stand === 'unknown');
    // A program changes whatever is there.
    if (unknown !== undefined)
      throw new MailrecoverError(
        'unreachable',
        `the DNS server ${shown(zone.server)} does not answer: nobody knows what ${unknown.record.type} of ${unknown.record.name} is now`,
        { subject: zone.zone },
      );
    return updateByProgram(zone, zone.update, due, recorder);
  }
  const secret = zone.tsig === undefined ? undefined : await readSecret(zone.tsig.secret, `the TSIG key '${zone.tsig.name}'`);
  const { exitCode, said } = await recorded(['nsupdate'], script(zone, due, '***'), recorder, async () => {
    const ended = await run('nsupdate', [], {
      input: `${script(zone, due, secret ?? '').join('\n')}\n`,
      timeoutMs: UPDATE_SECONDS * 1000,
      okExitCodes: [0, 1, 2],
      secrets: secret === undefined ? [] : [secret],
      hint: "install bind9-dnsutils, which has 'nsupdate'",
    });
    const words = `${ended.stderr}\n${ended.stdout}`.replaceAll(secret ?? '\0', '***');
    return { ending: { exitCode: ended.exitCode, answer: linesOf(words) }, value: { exitCode: ended.exitCode, said: words } };
  });
  if (exitCode === 0) return;
  const where = `${zone.server.address} for ${zone.zone}`;
  const silent = /timed out|could not (?:reach|talk)|connection refused|network unreachable|host unreachable/i.test(said);
  // One exit code stands for all refusals: what it says tells them apart.
  if (/NXRRSET|YXRRSET|NXDOMAIN|YXDOMAIN/.test(said)) {
    if ((await Promise.all(due.map((record) => standing(zone, record)))).every((stand) => stand === 'to')) return;
    throw changedBySomebody(zone, due[0] as DnsRecord);
  }
  // "connection refused" is no refusal of the server's.
  if (!silent && /NOTAUTH|BADSIG|BADKEY|BADTIME|REFUSED|TSIG/i.test(said))
    throw new MailrecoverError(
      'key',
      `the DNS server ${where} does not let '${zone.tsig?.name ?? 'anybody'}' change it: ${lastLine(said)}`,
      {
        hint: "compare the key in 'standby.dns' with the server's, and the clocks (BADTIME)",
        subject: zone.zone,
      },
    );
  throw new MailrecoverError(silent ? 'unreachable' : 'failed', `the DNS server ${where} did not take the update: ${lastLine(said)}`, {
    subject: zone.zone,
  });
}

/** Tells it all values that were, and that shall be; its own exit code says whether it did it, and the servers are asked afterwards. */
async function updateByProgram(
  { zone }: DnsZone,
  update: readonly string[],
  due: readonly DnsRecord[],
  recorder: DnsRecorder | undefined,
): Promise<void> {
  const argv = update.map((word) => word.replaceAll('{zone}', zone));
  const [program = '', ...args] = argv;
  const records = due.map(({ name, type, ttl, values: { from, to } }) => ({ name, type, ttl, from, to }));
  const input = JSON.stringify({ zone, records });
  await recorded(argv, [input], recorder, async () => {
    const { exitCode } = await run(program, args, {
      input: `${input}\n`,
      timeoutMs: PROGRAM_SECONDS * 1000,
      hint: "see 'update' below 'standby.dns' in the configuration",
    });
    // What it prints stands in no record: it may tell more than is meant for one. Where it fails its last line says why.
    return { ending: { exitCode }, value: undefined };
  });
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(0, ANSWER_LINES);
}

function changedBySomebody({ zone }: DnsZone, { name, type }: DnsRecord): MailrecoverError {
  return new MailrecoverError('refused', `${type} of ${name} is neither what it was nor what it shall be: somebody changed it`, {
    hint: "look at it with 'dig', mend it or 'standby.dns' in the configuration, and run this again",
    subject: zone,
  });
}

export interface Agreement {
  evidence: string[];
  findings: Finding[];
}

/**
 * Asks all authoritative servers until those that answer agree.
 * @throws MailrecoverError `failed` where one still gives old answers after the wait; `unreachable` where none answers
 */
export async function agreement(zone: DnsZone, signal: AbortSignal): Promise<Agreement> {
  const servers = await serversOf(zone);
  const until = monotonic() + zone.waitMs;
  for (;;) {
    const states = await Promise.all(servers.map(async ({ server, name }) => ({ name, state: await stateOf(server, zone.records) })));
    const old = states.filter(({ state }) => state === 'old').map(({ name }) => name);
    const silent = states.filter(({ state }) => state === 'silent').map(({ name }) => name);
    const agreed = states.filter(({ state }) => state === 'new').map(({ name }) => name);
    const late = monotonic() >= until;
    if (old.length === 0 && (silent.length === 0 || late)) {
      if (agreed.length === 0)
        throw new MailrecoverError('unreachable', `no authoritative server of ${zone.zone} answers`, { subject: zone.zone });
      return {
        evidence: [`${agreed.join(', ')} ${agreed.length === 1 ? 'answers' : 'answer'} with the new records of ${zone.zone}`],
        findings: silent.map((name) => ({
          severity: 'warning',
          code: 'dns-silent',
          message: `the authoritative server ${name} of ${zone.zone} does not answer: it may still hold the old records`,
          hint: `ask it later: dig @${name.replace(/[ #].*/, '')} ${zone.records[0]?.name ?? zone.zone} ${zone.records[0]?.type ?? ''}`,
          subject: zone.zone,
        })),
      };
    }
    if (late)
      throw new MailrecoverError(
        'failed',
        `${old.join(', ')} ${old.length === 1 ? 'still gives' : 'still give'} the old records of ${zone.zone}`,
        {
          hint: 'see that it fetches the zone (NOTIFY, AXFR), and run this again',
          subject: zone.zone,
        },
      );
    await sleep(POLL_MS, signal);
    signal.throwIfAborted();
  }
}

async function stateOf(server: DnsServer, records: readonly DnsRecord[]): Promise<'new' | 'old' | 'silent'> {
  const answers = await Promise.all(records.map(async (record) => ({ record, answer: await answerOf(server, record) })));
  if (answers.some(({ answer }) => answer === undefined)) return 'silent';
  return answers.every(({ record, answer }) => answer === normalised(record.type, record.values.to)) ? 'new' : 'old';
}

/** Its address, with the port as BIND writes it where that is another than usual. */
function shown({ address, port }: DnsServer): string {
  return port === 53 ? address : `${address}#${port}`;
}

/** Those of the configuration, and those that the zone itself names. */
async function serversOf(zone: DnsZone): Promise<{ server: DnsServer; name: string }[]> {
  const found = new Map<string, { server: DnsServer; name: string }>();
  const add = (server: DnsServer, name?: string): void => {
    const key = `${server.address} ${server.port}`;
    if (!found.has(key)) found.set(key, { server, name: `${shown(server)}${name === undefined ? '' : ` (${name})`}` });
  };
  for (const server of [zone.server, ...zone.also]) add(server);
  const resolver = new Resolver(PATIENCE);
  resolver.setServers([
    zone.server.address.includes(':') ? `[${zone.server.address}]:${zone.server.port}` : `${zone.server.address}:${zone.server.port}`,
  ]);
  try {
    for (const name of await resolver.resolveNs(zone.zone.replace(/\.$/, ''))) {
      const [v4, v6] = await Promise.all([resolver.resolve4(name).catch(() => []), resolver.resolve6(name).catch(() => [])]);
      // One address of each is enough: they are the same server.
      const address = v4[0] ?? v6[0];
      if (address !== undefined && ![...v4, ...v6].some((each) => found.has(`${each} ${zone.server.port}`)))
        add({ address, port: zone.server.port }, name);
    }
  } catch {
    // Those of the configuration are asked in any case.
  }
  return [...found.values()];
}
