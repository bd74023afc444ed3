/** Restoring a snapshot, or a part of it, into an empty directory. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { FullSection } from '../repository/catalog/model.ts';
import { readState } from '../repository/catalog/reader.ts';
import { objectPath } from '../repository/names.ts';
import { readPackTable } from '../repository/pack/reader.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import { displayBytes, toBytes } from '../store/bytes.ts';
import type { FolderLayout } from '../store/maildir/layout.ts';
import { monotonic, now } from '../system/clock.ts';
import { makeDirectory, writeDurable } from '../system/files.ts';
import type { Progress } from '../system/progress.ts';
import { ownerMap } from './owners.ts';
import { parentsOf } from './parents.ts';
import { addToPlan, addWant, emptyPlan, wantsOf, type PackWants, type PlannedFile, type RestorePlan, type Want } from './plan.ts';
import { nothingSelected, selectFrom, wantedMailboxes, type Selection } from './select.ts';
import { checkSpace } from './space.ts';
import { finishDirectory, makeLink, makeRestoreDirectory, openParent, writeFile, writeProblem, type FileFacts } from './write/files.ts';
import type { PackJob, PackResult } from './write/threads.ts';
import { jobsAtOnce, startWriters, type Writers } from './write/writers.ts';

/** While a restore runs, this file in its directory says of what; it is removed at the end. */
const JOURNAL = '.mailrecover-restore.json';
/** Packs for which threads are worth starting. */
const FEW_PACKS = 2;

export interface RestoreOptions {
  repository: Repository;
  snapshot: StoredSnapshot;
  /** undefined for a repository in clear. */
  identities: readonly Identity[] | undefined;
  selection: Selection;
  layoutOf: (store: string) => FolderLayout;
  /** Gets each section that is restored. */
  onSection?: (section: FullSection) => void;
  /** Absolute path of the directory. */
  to: string;
  /** Other names for owners. */
  mapOwner: ReadonlyMap<string, string>;
  threads: number;
  dryRun: boolean;
  progress: Progress;
  signal?: AbortSignal;
}

export interface RestoreReport {
  outcome: 'ok' | 'warning' | 'partial' | 'failed';
  counts: { mailboxes: number; messages: number; files: number; bytes: number };
  /** Milliseconds until the first file was complete. */
  firstMailMs?: number;
  /** Whether this run went on with one that was interrupted. */
  resumed: boolean;
  findings: Finding[];
  /** What was, or would be, written. */
  plan: RestorePlan;
  /** Files that could not be restored. */
  lost: PlannedFile[];
}

/** Reads the catalogs and plans what is to be written. */
export async function planRestore(
  options: Pick<RestoreOptions, 'repository' | 'snapshot' | 'identities' | 'selection' | 'layoutOf' | 'onSection'>,
): Promise<RestorePlan> {
  const { repository, snapshot, identities, selection, layoutOf } = options;
  const names = snapshot.catalogs.map((catalog) => catalog.name);
  const state = await readState(repository.target, names, identities, wantedMailboxes(selection));
  const plan = emptyPlan(state.numbering);
  const mailboxes = new Set<string>();
  for await (const section of state.sections) {
    const selected = selectFrom(section, selection, layoutOf);
    if (selected === undefined) continue;
    addToPlan(plan, selected);
    options.onSection?.(selected);
    mailboxes.add(`${section.store}\0${section.mailbox}`);
  }
  plan.counts.mailboxes = mailboxes.size;
  if (mailboxes.size === 0) throw nothingSelected(selection);
  return plan;
}

