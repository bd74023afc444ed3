/**
 * Runs in a repository. Each write makes one small object, and every eighth takes the seven before it in, every sixty-fourth the
 * sixty-three before it, and so on: what a reader has to open grows with the logarithm of the number of runs. What was taken in is removed
 * where the place allows it; where it does not, names alone tell a reader to pass it over.
 */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { HostKey } from '../signing.ts';
import type { Target } from '../target.ts';
import { decodeRuns, encodeRuns, parseRunsPath, type PublicRun, type RunsObject, type RunsRef } from './object.ts';

const BASE = 8;
/** An object stands for at most so many writes: some hundred kilobytes. */
const LARGEST = BASE ** 4;
/** Removed by one write, beside what it takes in: what an earlier one could not. */
const LEFT_OVER = 16;

/** How many writes, the last one included, the object of write number `last` stands for. */
export function spanOf(last: number): number {
  let span = 1;
  while (span < LARGEST && last % (span * BASE) === 0) span *= BASE;
  return span;
}

/** The objects of one host that no other has taken in, oldest first. */
export function currentRefs(refs: readonly RunsRef[]): RunsRef[] {
  const current: RunsRef[] = [];
  let reach: { first: number; last: number } | undefined;
  for (const ref of refs.toSorted((a, b) => a.first - b.first || b.last - a.last)) {
    // All that came before begin earlier or reach at least as far; two that stand for the same are both current.
    const isTaken = reach !== undefined && (reach.last > ref.last || (reach.last === ref.last && reach.first < ref.first));
    if (isTaken) continue;
    current.push(ref);
    if (reach === undefined || ref.last > reach.last) reach = ref;
  }
  return current;
}

async function listRefs(target: Target, folder: string): Promise<RunsRef[]> {
  const refs: RunsRef[] = [];
  for await (const { path } of target.list(folder)) {
    const ref = parseRunsPath(path);
    if (ref !== undefined) refs.push(ref);
  }
  return refs;
}

/** Reads one; undefined where it is damaged or gone, which costs history only. */
async function readObject(target: Target, ref: RunsRef, onDamage: (error: MailrecoverError) => void): Promise<RunsObject | undefined> {
  try {
    return decodeRuns(await target.get(ref.path), ref);
  } catch (error) {
    if (!(error instanceof MailrecoverError) || !['damage', 'not-found', 'io'].includes(error.code)) throw error;
    if (error.code !== 'not-found') onDamage(error);
    return undefined;
  }
}

/**
 * Stores what a host did. Only one process of a host may do so at a time.
 * @param runs oldest first
 * @throws MailrecoverError as writing to the target does
 */
export async function writeRuns(
  target: Target,
  author: { host: string; key: HostKey; fingerprint: string },
  runs: readonly PublicRun[],
): Promise<void> {
  const refs = await listRefs(target, `runs/${author.fingerprint}`);
  const last = refs.reduce((highest, ref) => Math.max(highest, ref.last), 0) + 1;
  const first = last - spanOf(last) + 1;
  const current = currentRefs(refs);
  const taken = current.filter((ref) => ref.first >= first);
  const before: PublicRun[] = [];
  for (const ref of taken) before.push(...((await readObject(target, ref, () => undefined))?.runs ?? []));
  const { path, bytes } = encodeRuns(author, { first, last }, union([...before, ...runs]));
  await target.put(path, bytes);
  const kept = new Set(current.filter((ref) => !taken.includes(ref)));
  const over = refs.filter((ref) => !kept.has(ref) && !taken.includes(ref)).slice(0, LEFT_OVER);
  try {
    for (const ref of [...taken, ...over]) await target.remove(ref.path);
  } catch {
    // A place that lets nothing be removed: readers know by the names what was taken in.
  }
}

/** Each run once. Where it was told twice, by a run that still went on and after its end, the later word holds. */
function union(runs: readonly PublicRun[]): PublicRun[] {
  return [...new Map(runs.map((run) => [run.run, run])).values()].sort((a, b) =>
    a.started < b.started ? -1 : a.started > b.started ? 1 : 0,
  );
}

/** A run of some host, as the repository tells it. */
export interface HostRun extends PublicRun {
  host: string;
  /** Public key that signed it. */
  key: string;
}

/**
 * The runs of all hosts, oldest first. What is damaged becomes a finding.
 * @throws MailrecoverError as reading the target does
 */
export async function readHostRuns(target: Target, findings: Finding[]): Promise<HostRun[]> {
  const refs = await listRefs(target, 'runs');
  const byHost = Map.groupBy(refs, ({ fingerprint }) => fingerprint);
  const runs: HostRun[] = [];
  for (const own of byHost.values()) {
    const told: PublicRun[] = [];
    let who: { host: string; key: string } | undefined;
    for (const ref of currentRefs(own)) {
      const object = await readObject(target, ref, ({ message }) =>
        findings.push({ severity: 'warning', code: 'damaged-history', message, subject: ref.path }),
      );
      if (object === undefined) continue;
      who = object;
      told.push(...object.runs);
    }
    if (who === undefined) continue;
    const { host, key } = who;
    runs.push(...union(told).map((run) => ({ ...run, host, key })));
  }
  return runs.sort((a, b) => (a.started < b.started ? -1 : a.started > b.started ? 1 : 0));
}
