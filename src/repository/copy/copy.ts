/**
 * Copying snapshots from one repository to another as they are stored: no object is opened, so no key is needed, and signatures
 * stay what they are. What is there already is not read.
 */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Progress } from '../../system/progress.ts';
import type { HeldLock } from '../care/lock.ts';
import { listRecordRefs, readRecords, textOf, writeRecord, type Author } from '../care/record.ts';
import { inParallel } from '../in-parallel.ts';
import { objectPath } from '../names.ts';
import { listSnapshots, type Repository, type StoredSnapshot } from '../repository.ts';
import { forgottenSpans } from '../check/records.ts';
import { mergeSpans, spansOf, type Span } from '../retention/spans.ts';
import { hostFingerprint } from '../signing.ts';
import { snapshotPath } from '../names.ts';
import type { Target } from '../target.ts';
import { copyRuns } from './runs.ts';

/** Objects that are on their way at the same time. */
const AT_ONCE = 4;
/** The reason in a `forget` record of snapshots that were left out, not forgotten. */
const LEFT_OUT = 'not copied';

export interface CopyOptions {
  from: Repository;
  to: Repository;
  /** Only snapshots of this host. */
  host: string | undefined;
  /** Only snapshots from this time on, milliseconds since 1970. */
  since: number | undefined;
  author: Author;
  /** Public keys of this host and of those that it trusts. */
  believed: ReadonlySet<string>;
  progress: Progress;
  signal?: AbortSignal;
}

export interface CopyPlan {
  /** To be copied, each chain oldest first. */
  snapshots: (StoredSnapshot & { path: string })[];
  /** Missing objects, by path, with their sizes. */
  objects: Map<string, number>;
  bytes: number;
  /** Snapshots that are there already. */
  present: number;
  /** Snapshots that were forgotten there. */
  forgotten: number;
  findings: Finding[];
  /** What lies there, by path. */
  holdings: Map<string, number>;
}

function objectsOf(snapshot: Pick<StoredSnapshot, 'packs' | 'tags' | 'catalogs'>): { path: string; size: number }[] {
  return (['packs', 'tags', 'catalogs'] as const).flatMap((list) =>
    snapshot[list].map(({ name, size }) => ({
      path: objectPath(list === 'packs' ? 'pack' : list === 'tags' ? 'tags' : 'catalog', name),
      size,
    })),
  );
}

function pathOf({ key, sequence, id }: StoredSnapshot): string {
  return snapshotPath(hostFingerprint(key), sequence, id);
}

/** What a copy would do. @throws MailrecoverError `refused` where one of them is encrypted and the other is not */
export async function planCopy({ from, to, host, since, believed }: CopyOptions): Promise<CopyPlan> {
  if (from.encrypted !== to.encrypted)
    throw new MailrecoverError('refused', 'one of the two repositories is encrypted and the other is not, and a copy changes nothing', {
      hint: 'copy into a new, empty place',
      subject: to.target.location,
    });
  const holdings = new Map<string, number>();
  for await (const { path, size } of to.target.list('')) holdings.set(path, size);
  const records = await readRecords(to.target, ['forget']);
  const gone = forgottenSpans(
    records.filter(({ fields }) => fields['reason'] !== LEFT_OUT),
    believed,
  );
  const { snapshots, bad } = await listSnapshots(from.target);
  const plan: CopyPlan = { snapshots: [], objects: new Map(), bytes: 0, present: 0, forgotten: 0, findings: [], holdings };
  for (const { path, error } of bad)
    plan.findings.push({
      severity: 'error',
      code: 'damage',
      message: `a snapshot is damaged, and was not copied: ${error.message}`,
      hint: "see what else is damaged: 'mailrecover check'",
      subject: path,
    });
  for (const snapshot of snapshots) {
    if ((host !== undefined && snapshot.host !== host) || (since !== undefined && Date.parse(snapshot.time) < since)) continue;
    const path = pathOf(snapshot);
    const chain = hostFingerprint(snapshot.key);
    if (holdings.has(path)) plan.present++;
    else if (gone.some((span) => span.chain === chain && span.first <= snapshot.sequence && snapshot.sequence <= span.last))
      plan.forgotten++;
    else {
      plan.snapshots.push({ ...snapshot, path });
      for (const object of objectsOf(snapshot)) if (holdings.get(object.path) !== object.size) plan.objects.set(object.path, object.size);
    }
  }
  plan.bytes = [...plan.objects.values()].reduce((sum, size) => sum + size, 0);
  return plan;
}

export interface CopyReport {
  snapshots: number;
  objects: number;
  bytes: number;
  findings: Finding[];
}

