/** Getting what a restore wants out of the packs, and writing it. */
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Identity } from '../repository/age/keys.ts';
import { objectPath } from '../repository/names.ts';
import { readPackTable, streamEntries } from '../repository/pack/reader.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import { displayBytes } from '../store/bytes.ts';
import { now } from '../system/clock.ts';
import type { Progress } from '../system/progress.ts';
import { HeldParts } from './parts.ts';
import { addWant, wantsOf, type PackWants, type PlannedFile, type RestorePlan, type Want } from './plan.ts';
import { attempt, writeFile, type FileFacts } from './write/files.ts';
import type { PackJob } from './write/threads.ts';
import { jobsAtOnce, type Writers } from './write/writers.ts';

export interface FetchOptions {
  repository: Repository;
  snapshot: StoredSnapshot;
  identities: readonly Identity[] | undefined;
  threads: number;
  progress: Progress;
  signal?: AbortSignal;
}

/** Where and how files are written. */
export interface Placement {
  absolute: (path: string) => string;
  facts: (file: PlannedFile) => FileFacts;
  resume: boolean;
  onFirst: (at: number) => void;
}

/** Gets every wanted entry out of the packs, and writes the files. @returns what could not be had */
export async function fetchAll(
  options: FetchOptions,
  plan: RestorePlan,
  writers: Writers,
  place: Placement,
): Promise<{ lost: PlannedFile[]; findings: Finding[] }> {
  for (const file of plan.files)
    if (file.parts.length === 0)
      attempt(place.absolute(file.path), () => writeFile(place.absolute(file.path), [], place.facts(file), place.resume));
  const wants = wantsOf(plan);
  const parts = new HeldParts();
  const damaged = new Set<string>();
  const known = new Set(options.snapshot.packs.map((pack) => pack.name));
  try {
    let missing = await fetchPacks(options, plan, wants, place, parts, writers, damaged);
    if (missing.length > 0) {
      const elsewhere = await findElsewhere(options, plan, missing, known);
      if (elsewhere.size > 0) {
        const found = new Set([...elsewhere.values()].flatMap((entries) => [...entries.values()].flat()));
        const still = await fetchPacks(options, plan, elsewhere, place, parts, writers, damaged);
        missing = [...missing.filter((want) => !found.has(want)), ...still];
      }
    }
    return lostFiles(missing, damaged);
  } finally {
    parts.close();
  }
}

async function fetchPacks(
  options: FetchOptions,
  plan: RestorePlan,
  wants: PackWants,
  place: Placement,
  parts: HeldParts,
  writers: Writers,
  damaged: Set<string>,
): Promise<Want[]> {
  const { progress, signal } = options;
  const missing: Want[] = [];
  const queue = [...wants];
  let nextId = 0;
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      signal?.throwIfAborted();
      const [number, wanted] = next;
      const name = plan.numbering.names[number] ?? '';
      const entries = writers.here || isFew(options.snapshot, name, wanted) ? await fetchFew(options, name, wanted, place, parts) : wanted;
      if (entries.size === 0) continue;
      const bytes = await packBytes(options.repository, name);
      if (bytes === undefined) {
        damaged.add(name);
        missing.push(...[...entries.values()].flat());
        continue;
      }
      const job: PackJob = { id: nextId++, pack: name, bytes, write: [], keep: [], resume: place.resume };
      for (const [sha, list] of entries) {
        const whole = list.filter(({ file }) => file.parts.length === 1);
        if (whole.length < list.length) job.keep.push(sha);
        if (whole.length > 0)
          job.write.push([
            sha,
            whole.map(({ file }) => {
              const { mode, uid, gid, mtime } = place.facts(file);
              return [place.absolute(file.path), mode, uid ?? -1, gid ?? -1, mtime];
            }),
          ]);
      }
      const result = await writers.run(job);
      if (result.error !== undefined) {
        const { code, message, hint, subject } = result.error;
        throw new MailrecoverError(code, message, {
          ...(hint === undefined ? {} : { hint }),
          ...(subject === undefined ? {} : { subject }),
        });
      }
      if (result.firstAt > 0) place.onFirst(result.firstAt);
      progress.advance(result.files, result.bytes);
      for (const { sha, damaged: broken } of result.missing) {
        if (broken) damaged.add(name);
        missing.push(...(entries.get(sha) ?? []));
      }
      for (const [sha, content] of result.kept)
        for (const want of entries.get(sha) ?? []) if (want.file.parts.length > 1) takePart(want, content, parts, place);
    }
  };
  await Promise.all(Array.from({ length: Math.max(jobsAtOnce(options.threads), options.repository.target.parallel ?? 0) }, work));
  return missing;
}

