/** Getting a mail to its readers, now or later, and never losing it silently. */
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { isoTime, now } from '../system/clock.ts';
import { type Attempt, type Round, tryRoutes, withoutFiles } from './attempt.ts';
import { marked, together } from './late.ts';
import { type Message, type OutgoingMail, outgoing } from './message.ts';
import { refusalFinding } from './refusal.ts';
import { allRecipients, type Route } from './routes.ts';
import { ENGLISH, type Wording } from './wording.ts';
import { openSpool, type Spool, type SpooledMail, type SpoolState } from './spool.ts';

export interface DeliveryOptions {
  /** The directory for local state; the spool lies below it. */
  state: string;
  /** Bytes to set aside for the day when the disk is full. */
  reserve: number;
  /** In the order in which they are tried. */
  routes: readonly Route[];
  signal: AbortSignal;
  /** How what is added on the way is said; in English where it is absent. */
  wording?: Wording;
}

export interface Delivery {
  /**
   * - `delivered`: every recipient's side has taken it over
   * - `spooled`: somebody has not got it yet; it is tried again
   * - `refused`: all transports refuse it for good; it is kept until somebody changes something and flushes
   * - `lost`: it could be neither sent nor kept, which only a full disk without reserve does
   */
  status: 'delivered' | 'spooled' | 'refused' | 'lost';
  id: string;
  accepted: readonly string[];
  left: readonly string[];
  attempts: readonly Attempt[];
  /** Refusals on the way, as warnings where it got through in the end, as errors where not. */
  findings: readonly Finding[];
}

const MINUTE_MS = 60_000;
/** Minutes until the next round, after each that failed. */
const BACKOFF_MIN = [1, 2, 5, 10, 20, 30, 60, 120, 240];

/**
 * Sends a mail: into the spool first, then through the transports in order. Where it gets through, mails that wait are sent too.
 * It never throws for what a transport does.
 * @throws MailrecoverError `config` where nobody is named to send to
 * @throws whatever `signal` is aborted with; the mail stays in the spool then
 */
export async function deliver(message: Message, options: DeliveryOptions): Promise<Delivery> {
  const to = allRecipients(message.to, options.routes);
  if (to.length === 0) throw new MailrecoverError('config', 'nobody is named to send to', { hint: "add 'notify.to' to the configuration" });
  const spool = openSpool(options.state, options.reserve);
  const mail = outgoing({ ...message, to });
  const kept = await keep(spool, mail, options.wording ?? ENGLISH);
  try {
    const round = await tryRoutes(mail, options.routes, options.signal, options.wording);
    const delivery = await settle(spool, { mail, state: freshState(mail) }, round, kept.problem);
    if (delivery.status !== 'delivered') return delivery;
    return { ...delivery, findings: [...delivery.findings, ...(await flushOthers(options))] };
  } finally {
    kept.release();
  }
}

/** Sends what waits, now that a transport works; what goes wrong with it is no fault of the mail that got through. */
async function flushOthers(options: DeliveryOptions): Promise<readonly Finding[]> {
  try {
    return (await flush({ ...options, all: false, now: true })).findings;
  } catch (error) {
    options.signal.throwIfAborted();
    return [spoolFinding(error)];
  }
}

async function keep(spool: Spool, mail: OutgoingMail, wording: Wording): Promise<{ release: () => void; problem?: MailrecoverError }> {
  let release: () => void = () => undefined;
  try {
    release = (await spool.lock(mail.id)) ?? release;
    await addOrLess(spool, mail, wording);
    return { release };
  } catch (error) {
    if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
    return { release, problem: error };
  }
}

/** Where there is no room for its attachments, the alarm itself is kept. */
async function addOrLess(spool: Spool, mail: OutgoingMail, wording: Wording): Promise<void> {
  try {
    await spool.add(mail);
  } catch (error) {
    const isFull = error instanceof MailrecoverError && error.code === 'no-space';
    if (!isFull || (mail.attachments ?? []).length === 0) throw error;
    await spool.add(withoutFiles(mail, 'since the disk was full', wording));
  }
}

function freshState(mail: OutgoingMail): SpoolState {
  return { left: mail.to, attempts: 0, nextAt: mail.writtenAt, said: [] };
}

