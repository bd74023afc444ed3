/**
 * Giving space back: what no snapshot needs is marked, and removed by a later run, once every host that writes here is known
 * to keep away from it. Whole objects only, and without a key.
 */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { now } from '../../system/clock.ts';
import type { Progress } from '../../system/progress.ts';
import type { HeldLock } from '../care/lock.ts';
import { textOf, writeRecord, type Author, type StoredRecord } from '../care/record.ts';
import type { Repository } from '../repository.ts';
import { surveyRepository, type Survey, type SurveyOptions } from '../retention/survey.ts';
import { hostFingerprint } from '../signing.ts';
import type { Target } from '../target.ts';
import { markOf, type Mark } from './marks.ts';

/** After so many refusals in a row the place is taken to let nothing be removed. */
const REFUSALS = 50;

export interface PruneOptions extends SurveyOptions {
  author: Author;
  /** Seconds between marking and removing, at least. */
  wait: number;
  /** Whether no backup of this host can be running: its own lock is held. */
  alone: boolean;
  progress: Progress;
}

export interface Amount {
  objects: number;
  bytes: number;
}

export interface PendingMark {
  id: string;
  host: string;
  time: string;
  left: Amount;
  /** Named by a snapshot since, so they stay. */
  rescued: number;
  /** UTC; when it may be carried out at the earliest, as far as time goes. */
  from: string;
  /** Hosts that have not made a snapshot since it was written. */
  waitsFor: { fingerprint: string; host: string; newest: string | undefined }[];
  due: boolean;
}

export interface PrunePlan {
  survey: Survey;
  needed: Amount;
  /** What is not needed and not marked yet, by path. */
  unmarked: Map<string, number>;
  marks: PendingMark[];
  /** What may be removed now, by path. */
  removable: Map<string, number>;
}

function amountOf(sizes: ReadonlyMap<string, number>): Amount {
  let bytes = 0;
  for (const size of sizes.values()) bytes += size;
  return { objects: sizes.size, bytes };
}

/** Objects that no snapshot needs, unfinished writes and snapshots in whose place others stand. */
function unneededOf({ listing, checked }: Survey): Map<string, number> {
  const unneeded = new Map(listing.unfinished.sizes);
  for (const [path, kind] of listing.kinds) {
    const isObject = kind === 'pack' || kind === 'tags' || kind === 'catalog';
    if ((isObject && !checked.needs.has(path)) || checked.superseded.has(path)) unneeded.set(path, listing.sizes.get(path) ?? 0);
  }
  return unneeded;
}

/** Hosts that write here, by fingerprint: those that are registered, and those that a mark names. */
async function writersOf(target: Target, marks: readonly Mark[], copied: ReadonlySet<string>): Promise<Map<string, string>> {
  const writers = new Map<string, string>();
  for (const mark of marks) for (const fingerprint of mark.hosts) writers.set(fingerprint, '');
  for await (const { path } of target.list('hosts')) {
    const fingerprint = /^hosts\/([0-9a-f]{16})\.json$/.exec(path)?.[1];
    if (fingerprint === undefined || copied.has(fingerprint)) continue;
    let name = '';
    try {
      const { host } = JSON.parse((await target.get(path)).toString('utf8')) as { host?: unknown };
      if (typeof host === 'string') name = host;
    } catch {
      // Its fingerprint will do.
    }
    writers.set(fingerprint, name);
  }
  return writers;
}

/** Hosts whose snapshots are only copied here, by fingerprint: a backup of theirs that came here would take the record away first. */
function copiedHosts(records: readonly StoredRecord[], believed: ReadonlySet<string>): Set<string> {
  return new Set(records.filter(({ kind, key }) => kind === 'copy' && believed.has(key)).map(({ fields }) => textOf(fields, 'chain')));
}