/** Whether so little of a pack is wanted that it is better not read whole. */
function isFew(snapshot: StoredSnapshot, name: string, entries: ReadonlyMap<string, Want[]>): boolean {
  const stored = snapshot.packs.find((pack) => pack.name === name)?.size ?? 0;
  let wanted = 0;
  for (const list of entries.values()) wanted += list[0]?.file.size ?? 0;
  return wanted < stored / 2;
}

/** Writes what is wanted of a pack from parts of it. @returns what is left, because it is damaged or not in it */
async function fetchFew(
  options: FetchOptions,
  name: string,
  entries: ReadonlyMap<string, Want[]>,
  place: Placement,
  parts: HeldParts,
): Promise<Map<string, Want[]>> {
  const left = new Map(entries);
  try {
    for await (const { sha, content } of streamEntries(
      options.repository.target,
      objectPath('pack', name),
      options.identities,
      new Set(entries.keys()),
    )) {
      for (const want of entries.get(sha) ?? []) {
        if (want.file.parts.length > 1) takePart(want, new Uint8Array(content), parts, place);
        else
          attempt(place.absolute(want.file.path), () =>
            writeFile(place.absolute(want.file.path), [content], place.facts(want.file), place.resume),
          );
        place.onFirst(now());
        options.progress.advance(1, content.length);
      }
      left.delete(sha);
    }
  } catch (error) {
    if (!(error instanceof MailrecoverError) || (error.code !== 'damage' && error.code !== 'not-found')) throw error;
  }
  return left;
}

async function packBytes(repository: Repository, name: string): Promise<Buffer | undefined> {
  try {
    return await repository.target.get(objectPath('pack', name));
  } catch (error) {
    if (error instanceof MailrecoverError && (error.code === 'not-found' || error.code === 'io')) return undefined;
    throw error;
  }
}

/** A part of a file of several: the file is written once all are there. */
function takePart(want: Want, content: Uint8Array, parts: HeldParts, place: Placement): void {
  const { file } = want;
  const path = place.absolute(file.path);
  attempt(path, () => parts.take(want, content, path, (all) => writeFile(path, all, place.facts(file), place.resume, file.size)));
}

/** Looks for entries in the snapshot's other packs: a pack may have been merged into another since the catalog was written. */
async function findElsewhere(
  options: FetchOptions,
  plan: RestorePlan,
  missing: readonly Want[],
  known: ReadonlySet<string>,
): Promise<PackWants> {
  const wanted = new Map<string, Want[]>();
  for (const want of missing) {
    const sha = want.file.parts[want.part]?.sha ?? '';
    wanted.set(sha, [...(wanted.get(sha) ?? []), want]);
  }
  const wants: PackWants = new Map();
  for (const name of known) {
    if (wanted.size === 0) break;
    try {
      const table = await readPackTable(options.repository.target, objectPath('pack', name), options.identities);
      for (const { sha } of table.entries) {
        const list = wanted.get(sha);
        if (list === undefined || list.some((want) => plan.numbering.names[want.file.parts[want.part]?.pack ?? -1] === name)) continue;
        for (const want of list) addWant(wants, plan.numbering.numberOf(name), sha, want);
        wanted.delete(sha);
      }
    } catch (error) {
      if (!(error instanceof MailrecoverError) || (error.code !== 'damage' && error.code !== 'not-found')) throw error;
    }
  }
  return wants;
}

function lostFiles(missing: readonly Want[], damaged: ReadonlySet<string>): { lost: PlannedFile[]; findings: Finding[] } {
  const lost = [...new Set(missing.map((want) => want.file))];
  const findings: Finding[] = lost.map((file) => ({
    severity: 'error',
    code: 'damage',
    message: `'${displayBytes(file.path)}' could not be restored: its bytes are missing from the repository or damaged`,
    subject: displayBytes(file.path),
  }));
  for (const name of damaged) {
    findings.push({
      severity: 'error',
      code: 'damage',
      message: `pack '${name.slice(0, 12)}…' is missing or damaged`,
      hint: "see all that it costs: 'mailrecover check --read-data'; a backup stores again what still lies in the mail store",
      subject: objectPath('pack', name),
    });
  }
  return { lost, findings };
}
