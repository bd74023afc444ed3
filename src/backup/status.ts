/** Whether backups are as they should be: what this host and its repository tell, and what is wrong with it. */
import type { Finding } from '../errors/finding.ts';
import { identityFileState } from '../repository/age/identity-file.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import { recentSnapshots } from '../repository/resolve.ts';
import { listSnapshotRefs } from '../repository/repository.ts';
import { readDecisions } from '../repository/retention/decisions.ts';
import { freezeReasons, isHeldBack } from '../repository/retention/freeze.ts';
import { readRuns, type Run } from '../report/history.ts';
import { now } from '../system/clock.ts';
import { readKnown } from './known.ts';

const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Without a goal in the configuration, a newest snapshot that is older than this is a warning. */
const OLD = 26 * HOUR;
/** A proof that is older than this is a warning. */
const STALE_PROOF = 35 * DAY;
/** Snapshots looked at for the newest complete one. */
const RECENT = 50;

export interface StatusOptions {
  repository: Repository;
  host: string;
  state: string;
  keysRoot: string;
  recipients: number;
  trust: readonly string[];
  /** Files of private keys that the configuration names. */
  identities: readonly string[];
  deepEvery: number;
  /** Seconds. */
  goals: { rpo?: number | undefined; rto?: number | undefined };
}

export interface Goal {
  goalSeconds: number;
  actualSeconds: number | undefined;
  met: boolean;
}

export interface Status {
  newest: { id: string; time: string; host: string; messages: number; bytes: number } | undefined;
  ageSeconds: number | undefined;
  snapshots: number;
  /** Bytes and objects of the whole repository. */
  size: { bytes: number; objects: number };
  /** Bytes that backups stored in the last seven days. */
  grownLastWeek: number;
  verified: { snapshot: string; level: string; time: string } | undefined;
  lastRuns: Record<'backup' | 'verify' | 'check', Run | undefined>;
  key: { confirmed: boolean; bareIdentity: boolean };
  encrypted: boolean;
  recipients: number;
  /** When a backup next compares every file by itself, UTC; undefined where it never does, or none was made. */
  nextDeep: string | undefined;
  goals: { rpo?: Goal; rto?: Goal };
  findings: Finding[];
}

/** Looks, and changes nothing. Throws as reading the repository does. */
export async function backupStatus(options: StatusOptions): Promise<Status> {
  const { repository, host, keysRoot } = options;
  const { target } = repository;
  const findings: Finding[] = [];
  const known = await readKnown(keysRoot, options.state, { id: repository.id, location: target.location });
  const recent = await recentSnapshots(target, { limit: RECENT, host, trusted: [known.key, ...options.trust] });
  findings.push(...recent.findings);
  const own = recent.snapshots
    .toReversed()
    .filter(({ key }) => known.key === undefined || key === known.key || options.trust.includes(key));
  const believed = new Set([...(known.key === undefined ? [] : [known.key]), ...options.trust]);
  const { approvals } = await readDecisions(target, believed);
  const newest = own.find((snapshot) => snapshot.outcome === 'complete' && !isHeldBack(snapshot, approvals, believed));
  findings.push(...freezeReasons({ snapshots: recent.snapshots, approvals, believed, now: now(), floodPerDay: 0 }));
  const age = newest === undefined ? undefined : Math.max(0, now() - Date.parse(newest.time));
  const runs = readRuns(options.state);
  const goals = goalsOf(options.goals, age, lastProof(runs));
  tellAge(own, newest, age, options.goals.rpo, repository.created, findings);
  tellRuns(runs, newest, findings);
  tellProof(runs, options.identities.length > 0, newest !== undefined, findings);
  const key = tellKey(options, known.facts, findings);
  return {
    newest:
      newest === undefined
        ? undefined
        : { id: newest.id, time: newest.time, host: newest.host, messages: newest.counts.messages, bytes: newest.counts.bytes },
    ageSeconds: age === undefined ? undefined : Math.round(age / SECOND),
    snapshots: (await listSnapshotRefs(target)).length,
    size: await sizeOf(repository),
    grownLastWeek: runs
      .filter((run) => run.command === 'backup' && now() - Date.parse(run.startedAt) < 7 * DAY)
      .reduce((sum, run) => sum + (run.counts['bytesStored'] ?? 0), 0),
    verified: proofOf(lastProof(runs)),
    lastRuns: { backup: lastRun(runs, 'backup'), verify: lastRun(runs, 'verify'), check: lastRun(runs, 'check') },
    key,
    encrypted: repository.encrypted,
    recipients: options.recipients,
    nextDeep:
      options.deepEvery === 0 || known.state === undefined
        ? undefined
        : new Date(known.state.deepAt + options.deepEvery * DAY).toISOString(),
    goals,
    findings,
  };
}

async function sizeOf({ target }: Repository): Promise<Status['size']> {
  const size = { bytes: 0, objects: 0 };
  for await (const { size: bytes } of target.list('')) {
    size.bytes += bytes;
    size.objects++;
  }
  return size;
}