/** Opens the target directory: it must be empty, or hold an interrupted run of the same restore. @returns whether it does */
async function openTarget(to: string, journal: string, plan: RestorePlan): Promise<boolean> {
  await makeDirectory(to, 0o755);
  let names: string[];
  try {
    names = readdirSync(to);
  } catch (error) {
    throw ioError(error, 'list', to);
  }
  const begun = names.includes(JOURNAL) && readFileSync(join(to, JOURNAL), 'utf8') === journal;
  if (names.length > 0 && !begun) {
    throw new MailrecoverError('refused', `'${to}' is not empty`, {
      hint: 'name a directory that is empty or not there yet; nothing was changed',
      subject: to,
    });
  }
  if (begun) return true;
  checkSpace(to, plan);
  await writeDurable(join(to, JOURNAL), journal);
  return false;
}

function byDepth(directories: Iterable<string>): string[] {
  return [...directories].sort((a, b) => a.split('/').length - b.split('/').length);
}

/** All directories of the plan, with parents that the snapshot says nothing of. */
function allDirectories(plan: RestorePlan): string[] {
  const all = new Set<string>();
  for (const path of plan.directories.keys())
    for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) all.add(at);
  for (const { path } of plan.files) {
    const slash = path.lastIndexOf('/');
    for (let at = path.slice(0, Math.max(0, slash)); at !== '' && !all.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf('/'))))
      all.add(at);
  }
  return byDepth(all);
}

/**
 * Restores into an empty directory: bytes, names, flags, times, modes and owners as they were. Every byte that is written had the
 * SHA-256 that the catalog states. An interrupted run is taken up by the same call.
 * @throws MailrecoverError `refused` (not empty), `no-space`, `not-found`, `key`, `damage` (catalogs)
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const begun = monotonic();
  // Threads take their time to start: they do it while the catalogs are read.
  const many = !options.dryRun && options.snapshot.packs.length > FEW_PACKS;
  const writers = startWriters(many ? options.threads : 0, options.identities);
  try {
    return await restoreWith(options, writers, begun);
  } finally {
    await writers.close();
  }
}

async function restoreWith(options: RestoreOptions, writers: Writers, begun: number): Promise<RestoreReport> {
  const { repository, snapshot, selection, progress, to } = options;
  progress.phase('reading catalogs');
  const plan = await planRestore(options);
  const isRoot = process.getuid?.() === 0;
  const owners = ownerMap(options.mapOwner, isRoot);
  const findings: Finding[] = [];
  if (options.dryRun) return { outcome: 'ok', counts: plan.counts, resumed: false, findings, plan, lost: [] };
  const resume = await openTarget(to, `${JSON.stringify({ repository: repository.id, snapshot: snapshot.id, selection })}\n`, plan);

  const root = toBytes(to);
  const absolute = (path: string): string => `${root}/${path}`;
  const facts = (owned: { mode: number; user: string; group: string; mtime: number }): FileFacts => ({
    mode: owned.mode,
    uid: owners.user(owned.user),
    gid: owners.group(owned.group),
    mtime: owned.mtime,
  });
  const directories = allDirectories(plan);
  for (const path of directories) attempt(absolute(path), () => makeRestoreDirectory(absolute(path)));

  progress.phase('restoring', { items: plan.files.length, bytes: plan.counts.bytes });
  // Modes are given when files are made; nothing may be taken away from them then.
  const umask = process.umask(0);
  let first = 0;
  let lost: PlannedFile[];
  try {
    const fetched = await fetchAll(options, plan, writers, {
      absolute,
      facts,
      resume,
      onFirst: (at) => (first = first === 0 ? at : Math.min(first, at)),
    });
    lost = fetched.lost;
    findings.push(...fetched.findings);
    for (const [path, link] of plan.links)
      attempt(absolute(path), () =>
        makeLink(absolute(path), link.to, { uid: owners.user(link.user), gid: owners.group(link.group), mtime: link.mtime }, resume),
      );
  } finally {
    process.umask(umask);
  }
  for (const path of directories.toReversed()) {
    const own = plan.directories.get(path);
    if (own !== undefined) attempt(absolute(path), () => finishDirectory(absolute(path), facts(own)));
  }
  for (const [path, { mode, owner }] of parentsOf(plan, directories))
    attempt(absolute(path), () =>
      openParent(absolute(path), mode, owner === undefined ? undefined : { uid: owners.user(owner.user), gid: owners.group(owner.group) }),
    );
  rmSync(join(to, JOURNAL), { force: true });
  const all = [...owners.findings, ...findings];
  const outcome = lost.length > 0 ? 'partial' : all.some((finding) => finding.severity !== 'info') ? 'warning' : 'ok';
  const restored = { ...plan.counts };
  for (const file of lost) {
    if (file.message === undefined) restored.files--;
    else {
      restored.messages--;
      restored.bytes -= file.size;
    }
  }
  return {
    outcome,
    counts: restored,
    ...(first === 0 ? {} : { firstMailMs: Math.max(0, Math.round(monotonic() - begun - (now() - first))) }),
    resumed: resume,
    findings: all,
    plan,
    lost,
  };
}

function attempt(path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw writeProblem(error, path);
  }
}

interface Placement {
  absolute: (path: string) => string;
  facts: (file: PlannedFile) => FileFacts;
  resume: boolean;
  onFirst: (at: number) => void;
}

/** Gets every wanted entry out of the packs, and writes the files. @returns what could not be had */
async function fetchAll(
  options: RestoreOptions,
  plan: RestorePlan,
  writers: Writers,
  place: Placement,
): Promise<{ lost: PlannedFile[]; findings: Finding[] }> {
  for (const file of plan.files)
    if (file.parts.length === 0)
      attempt(place.absolute(file.path), () => writeFile(place.absolute(file.path), [], place.facts(file), place.resume));
  const wants = wantsOf(plan);
  const parts = new Map<PlannedFile, (Uint8Array | undefined)[]>();
  const damaged = new Set<string>();
  const known = new Set(options.snapshot.packs.map((pack) => pack.name));
  let missing = await fetchPacks(options, plan, wants, place, parts, writers.run, damaged);
  if (missing.length > 0) {
    const elsewhere = await findElsewhere(options, plan, missing, known);
    if (elsewhere.size > 0) {
      const found = new Set([...elsewhere.values()].flatMap((entries) => [...entries.values()].flat()));
      const still = await fetchPacks(options, plan, elsewhere, place, parts, writers.run, damaged);
      missing = [...missing.filter((want) => !found.has(want)), ...still];
    }
  }
  return lostFiles(missing, damaged);
}