/** Looks at what there is, and plans; changes nothing. */
export async function planPrune(options: PruneOptions): Promise<PrunePlan> {
  const { repository, author, alone, believed } = options;
  const survey = await surveyRepository(options);
  const { checked, decisions } = survey;
  const marks = survey.records.filter(({ kind, key }) => kind === 'mark' && believed.has(key)).map(markOf);
  // Hosts are listed after the marks: one that comes later sees the marks from its start on.
  const writers = await writersOf(repository.target, marks, copiedHosts(survey.records, believed));
  const own = hostFingerprint(author.key.publicHex);
  const unneeded = unneededOf(survey);
  const unmarked = new Map(unneeded);
  const removable = new Map<string, number>();
  const pending: PendingMark[] = [];
  for (const mark of marks) {
    const left = new Map<string, number>();
    let rescued = 0;
    for (const path of mark.objects.keys()) {
      const size = unneeded.get(path);
      unmarked.delete(path);
      if (size !== undefined) left.set(path, size);
      else if (survey.listing.sizes.has(path)) rescued++;
    }
    const waitsFor = [...writers].flatMap(([fingerprint, host]) => {
      if (fingerprint === own && alone) return [];
      const chain = checked.heads.filter(({ key }) => hostFingerprint(key) === fingerprint);
      if (chain.some(({ marks: said }) => said?.includes(mark.id) === true)) return [];
      const newest = chain.reduce<(typeof chain)[number] | undefined>(
        (a, b) => (a === undefined || b.sequence > a.sequence ? b : a),
        undefined,
      );
      const reached = decisions.gone.get(fingerprint);
      if (reached !== undefined && (newest?.sequence ?? 0) <= reached) return [];
      return [{ fingerprint, host: host === '' ? (newest?.host ?? fingerprint) : host, newest: newest?.time }];
    });
    const from = Date.parse(mark.time) + options.wait * 1000;
    const due = waitsFor.length === 0 && now() >= from;
    if (due) for (const [path, size] of left) removable.set(path, size);
    const { id, host, time } = mark;
    pending.push({ id, host, time, left: amountOf(left), rescued, from: new Date(from).toISOString(), waitsFor, due });
  }
  const needed = new Map([...checked.needs].map(([path, { size }]) => [path, size]));
  return { survey, needed: amountOf(needed), unmarked, marks: pending, removable };
}

export interface PruneReport {
  removed: Amount;
  marked: Amount;
  /** What was due and could not be removed. */
  left: Amount;
  findings: Finding[];
}

/** Carries a plan out, under the lock of the repository: removes what is due, after one more look, and marks what is new. */
export async function prune(options: PruneOptions, plan: PrunePlan, lock: HeldLock): Promise<PruneReport> {
  const { repository, author } = options;
  const { target } = repository;
  const findings: Finding[] = [];
  const report: PruneReport = {
    removed: { objects: 0, bytes: 0 },
    marked: amountOf(plan.unmarked),
    left: { objects: 0, bytes: 0 },
    findings,
  };
  if (plan.unmarked.size > 0) await writeMark(repository, author, plan.unmarked, copiedHosts(plan.survey.records, options.believed));
  // Time has passed since the plan was shown, and without a wait the new mark may be due at once.
  const latest = await planPrune(options);
  if (latest.survey.frozen.length > 0)
    throw new MailrecoverError('refused', `prune stopped before it removed anything: ${latest.survey.frozen[0]?.message ?? ''}`, {
      hint: "see why: 'mailrecover status'",
    });
  await removeAll(options, latest.removable, lock, report);
  await tidyMarks(target, latest, report);
  return report;
}

/** Writes down what is going to be removed. */
export async function writeMark(
  repository: Repository,
  author: Author,
  objects: ReadonlyMap<string, number>,
  copied: ReadonlySet<string>,
): Promise<{ id: string; path: string }> {
  const hosts = [...(await writersOf(repository.target, [], copied)).keys()].sort();
  const lines = [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([object, size]) => ({ object, size }));
  return writeRecord(repository.target, author, 'mark', { hosts }, lines);
}

/** Tags go before the packs that they speak of, so that nothing speaks of what is gone. */
function rankOf(path: string): number {
  return ['snapshots/', 'tags/', 'catalogs/'].findIndex((folder) => path.startsWith(folder)) + (path.startsWith('packs/') ? 4 : 0);
}

async function removeAll(
  { repository, progress, signal }: PruneOptions,
  objects: ReadonlyMap<string, number>,
  lock: HeldLock,
  report: PruneReport,
): Promise<void> {
  progress.phase('removing', { items: objects.size });
  let refusals = 0;
  let reason = '';
  let since = 0;
  for (const [path, size] of [...objects].sort(([a], [b]) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))) {
    signal?.throwIfAborted();
    if (since++ % 100 === 0) await lock.confirm();
    if (refusals < REFUSALS) {
      try {
        await repository.target.remove(path);
        report.removed.objects++;
        report.removed.bytes += size;
        refusals = 0;
        progress.advance(1, size);
        continue;
      } catch (error) {
        if (!(error instanceof MailrecoverError) || error.code === 'unreachable') throw error;
        refusals++;
        reason = error.message;
      }
    }
    report.left.objects++;
    report.left.bytes += size;
  }
  if (report.left.objects > 0)
    report.findings.push({
      severity: 'warning',
      code: 'not-removed',
      message: `${report.left.objects} objects of ${report.left.bytes} bytes could not be removed: ${reason}`,
      hint: 'an append-only or locked place lets nothing be removed; they stay marked, and the next prune tries again',
    });
}

/** Marks of which nothing is left are done. */
async function tidyMarks(target: Target, { marks, survey, removable }: PrunePlan, report: PruneReport): Promise<void> {
  if (report.left.objects > 0) return;
  for (const { id, due, left } of marks) {
    const path = survey.records.find((record) => record.id === id)?.path;
    if (path === undefined || !(left.objects === 0 || (due && removable.size > 0))) continue;
    await target.remove(path).catch(() => undefined);
  }
}