/** Carries a plan out. When it is killed, what arrived is there, and the next run goes on. */
export async function copySnapshots(options: CopyOptions, plan: CopyPlan, lock: HeldLock): Promise<CopyReport> {
  const { from, to, progress, signal } = options;
  const { holdings } = plan;
  const report: CopyReport = { snapshots: 0, objects: 0, bytes: 0, findings: [...plan.findings] };
  await copySmall(options, holdings);
  progress.phase('copying', { items: plan.objects.size, bytes: plan.bytes });
  for (const snapshot of plan.snapshots) {
    signal?.throwIfAborted();
    await lock.confirm();
    try {
      const missing = objectsOf(snapshot).filter(({ path, size }) => holdings.get(path) !== size);
      await inParallel(missing, AT_ONCE, async ({ path, size }) => {
        signal?.throwIfAborted();
        await copyObject(from.target, to.target, path, size);
        holdings.set(path, size);
        report.objects++;
        report.bytes += size;
        progress.advance(1, size);
      });
      const bytes = await soundBytes(from.target, snapshot.path, snapshot.id);
      await to.target.put(snapshot.path, bytes);
      holdings.set(snapshot.path, bytes.length);
      report.snapshots++;
    } catch (error) {
      if (!(error instanceof MailrecoverError) || !['damage', 'not-found'].includes(error.code)) throw error;
      // Forgotten at the source while this ran: then its objects may go, too.
      if ((await from.target.size(snapshot.path)) === undefined) continue;
      report.findings.push({
        severity: 'error',
        code: 'damage',
        message: `snapshot ${snapshot.id.slice(0, 12)} of host '${snapshot.host}' (${snapshot.time}) was not copied: ${error.message}`,
        hint: "see what it costs: 'mailrecover check --read-data'",
        subject: snapshot.id,
      });
    }
  }
  await copyRecords(options, holdings);
  await recordLeftOut(options);
  await copyRuns(from.target, to.target, options.believed);
  await compare(to.target, plan, report);
  return report;
}

async function soundBytes(target: Target, path: string, sha: string): Promise<Buffer> {
  const bytes = await target.get(path);
  if (createHash('sha256').update(bytes).digest('hex') !== sha)
    throw new MailrecoverError('damage', `'${path}' is damaged at the source`, { subject: path });
  return bytes;
}

async function copyObject(from: Target, to: Target, path: string, size: number): Promise<void> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const bytes = await soundBytes(from, path, name.slice(0, 64));
  if (bytes.length !== size) throw new MailrecoverError('damage', `'${path}' has another size than the snapshot says`, { subject: path });
  await to.put(path, bytes);
}

/** Keys of hosts, and the wrapped dedup secrets. A host that is copied, and did not write there before, is none that prune must wait for. */
async function copySmall({ from, to, author, host, believed }: CopyOptions, holdings: Map<string, number>): Promise<void> {
  for await (const { path, size } of from.target.list('keys'))
    if (holdings.get(path) !== size) await to.target.put(path, await from.target.get(path));
  const named = new Set(
    (await readRecords(to.target, ['copy'])).filter(({ key }) => believed.has(key)).map(({ fields }) => textOf(fields, 'chain')),
  );
  for await (const { path } of from.target.list('hosts')) {
    const chain = /^hosts\/([0-9a-f]{16})\.json$/.exec(path)?.[1];
    if (chain === undefined || holdings.has(path)) continue;
    const bytes = await from.target.get(path);
    if (host !== undefined && !bytes.toString('utf8').startsWith(`{"host":${JSON.stringify(host)},`)) continue;
    if (!named.has(chain)) await writeRecord(to.target, author, 'copy', { chain });
    await to.target.put(path, bytes);
    holdings.set(path, bytes.length);
  }
}

/** What was decided at the source, but for what concerns its objects alone. */
async function copyRecords({ from, to }: CopyOptions, holdings: ReadonlyMap<string, number>): Promise<void> {
  for (const { path, id } of await listRecordRefs(from.target, ['forget', 'hold', 'release', 'approve', 'erase']))
    if (!holdings.has(path)) await to.target.put(path, await soundBytes(from.target, path, id));
}

/** Writes down which snapshots were left out, so that nobody takes them for lost. */
async function recordLeftOut({ to, author, believed }: CopyOptions): Promise<void> {
  const records = await readRecords(to.target, ['forget']);
  const known = forgottenSpans(records, believed);
  const chains = Map.groupBy((await listSnapshots(to.target)).snapshots, ({ key }) => hostFingerprint(key));
  const spans: Span[] = [];
  for (const [chain, list] of chains) {
    let before = 0;
    for (const { sequence, parent } of list.toSorted((a, b) => a.sequence - b.sequence)) {
      const last = sequence - 1;
      const covered = known.some((span) => span.chain === chain && span.first <= last && last <= span.last);
      if (last > before && !covered) spans.push({ chain, first: before + 1, last, ids: parent === undefined ? [] : [parent] });
      before = sequence;
    }
  }
  if (spans.length === 0) return;
  const own = records.filter(({ key, fields }) => key === author.key.publicHex && fields['reason'] === LEFT_OUT);
  const all = mergeSpans([...own.flatMap((record) => spansOf(record)), ...spans]);
  const { path } = await writeRecord(
    to.target,
    author,
    'forget',
    { reason: LEFT_OUT },
    all.map((span) => ({ ...span })),
  );
  for (const old of own) if (old.path !== path) await to.target.remove(old.path).catch(() => undefined);
}

/** Lists the place once more, and holds it against what was to be there. */
async function compare(target: Target, { snapshots, holdings }: CopyPlan, report: CopyReport): Promise<void> {
  const there = new Map<string, number>();
  for await (const { path, size } of target.list('')) there.set(path, size);
  for (const snapshot of snapshots) {
    if (!holdings.has(snapshot.path)) continue;
    const lacking = [...objectsOf(snapshot), { path: snapshot.path, size: holdings.get(snapshot.path) ?? 0 }].find(
      ({ path, size }) => there.get(path) !== size,
    );
    if (lacking !== undefined)
      report.findings.push({
        severity: 'error',
        code: 'damage',
        message: `'${lacking.path}' was copied and is not there, or is of another size`,
        hint: 'run the copy again; and find out who removes objects there',
        subject: lacking.path,
      });
  }
}