/** Takes it out of the spool, or writes down what is left to do. */
async function settle(spool: Spool, entry: SpooledMail, round: Round, unkept?: MailrecoverError): Promise<Delivery> {
  const { mail, state } = entry;
  const { left, attempts, permanent } = round;
  const accepted = state.left.filter((address) => !left.includes(address));
  const findings = roundFindings(round, left.length > 0);
  if (unkept !== undefined)
    findings.push({
      severity: left.length > 0 ? 'error' : 'warning',
      code: 'spool',
      message: `the mail could not be kept: ${unkept.message}`,
      hint: unkept.hint ?? 'free some space',
    });
  if (left.length === 0) {
    await spool.remove(mail.id).catch((error: unknown) => findings.push(spoolFinding(error)));
    return { status: 'delivered', id: mail.id, accepted, left, attempts, findings };
  }
  if (unkept !== undefined) return { status: 'lost', id: mail.id, accepted, left, attempts, findings };
  const nextAt = permanent ? undefined : now() + Math.max(round.retryAfterMs ?? 0, backoff(state.attempts));
  const said = lastWords(attempts);
  await spool
    .update(mail.id, { left, attempts: state.attempts + 1, nextAt, said })
    .catch((error: unknown) => findings.push(spoolFinding(error)));
  findings.push(
    permanent
      ? {
          severity: 'error',
          code: 'mail-refused',
          message: `'${mail.subject}' is refused by every transport; it is kept`,
          hint: 'mend what the transports said, then: mailrecover notify flush --all',
          subject: mail.id,
        }
      : {
          severity: 'error',
          code: 'mail-spooled',
          message: `'${mail.subject}' waits in the spool for ${left.join(', ')}${nextAt === undefined ? '' : `, next try after ${isoTime(nextAt)}`}`,
          hint: 'mailrecover notify flush --all',
          subject: mail.id,
        },
  );
  return { status: permanent ? 'refused' : 'spooled', id: mail.id, accepted, left, attempts, findings };
}

function spoolFinding(error: unknown): Finding {
  return {
    severity: 'warning',
    code: 'spool',
    message: `the spool could not be used: ${error instanceof Error ? error.message : String(error)}`,
  };
}

function backoff(attempts: number): number {
  return (BACKOFF_MIN[Math.min(attempts, BACKOFF_MIN.length - 1)] ?? 240) * MINUTE_MS;
}

function lastWords(attempts: readonly Attempt[]): SpoolState['said'] {
  return attempts.flatMap(({ transport, refused }) => refused.slice(-1).map(({ refusal }) => ({ transport, refusal })));
}

function roundFindings({ attempts, stripped }: Round, failed: boolean): Finding[] {
  const findings = attempts.flatMap(({ transport, refused }) =>
    refused.map(({ refusal, to }): Finding => {
      const finding = refusalFinding(refusal, transport, failed ? 'error' : 'warning');
      return refusal.code === 'recipient' ? { ...finding, message: `${finding.message} (${to.join(', ')})` } : finding;
    }),
  );
  if (attempts.length === 0 && failed)
    findings.push({
      severity: 'error',
      code: 'no-transport',
      message: 'no transport is configured, so nobody is told',
      hint: "add 'notify.transports' to the configuration",
    });
  if (stripped)
    findings.push({
      severity: 'warning',
      code: 'attachments-left-out',
      message: 'the mail went out without its attachments, since it was too large with them',
    });
  return findings;
}

export interface FlushOptions extends DeliveryOptions {
  /** Also mails that were refused for good. */
  all: boolean;
  /** Also mails that are not due yet. */
  now: boolean;
}

export interface Flushed {
  sent: SpooledMail[];
  waiting: SpooledMail[];
  findings: Finding[];
}

