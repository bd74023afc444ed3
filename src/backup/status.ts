/** Could this server be lost now? What this host and its repository tell, and what is wrong with it. */
import type { Finding } from '../errors/finding.ts';
import { identityFileState } from '../repository/age/identity-file.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import { recentSnapshots } from '../repository/resolve.ts';
import { readDecisions } from '../repository/retention/decisions.ts';
import { freezeReasons, isHeldBack } from '../repository/retention/freeze.ts';
import { isoTime, now } from '../system/clock.ts';
import { allRuns, type KnownRun } from './all-runs.ts';
import { readKnown, type Known } from './known.ts';
import { growthOf, type Growth } from './status/growth.ts';
import { hostsOf, type HostStatus, type Proof } from './status/hosts.ts';
import { goalsOf, tellAge, tellProof, tellRoom, tellRuns, type Goal, type Goals } from './status/judge.ts';
import { uncovered, type CoverOptions } from './status/uncovered.ts';

const DAY = 86_400_000;
/** Snapshots that are looked at for what is strange in them. */
const RECENT = 50;

export interface StatusOptions {
  repository: Repository;
  /** The host that is asked about. */
  host: string;
  thisHost: string;
  state: string;
  keysRoot: string;
  recipients: number;
  trust: readonly string[];
  /** Files of private keys that the configuration names. */
  identities: readonly string[];
  deepEvery: number;
  goals: Goals;
  /** Directory of the repository, where it is one of this host. */
  directory: string | undefined;
  cover: Pick<CoverOptions, 'stores' | 'system'>;
  /** How many places for copies are configured. */
  copies: number;
  /** Also tell what is wrong with the other hosts that write here. */
  all: boolean;
  signal?: AbortSignal;
}

export interface Status {
  host: string;
  /** When the repository was made. */
  created: string;
  newest: HostStatus['newest'];
  ageSeconds: number | undefined;
  /** How many snapshots there are, of all hosts. */
  snapshots: number;
  size: Growth['size'];
  /** Bytes that backups of all hosts stored in the last seven days. */
  grownLastWeek: number;
  growth: Omit<Growth, 'size' | 'lastWeek'>;
  verified: Proof | undefined;
  verifiedWhole: Proof | undefined;
  lastRuns: HostStatus['lastRuns'];
  failures: KnownRun[];
  incomplete: KnownRun[];
  key: { confirmed: boolean; bareIdentity: boolean } | undefined;
  encrypted: boolean;
  recipients: number;
  /** When a backup next compares every file by itself, UTC; undefined where it never does, or none was made. */
  nextDeep: string | undefined;
  goals: { rpo?: Goal; rto?: Goal };
  /** Every host that writes into the repository. */
  hosts: HostStatus[];
  /** Runs of all hosts, oldest first. */
  runs: KnownRun[];
  findings: Finding[];
}

