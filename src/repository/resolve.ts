/** Which snapshot a text means: an id, the beginning of one, `latest`, `latest~2`, or a time. */
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { byBytes } from './catalog/percent.ts';
import { chainsOf, type Chain } from './chain.ts';
import { parseLocalTime } from './local-time.ts';
import { isHeldBack } from './retention/freeze.ts';
import { readDecisions, type Decisions } from './retention/decisions.ts';
import type { SnapshotRef } from './names.ts';
import { listSnapshotRefs, readSnapshot, type StoredSnapshot } from './repository.ts';
import { hostFingerprint } from './signing.ts';
import type { Target } from './target.ts';

export interface ResolveOptions {
  /** Whose snapshots `latest` and times mean. */
  host: string;
  /** Public key of this host, 64 hex digits, where it has one. */
  own?: string | undefined;
  /** Public keys of hosts that are believed. */
  trust?: readonly string[];
  /** Gets what there is to say of the choice: that a partial snapshot was passed over, that one is damaged. */
  findings?: Finding[];
}

const SHOWN = 5;
const LATEST = /^latest(?:~(\d{1,9}))?$/;
const ID = /^[0-9a-f]{4,64}$/;

/**
 * The snapshot that is meant. Only as many are opened as the answer takes. `latest` and times mean the complete snapshots
 * of one host alone; an id means the one snapshot that has it, whatever it is.
 * @throws MailrecoverError `not-found`, `ambiguous`, `usage`, `refused` where only partial ones would fit, `damage`
 */
export async function resolveSnapshot(target: Target, text: string, options: ResolveOptions): Promise<StoredSnapshot> {
  const findings = options.findings ?? [];
  const latest = LATEST.exec(text);
  const time = latest === null ? parseLocalTime(text, 'end') : undefined;
  const lower = text.toLowerCase();
  if (latest === null && time === undefined && !ID.test(lower)) throw meansNothing(text);
  const refs = await listSnapshotRefs(target);
  if (refs.length === 0) {
    throw new MailrecoverError('not-found', 'the repository holds no snapshot', {
      hint: "make one: 'mailrecover backup'",
      subject: target.location,
    });
  }
  if (latest === null && time === undefined) return readSnapshot(target, byId(refs, lower));
  const chains = await ofHost(chainsOf(target, refs, findings), options, findings);
  return pick(chains, {
    text,
    time,
    skip: Number(latest?.[1] ?? 0),
    host: options.host,
    findings,
    isWaiting: waitsForPerson(target, options),
  });
}

function meansNothing(text: string): MailrecoverError {
  return new MailrecoverError('usage', `'${text}' does not name a snapshot`, {
    hint: "name it by its id (4 characters of it or more), 'latest', 'latest~2', or a time such as 2026-11-20 or '2026-11-20 03:00'; 'mailrecover snapshots' lists them",
    subject: text,
  });
}

function byId(refs: readonly SnapshotRef[], prefix: string): SnapshotRef {
  const found = refs.filter((ref) => ref.id.startsWith(prefix));
  const [only] = found;
  if (only === undefined) {
    throw new MailrecoverError('not-found', `there is no snapshot '${prefix}'`, {
      hint: "list them: 'mailrecover snapshots'",
      subject: prefix,
    });
  }
  if (found.length > 1) {
    const ids = found.slice(0, SHOWN).map((ref) => ref.id.slice(0, Math.max(16, prefix.length + 4)));
    throw new MailrecoverError('ambiguous', `'${prefix}' is the beginning of ${found.length} snapshots: ${ids.join(', ')}`, {
      hint: 'type more of the id',
      subject: prefix,
    });
  }
  return only;
}