/** Sends what waits in the spool and is due; several mails for the same recipients go as one. */
export async function flush(options: FlushOptions): Promise<Flushed> {
  const spool = openSpool(options.state, options.reserve);
  await spool.tidy();
  const { mails, damaged } = await spool.list();
  const findings = damaged.map(damagedFinding);
  const sent: SpooledMail[] = [];
  const waiting: SpooledMail[] = [];
  for (const group of groups(mails, options)) {
    const locked = await lockAll(spool, group);
    try {
      // What another run has sent since is no longer there.
      const still = (await spool.list()).mails.filter(({ mail }) => locked.some(({ id }) => id === mail.id));
      if (still.length === 0) continue;
      const done = await sendGroup(spool, still, options);
      findings.push(...done.flatMap(({ delivery }) => delivery.findings));
      for (const { entry, delivery } of done) (delivery.status === 'delivered' ? sent : waiting).push(entry);
    } finally {
      for (const { release } of locked) release();
    }
  }
  const handled = new Set([...sent, ...waiting].map(({ mail }) => mail.id));
  waiting.push(...(await spool.list()).mails.filter(({ mail }) => !handled.has(mail.id)));
  await spool.setAside().catch(() => false);
  return { sent, waiting, findings: unique(findings) };
}

export function damagedFinding(path: string): Finding {
  return {
    severity: 'error',
    code: 'spool-damaged',
    message: `'${path}' can't be understood, and is not sent`,
    hint: 'look at it: it is JSON; then remove it',
    subject: path,
  };
}

/** Which mails are to be sent together: those that are due, by recipients. */
function groups(mails: readonly SpooledMail[], options: FlushOptions): SpooledMail[][] {
  const byRecipients = new Map<string, SpooledMail[]>();
  for (const entry of mails) {
    const { nextAt, left } = entry.state;
    const due = nextAt === undefined ? options.all : options.now || options.all || nextAt <= now();
    if (!due) continue;
    const key = left.toSorted().join(' ');
    byRecipients.set(key, [...(byRecipients.get(key) ?? []), entry]);
  }
  return [...byRecipients.values()].flatMap(portions);
}

/** No mail holds more than a reader can look through, and a transport takes. */
const MOST_TOGETHER = 25;
const MOST_BYTES_TOGETHER = 1_000_000;

function portions(entries: readonly SpooledMail[]): SpooledMail[][] {
  const cut: SpooledMail[][] = [];
  let bytes = Infinity;
  for (const entry of entries) {
    const size = sizeOf(entry.mail);
    const last = cut.at(-1);
    if (last === undefined || last.length >= MOST_TOGETHER || bytes + size > MOST_BYTES_TOGETHER) {
      cut.push([entry]);
      bytes = size;
    } else {
      last.push(entry);
      bytes += size;
    }
  }
  return cut;
}

function sizeOf({ text, html = '', attachments = [] }: OutgoingMail): number {
  return attachments.reduce((sum, { content }) => sum + content.length, 2 * text.length + html.length);
}

async function lockAll(spool: Spool, group: readonly SpooledMail[]): Promise<{ id: string; release: () => void }[]> {
  const locked: { id: string; release: () => void }[] = [];
  for (const { mail } of group) {
    try {
      const release = await spool.lock(mail.id);
      if (release !== undefined) locked.push({ id: mail.id, release });
    } catch (error) {
      // On a full disk nothing can be locked; that an alarm gets out matters more than that it may come twice.
      if (!(error instanceof MailrecoverError) || error.code !== 'no-space') throw error;
      locked.push({ id: mail.id, release: () => undefined });
    }
  }
  return locked;
}

async function sendGroup(
  spool: Spool,
  group: readonly SpooledMail[],
  { routes, signal, wording = ENGLISH }: FlushOptions,
): Promise<{ entry: SpooledMail; delivery: Delivery }[]> {
  const [only] = group;
  const from = routes.flatMap((route) => (route.kind === 'webhook' ? [] : route.options.from))[0] ?? 'mailrecover@localhost';
  const mail = group.length === 1 && only !== undefined ? marked(only, wording) : await together(group, from, wording);
  const round = await tryRoutes(mail, routes, signal, wording);
  const done: { entry: SpooledMail; delivery: Delivery }[] = [];
  for (const entry of group) done.push({ entry, delivery: await settle(spool, entry, round) });
  return done;
}

function unique(findings: readonly Finding[]): Finding[] {
  const seen = new Map(findings.map((finding) => [`${finding.code} ${finding.message}`, finding]));
  return [...seen.values()];
}