async function fetchPacks(
  options: RestoreOptions,
  plan: RestorePlan,
  wants: PackWants,
  place: Placement,
  parts: Map<PlannedFile, (Uint8Array | undefined)[]>,
  run: (job: PackJob) => Promise<PackResult>,
  damaged: Set<string>,
): Promise<Want[]> {
  const { progress, signal } = options;
  const missing: Want[] = [];
  const queue = [...wants];
  let nextId = 0;
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      signal?.throwIfAborted();
      const [number, entries] = next;
      const name = plan.numbering.names[number] ?? '';
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
      const result = await run(job);
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
  await Promise.all(Array.from({ length: jobsAtOnce(options.threads) }, work));
  return missing;
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
function takePart(want: Want, content: Uint8Array, parts: Map<PlannedFile, (Uint8Array | undefined)[]>, place: Placement): void {
  const { file, part } = want;
  let held = parts.get(file);
  if (held === undefined) parts.set(file, (held = Array.from({ length: file.parts.length }, () => undefined)));
  held[part] = content;
  const complete = held.filter((each) => each !== undefined);
  if (complete.length < held.length) return;
  file.partSizes = complete.map((each) => each.length);
  attempt(place.absolute(file.path), () => writeFile(place.absolute(file.path), complete, place.facts(file), place.resume));
  parts.delete(file);
}

/** Looks for entries in the snapshot's other packs: a pack may have been merged into another since the catalog was written. */
async function findElsewhere(
  options: RestoreOptions,
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