/** The chains with snapshots of a host; those of keys that are believed alone, where there are any. */
async function ofHost(chains: readonly Chain[], options: ResolveOptions, findings: Finding[]): Promise<Chain[]> {
  const believed = new Set([options.own, ...(options.trust ?? [])].flatMap((key) => (key === undefined ? [] : [hostFingerprint(key)])));
  const heads = await Promise.all(chains.map(async (chain) => ({ chain, head: (await chain.readable(0))?.snapshot })));
  let mine = heads.filter(({ head }) => head?.host === options.host);
  // A key whose host was given another name since has older snapshots under the old one.
  if (mine.length === 0)
    mine = (await Promise.all(heads.map(async (each) => ((await hadName(each.chain, options.host)) ? [each] : [])))).flat();
  if (mine.length === 0) {
    const others = [...new Set(heads.flatMap(({ head }) => (head === undefined ? [] : [head.host])))].sort(byBytes);
    const named = others.slice(0, SHOWN).join(', ') + (others.length > SHOWN ? ' …' : '');
    throw new MailrecoverError(
      'not-found',
      `there is no snapshot of host '${options.host}'${others.length === 0 ? '' : `, only of: ${named}`}`,
      {
        hint:
          others[0] === undefined
            ? "see what is damaged: 'mailrecover check'"
            : others.length === 1
              ? `name the host with --host ${others[0]}, or a snapshot by its id`
              : `say whose snapshot you mean, such as --host ${others[0]}, or name one by its id: 'mailrecover snapshots' lists them`,
        subject: options.host,
      },
    );
  }
  const confirmed = mine.filter(({ chain }) => believed.has(chain.fingerprint));
  if (confirmed.length === 0 || confirmed.length === mine.length) return mine.map(({ chain }) => chain);
  for (const { chain, head } of mine) {
    if (believed.has(chain.fingerprint) || head === undefined) continue;
    findings.push({
      severity: 'warning',
      code: 'unconfirmed-key',
      message: `snapshots of host '${head.host}' that are signed by another key (${head.key.slice(0, 16)}…) were left out`,
      hint: "if it is a key that this host had before, compare it with the recovery sheet and add it to 'trust' in the configuration",
      subject: head.key,
    });
  }
  return confirmed.map(({ chain }) => chain);
}

async function hadName(chain: Chain, host: string): Promise<boolean> {
  for (let at = 1; at < chain.refs.length; at++) if ((await chain.open(at))?.host === host) return true;
  return false;
}

/** Goes through chains from the newest snapshot on; between chains, which have no order of their own, by time. */
async function* newestFirst(cursors: { chain: Chain; index: number }[], host: string | undefined): AsyncGenerator<StoredSnapshot> {
  for (;;) {
    let newest: { cursor: { chain: Chain; index: number }; snapshot: StoredSnapshot } | undefined;
    for (const cursor of cursors) {
      const found = await cursor.chain.readable(cursor.index);
      if (found === undefined) continue;
      cursor.index = found.index;
      if (newest === undefined || Date.parse(found.snapshot.time) > Date.parse(newest.snapshot.time))
        newest = { cursor, snapshot: found.snapshot };
    }
    if (newest === undefined) return;
    newest.cursor.index++;
    if (host === undefined || newest.snapshot.host === host) yield newest.snapshot;
  }
}

interface Asked {
  text: string;
  time: number | undefined;
  /** How many complete ones to leave aside. */
  skip: number;
  host: string;
  findings: Finding[];
  /** Whether a snapshot is out of the ordinary, and nobody approved it. */
  isWaiting: (snapshot: StoredSnapshot) => Promise<boolean>;
}

/** Approvals are read once, and only where a snapshot needs one. */
function waitsForPerson(target: Target, { own, trust = [] }: ResolveOptions): Asked['isWaiting'] {
  const believed = new Set([...trust, ...(own === undefined ? [] : [own])]);
  let decisions: Promise<Decisions> | undefined;
  return async (snapshot) => {
    if (snapshot.anomalies === undefined) return false;
    decisions ??= readDecisions(target, believed);
    return isHeldBack(snapshot, (await decisions).approvals, believed);
  };
}

async function pick(chains: readonly Chain[], { text, time, skip, host, findings, isWaiting }: Asked): Promise<StoredSnapshot> {
  const cursors = await Promise.all(chains.map(async (chain) => ({ chain, index: time === undefined ? 0 : await chain.indexAt(time) })));
  /** Passed over: partial, or out of the ordinary. */
  const partial: StoredSnapshot[] = [];
  let complete = 0;
  for await (const snapshot of newestFirst(cursors, host)) {
    if (snapshot.outcome === 'partial' || (await isWaiting(snapshot))) partial.push(snapshot);
    else if (complete++ === skip) {
      if (partial.length > 0 && skip === 0) findings.push(passedOver(partial, snapshot));
      return snapshot;
    }
  }
  const list = partial.slice(0, SHOWN).map(describe).join(', ');
  if (complete === 0 && partial.length > 0) {
    throw new MailrecoverError(
      'refused',
      `host '${host}' has only ${kindsOf(partial)} snapshots${time === undefined ? '' : ` at or before '${text}'`}: ${list}`,
      {
        hint: `they hold what could be read when they were made; to use the newest all the same, name it by its id: ${partial[0]?.id.slice(0, 12) ?? ''}${partial.some(({ anomalies }) => anomalies !== undefined) ? '; where all is as it should be: mailrecover approve SNAP --reason TEXT' : ''}`,
        subject: text,
      },
    );
  }
  const what =
    time === undefined
      ? `host '${host}' has only ${complete} complete ${complete === 1 ? 'snapshot' : 'snapshots'}`
      : `host '${host}' has no snapshot at or before '${text}'`;
  throw new MailrecoverError('not-found', what, { hint: "list them: 'mailrecover snapshots'", subject: text });
}