function lastRun(runs: readonly Run[], command: string): Run | undefined {
  return runs.findLast((run) => run.command === command && run.state !== 'running');
}

function lastProof(runs: readonly Run[]): Run | undefined {
  return runs.findLast((run) => run.command === 'verify' && (run.state === 'ok' || run.state === 'warning'));
}

function proofOf(run: Run | undefined): Status['verified'] {
  return run === undefined
    ? undefined
    : { snapshot: run.subject?.['snapshot'] ?? '', level: run.subject?.['level'] ?? '', time: run.finishedAt ?? run.startedAt };
}

function goalsOf({ rpo, rto }: StatusOptions['goals'], age: number | undefined, proof: Run | undefined): Status['goals'] {
  const goal = (goalSeconds: number, actual: number | undefined): Goal => {
    const actualSeconds = actual === undefined ? undefined : Math.round(actual / SECOND);
    return { goalSeconds, actualSeconds, met: actualSeconds !== undefined && actualSeconds <= goalSeconds };
  };
  const took = proof?.finishedAt === undefined ? undefined : Date.parse(proof.finishedAt) - Date.parse(proof.startedAt);
  return { ...(rpo === undefined ? {} : { rpo: goal(rpo, age) }), ...(rto === undefined ? {} : { rto: goal(rto, took) }) };
}

function tellAge(
  own: readonly StoredSnapshot[],
  newest: StoredSnapshot | undefined,
  age: number | undefined,
  rpo: number | undefined,
  created: string,
  findings: Finding[],
): void {
  const hint = "make one: 'mailrecover backup'; see why there was none: 'mailrecover history'";
  if (newest === undefined || age === undefined) {
    const isNew = now() - Date.parse(created) < DAY;
    const what = own.length === 0 ? 'there is no backup yet' : 'there are only backups that are partial or out of the ordinary';
    findings.push({ severity: isNew ? 'warning' : 'error', code: 'no-backup', message: what, hint });
  } else if (rpo !== undefined && age > rpo * SECOND) {
    findings.push({
      severity: 'error',
      code: 'backup-old',
      message: `the newest complete backup is older than the goal of ${rpo} s: it is of ${newest.time}`,
      hint,
      subject: newest.id,
    });
  } else if (rpo === undefined && age > OLD) {
    findings.push({
      severity: 'warning',
      code: 'backup-old',
      message: `the newest complete backup is more than a day old: it is of ${newest.time}`,
      hint,
      subject: newest.id,
    });
  }
  const [last] = own;
  if (newest !== undefined && last !== undefined && last.outcome === 'partial')
    findings.push({
      severity: 'warning',
      code: 'partial-snapshot',
      message: 'something could not be read by the newest backup',
      hint: "run it again and read what it names: 'mailrecover backup'",
      subject: last.id,
    });
}

function tellRuns(runs: readonly Run[], newest: StoredSnapshot | undefined, findings: Finding[]): void {
  const last = lastRun(runs, 'backup');
  if (last !== undefined && ['failed', 'incomplete'].includes(last.state)) {
    const said = last.error === undefined ? '' : `: ${last.error.message}`;
    const what = last.state === 'failed' ? 'failed' : 'did not come to its end';
    findings.push({
      severity: newest === undefined ? 'error' : 'warning',
      code: 'last-backup',
      message: `the last backup (${last.startedAt}) ${what}${said}`,
      hint: "run it again: 'mailrecover backup'",
    });
  }
  const check = lastRun(runs, 'check');
  if (check?.exitCode === 4)
    findings.push({
      severity: 'error',
      code: 'damage',
      message: `the last check (${check.startedAt}) found damage`,
      hint: "see which: 'mailrecover check --read-data'",
    });
  const verify = lastRun(runs, 'verify');
  if (verify !== undefined && ['failed', 'partial', 'incomplete'].includes(verify.state))
    findings.push({
      severity: verify.state === 'failed' ? 'error' : 'warning',
      code: 'last-verify',
      message: `the last verification (${verify.startedAt}) ended ${verify.state}`,
      hint: "run it again: 'mailrecover verify'",
    });
}

function tellProof(runs: readonly Run[], provesHere: boolean, hasBackup: boolean, findings: Finding[]): void {
  if (!hasBackup) return;
  const proof = lastProof(runs);
  const hint = "prove it: 'mailrecover verify --level server'";
  // Where no key is, another host verifies.
  const severity = provesHere || proof !== undefined ? 'warning' : 'info';
  if (proof === undefined) findings.push({ severity, code: 'never-verified', message: 'no backup was ever verified on this host', hint });
  else if (now() - Date.parse(proof.startedAt) > STALE_PROOF)
    findings.push({ severity, code: 'verify-old', message: `the last verification was on ${proof.startedAt}`, hint });
}

function tellKey(
  { identities }: StatusOptions,
  facts: { made?: { identityFile: string; sheetFile: string }; confirmed?: string } | undefined,
  findings: Finding[],
): Status['key'] {
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