/** Looks, and changes nothing. Throws as reading the repository does. */
export async function backupStatus(options: StatusOptions): Promise<Status> {
  const { repository, host, thisHost, goals } = options;
  const { target } = repository;
  const findings: Finding[] = [];
  const known = await readKnown(options.keysRoot, options.state, { id: repository.id, location: target.location });
  const trusted = [known.key, ...options.trust];
  const runs = await allRuns(target, options.state, trusted, findings);
  // Nobody else may speak for this host; of others the repository is believed.
  const believed = (name: string, key: string): boolean => name !== thisHost || known.key === undefined || trusted.includes(key);
  const trust = new Set(trusted.filter((key) => key !== undefined));
  const { approvals } = await readDecisions(target, trust);
  // One that looks like the work of a virus is no backup to rely on until somebody approved of it.
  const isGood = (snapshot: StoredSnapshot): boolean => snapshot.outcome === 'complete' && !isHeldBack(snapshot, approvals, trust);
  const recent = await recentSnapshots(target, { limit: RECENT, host, trusted });
  findings.push(
    ...recent.findings,
    ...freezeReasons({ snapshots: recent.snapshots, approvals, believed: trust, now: now(), floodPerDay: 0 }),
  );
  const isTrusted = (signer: string): boolean => known.key === undefined || trust.has(signer);
  const hosts = await hostsOf(target, runs, { believed, trusted: isTrusted, isGood });
  findings.push(...tellStrangers(runs, isTrusted));
  const own = hosts.find((each) => each.host === host) ?? emptyHost(host);
  const growth = await growthOf(repository, runs, options.directory);
  const isThis = host === thisHost;
  findings.push(...tellAge(own, goals, repository.created), ...tellRuns(own), ...tellProof(own, goals, options.identities.length > 0));
  if (options.all)
    for (const each of hosts) if (each.host !== host) findings.push(...tellAge(each, goals, repository.created), ...tellRuns(each));
  findings.push(...tellRoom(growth, goals));
  const key = isThis && !known.denied.some((path) => path === options.keysRoot) ? tellKey(options, known, findings) : undefined;
  if (isThis) {
    const last = runs.findLast(
      ({ command, state, host: by }) => command === 'copy' && by === thisHost && (state === 'ok' || state === 'warning'),
    );
    const { signal, directory, cover } = options;
    findings.push(
      ...(await uncovered({
        ...cover,
        directory,
        copies: { places: options.copies, last: last?.startedAt },
        ...(signal === undefined ? {} : { signal }),
      })),
    );
  }
  const { size, lastWeek, ...rest } = growth;
  return {
    host,
    created: repository.created,
    newest: own.newest,
    ageSeconds: own.ageSeconds,
    snapshots: hosts.reduce((sum, each) => sum + each.snapshots, 0),
    size,
    grownLastWeek: lastWeek,
    growth: rest,
    verified: own.verified,
    verifiedWhole: own.verifiedWhole,
    lastRuns: own.lastRuns,
    failures: own.failures,
    incomplete: own.incomplete,
    key,
    encrypted: repository.encrypted,
    recipients: options.recipients,
    nextDeep:
      !isThis || options.deepEvery === 0 || known.state === undefined ? undefined : isoTime(known.state.deepAt + options.deepEvery * DAY),
    goals: goalsOf(goals, own),
    hosts,
    runs,
    findings,
  };
}

/** Proofs that do not count, since nobody said that their signer may be believed. */
function tellStrangers(runs: readonly KnownRun[], trusted: (key: string) => boolean): Finding[] {
  const strange = runs.filter(({ command, key }) => command === 'verify' && key !== undefined && !trusted(key));
  return [...new Map(strange.map((run) => [run.key, run])).values()].map(({ host, key = '' }) => ({
    severity: 'info',
    code: 'unconfirmed-proof',
    message: `verifications by host '${host}' do not count: they are signed by a key that nobody has confirmed here`,
    hint: `if it is that host's key, add it to 'trust' in the configuration: ${key}`,
    subject: key,
  }));
}

function emptyHost(host: string): HostStatus {
  const lastRuns = { backup: undefined, verify: undefined, check: undefined };
  const nothing = {
    key: undefined,
    newest: undefined,
    ageSeconds: undefined,
    partial: undefined,
    verified: undefined,
    verifiedWhole: undefined,
  };
  return { host, ...nothing, snapshots: 0, proofs: [], runs: [], lastRuns, failures: [], incomplete: [], running: [] };
}

function tellKey({ identities }: StatusOptions, { facts }: Known, findings: Finding[]): NonNullable<Status['key']> {
  const files = new Set([...identities, ...(facts?.made === undefined ? [] : [facts.made.identityFile])]);
  const bare = [...files].filter((file) => identityFileState(file) === 'bare');
  const confirmed = facts?.made === undefined || facts.confirmed !== undefined;
  if (!confirmed) {
    findings.push({
      severity: 'warning',
      code: 'key-unconfirmed',
      message: 'nobody has confirmed that the private key was written down; without it no backup can be read',
      hint: 'print the recovery sheet, keep it away from this host, then: mailrecover key confirm',
    });
  }
  for (const file of bare) {
    findings.push({
      severity: 'warning',
      code: 'bare-identity',
      message: `a private key lies bare on this host: ${file}`,
      hint:
        facts?.made?.identityFile === file
          ? 'remove it once it is on paper: mailrecover key confirm'
          : 'wrap it in a passphrase, or remove it',
      subject: file,
    });
  }
  return { confirmed, bareIdentity: bare.length > 0 };
}