/** `partial`, `anomalous` or both, in words. */
function kindsOf(snapshots: readonly StoredSnapshot[]): string {
  const kinds = [
    ...(snapshots.some(({ outcome }) => outcome === 'partial') ? ['partial'] : []),
    ...(snapshots.some(({ anomalies }) => anomalies !== undefined) ? ['anomalous'] : []),
  ];
  return kinds.join(' or ');
}

function describe(snapshot: StoredSnapshot): string {
  const anomalies = snapshot.anomalies === undefined ? '' : `: ${snapshot.anomalies.join(', ')}`;
  return `${snapshot.id.slice(0, 12)} (${snapshot.time}${anomalies})`;
}

function passedOver(partial: readonly StoredSnapshot[], chosen: StoredSnapshot): Finding {
  const [newest] = partial;
  const what =
    newest === undefined
      ? ''
      : partial.length === 1
        ? `the newer snapshot ${describe(newest)} is ${kindsOf(partial)}`
        : `${partial.length} newer snapshots are ${kindsOf(partial)}, the newest is ${describe(newest)}`;
  return {
    severity: 'warning',
    code: partial.some(({ anomalies }) => anomalies !== undefined) ? 'anomalous-snapshot' : 'partial-snapshot',
    message: `${what}, so the complete one of ${chosen.time} is used`,
    hint: 'name a snapshot by its id to use it all the same',
    ...(newest === undefined ? {} : { subject: newest.id }),
  };
}

/**
 * The snapshots of a repository, oldest first, and what is damaged.
 * @param options.limit only so many of the newest; 0 for all
 * @param options.trusted public keys that are believed: others become findings
 */
export async function recentSnapshots(
  target: Target,
  options: { limit: number; host?: string | undefined; trusted: readonly (string | undefined)[] },
): Promise<{ snapshots: StoredSnapshot[]; findings: Finding[] }> {
  const findings: Finding[] = [];
  const cursors = chainsOf(target, await listSnapshotRefs(target), findings).map((chain) => ({ chain, index: 0 }));
  const snapshots: StoredSnapshot[] = [];
  for await (const snapshot of newestFirst(cursors, options.host)) {
    snapshots.push(snapshot);
    if (snapshots.length === options.limit) break;
  }
  for (const finding of findings) if (finding.code === 'damaged-snapshot') Object.assign(finding, { severity: 'error', code: 'damage' });
  if (options.trusted.some((key) => key !== undefined)) {
    const strange = new Map(snapshots.filter(({ key }) => !options.trusted.includes(key)).map((snapshot) => [snapshot.key, snapshot]));
    for (const [key, { host }] of strange)
      findings.push({
        severity: 'info',
        code: 'unconfirmed-key',
        message: `snapshots of host '${host}' are signed by a key that nobody has confirmed here: ${key}`,
        subject: key,
      });
  }
  return { snapshots: snapshots.reverse(), findings };
}

export interface TrustOptions {
  /** Public key of this host, where it has one. */
  own: string | undefined;
  trust: readonly string[];
  /** The name of this host: no other key may sign in it. */
  host?: string;
}

/**
 * What there is to say of the key that signed a snapshot.
 * @returns undefined where it is this host's own, or trusted
 * @throws MailrecoverError `refused` for a snapshot that says it is this host's and is signed by another key
 */
export function trustOf(snapshot: StoredSnapshot, { own, trust, host }: TrustOptions): Finding | undefined {
  if (snapshot.key === own || trust.includes(snapshot.key)) return undefined;
  const key = `${snapshot.key.slice(0, 16)}…`;
  const hint = `compare the key with the recovery sheet; if it is right, add it to 'trust' in the configuration: ${snapshot.key}`;
  if (own !== undefined && snapshot.host === host) {
    throw new MailrecoverError(
      'refused',
      `snapshot '${snapshot.id.slice(0, 12)}' says that it is of this host, but is signed by another key (${key})`,
      {
        hint,
        subject: snapshot.id,
      },
    );
  }
  return {
    severity: 'warning',
    code: 'unconfirmed-key',
    message: `snapshot '${snapshot.id.slice(0, 12)}' of host '${snapshot.host}' is signed by a key that nobody has confirmed here (${key})`,
    hint,
    subject: snapshot.id,
  };
}
