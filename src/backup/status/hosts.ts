/** How each host that writes into a repository stands, as the repository alone tells it. */
import { chainsOf, type Chain } from '../../repository/chain.ts';
import { listSnapshotRefs, type StoredSnapshot } from '../../repository/repository.ts';
import type { Target } from '../../repository/target.ts';
import { now } from '../../system/clock.ts';
import type { KnownRun } from '../all-runs.ts';
import { summarize, type RunSummary } from './runs.ts';

/** Snapshots that are opened in search of the newest complete one. */
const RECENT = 50;
const LEVELS = ['files', 'mail', 'server'];

/** A verification that ended well. */
export interface Proof {
  snapshot: string;
  level: string;
  /** `part` where not every mailbox was proved. */
  scope: string;
  time: string;
  /** The host that proved it. */
  by: string;
  /** How long that took. */
  seconds: number | undefined;
}

export interface HostStatus extends RunSummary {
  host: string;
  /** Public key that signs its snapshots, 64 hex digits. */
  key: string | undefined;
  newest: { id: string; time: string; host: string; messages: number; bytes: number } | undefined;
  ageSeconds: number | undefined;
  /** A partial snapshot that is newer than that. */
  partial: { id: string; time: string } | undefined;
  snapshots: number;
  /** The newest proof, at whatever level and of however many mailboxes. */
  verified: Proof | undefined;
  /** The newest proof of all mailboxes: what a restore takes. */
  verifiedWhole: Proof | undefined;
  /** All of them, oldest first. */
  proofs: Proof[];
  /** All runs of the host, oldest first, without those that somebody else claims for it. */
  runs: KnownRun[];
}

interface OpenedChain {
  chain: Chain;
  newest: StoredSnapshot | undefined;
  head: StoredSnapshot | undefined;
}

async function opened(chain: Chain, isGood: (snapshot: StoredSnapshot) => boolean): Promise<OpenedChain> {
  let head: StoredSnapshot | undefined;
  for (let at = 0; at < Math.min(chain.refs.length, RECENT); at++) {
    const snapshot = await chain.open(at);
    head ??= snapshot;
    if (snapshot !== undefined && isGood(snapshot)) return { chain, newest: snapshot, head };
  }
  return { chain, newest: undefined, head };
}

/** What counts. */
export interface Rules {
  /** Whether a key may speak for a host; snapshots of others that say so are left out. */
  believed: (host: string, key: string) => boolean;
  /** Whether a proof that was signed by this key counts. */
  trusted: (key: string) => boolean;
  /** Whether a snapshot is one to rely on. */
  isGood: (snapshot: StoredSnapshot) => boolean;
}

/** @param runs of all hosts, oldest first */
export async function hostsOf(target: Target, runs: readonly KnownRun[], { believed, trusted, isGood }: Rules): Promise<HostStatus[]> {
  const refs = await listSnapshotRefs(target);
  // What is damaged is told by whoever lists the snapshots.
  const all = await Promise.all(chainsOf(target, refs, []).map((chain) => opened(chain, isGood)));
  const chains = all.filter(({ head }) => head !== undefined && believed(head.host, head.key));
  const byHost = Map.groupBy(chains, ({ head }) => head?.host ?? '');
  const ids = new Map(chains.flatMap(({ chain, head }) => chain.refs.map((ref) => [ref.id, head?.host ?? ''] as const)));
  const proofs = proofsByHost(
    runs.filter(({ key }) => key === undefined || trusted(key)),
    ids,
  );
  const mayTell = ({ key, host }: KnownRun): boolean => key === undefined || believed(host, key);
  const names = new Set([...byHost.keys(), ...runs.filter(mayTell).map(({ host }) => host)]);
  return [...names].sort().map((host) => {
    const own = byHost.get(host) ?? [];
    const time = (snapshot: StoredSnapshot | undefined): number => (snapshot === undefined ? -Infinity : Date.parse(snapshot.time));
    const newest = own.map((each) => each.newest).reduce((last, next) => (time(next) > time(last) ? next : last), undefined);
    const head = own.map((each) => each.head).reduce((last, next) => (time(next) > time(last) ? next : last), undefined);
    const proved = proofs.get(host) ?? [];
    const told = runs.filter((run) => run.host === host && mayTell(run));
    return {
      host,
      key: head?.key,
      newest:
        newest === undefined
          ? undefined
          : { id: newest.id, time: newest.time, host, messages: newest.counts.messages, bytes: newest.counts.bytes },
      ageSeconds: newest === undefined ? undefined : Math.max(0, Math.round((now() - time(newest)) / 1000)),
      partial: head?.outcome === 'partial' ? { id: head.id, time: head.time } : undefined,
      snapshots: own.reduce((sum, { chain }) => sum + chain.refs.length, 0),
      verified: proved.at(-1),
      verifiedWhole: proved.findLast(({ scope }) => scope !== 'part'),
      proofs: proved,
      runs: told,
      ...summarize(told),
    };
  });
}

/** A proof counts for the host whose snapshot was proved, wherever that was done. */
function proofsByHost(runs: readonly KnownRun[], ids: ReadonlyMap<string, string>): Map<string, Proof[]> {
  const proofs = new Map<string, Proof[]>();
  for (const run of runs) {
    if (run.command !== 'verify' || (run.state !== 'ok' && run.state !== 'warning')) continue;
    const { snapshot = '', level = '', scope = 'all' } = run.subject ?? {};
    if (!LEVELS.includes(level)) continue;
    const { startedAt, finishedAt } = run;
    const host = ids.get(snapshot) ?? run.host;
    const seconds = finishedAt === undefined ? undefined : Math.round((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
    const proof: Proof = { snapshot, level, scope, time: finishedAt ?? startedAt, by: run.host, seconds };
    proofs.set(host, [...(proofs.get(host) ?? []), proof]);
  }
  return proofs;
}
