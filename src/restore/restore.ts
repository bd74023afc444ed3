/** Restoring a snapshot, or a part of it, into an empty directory. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { FullSection } from '../repository/catalog/model.ts';
import { readState } from '../repository/catalog/reader.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import { displayBytes, toBytes } from '../store/bytes.ts';
import type { FolderLayout } from '../store/maildir/layout.ts';
import { SYSTEM } from '../store/system/types.ts';
import { monotonic, now } from '../system/clock.ts';
import { makeDirectory, writeDurable } from '../system/files.ts';
import type { Progress } from '../system/progress.ts';
import { ownerMap } from './owners.ts';
import { parentsOf } from './parents.ts';
import { fetchAll } from './fetch.ts';
import { addToPlan, emptyPlan, type PlannedFile, type RestorePlan } from './plan.ts';
import { selectFrom, wantedMailboxes, type Selection } from './select.ts';
import { checkSpace } from './space.ts';
import { notHeld, Unfitted } from './unfitted.ts';
import { attempt, finishDirectory, makeLink, makeRestoreDirectory, openParent, type FileFacts } from './write/files.ts';
import { startWriters, type Writers } from './write/writers.ts';

/** While a restore runs, this file in its directory says of what; it is removed at the end. */
const JOURNAL = '.mailrecover-restore.json';
/** Its name while it is written. */
const UNFINISHED = /^\.tmp-[0-9a-f]{16}$/;
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
  /** Where a section goes, if not where the catalog has it. */
  place?: (section: FullSection) => FullSection;
  /** Called when all is restored, before the journal that lets a killed run go on is removed. */
  finish?: (plan: RestorePlan) => Promise<void>;
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
  options: Pick<RestoreOptions, 'repository' | 'snapshot' | 'identities' | 'selection' | 'layoutOf' | 'onSection' | 'place'>,
): Promise<RestorePlan> {
  const { repository, snapshot, identities, selection, layoutOf } = options;
  const names = snapshot.catalogs.map((catalog) => catalog.name);
  const state = await readState(repository.target, names, identities, wantedMailboxes(selection));
  const plan = emptyPlan(state.numbering);
  const mailboxes = new Set<string>();
  const unfitted = new Unfitted(selection, layoutOf);
  let taken = false;
  for await (const section of state.sections) {
    const selected = selectFrom(section, selection, layoutOf);
    unfitted.see(section, selected);
    if (selected === undefined) continue;
    if (section.area === 'view' && (selection.folders !== undefined || selection.messages !== undefined))
      throw wholeOnly(section, selection, snapshot.id);
    addToPlan(plan, options.place?.(selected) ?? selected);
    options.onSection?.(selected);
    if (section.store !== SYSTEM) mailboxes.add(`${section.store}\0${section.mailbox}`);
    taken = true;
  }
  plan.counts.mailboxes = mailboxes.size;
  if (!taken && selection.part === 'system') throw noServer(snapshot.id);
  if (!taken || unfitted.any) throw await notHeld(options, selection, unfitted);
  return plan;
}

/** A folder or a message of a format whose files hold several. */
function wholeOnly({ mailbox }: FullSection, { folders, messages }: Selection, snapshot: string): MailrecoverError {
  const name = displayBytes(mailbox);
  const id = snapshot.slice(0, 12);
  const hint =
    messages?.[0] === undefined
      ? `hand it out: 'mailrecover export ${id} --mailbox ${name} --folder ${folders?.[0] ?? ''} --format maildir --to DIR', then 'doveadm import'; or restore the whole mailbox`
      : `hand it out: 'mailrecover cat ${id} ${messages[0]}', or restore the whole mailbox`;
  return new MailrecoverError(
    'refused',
    `the files in which '${name}' keeps its mail hold several messages each, so it is restored only as a whole`,
    {
      hint,
      subject: name,
    },
  );
}

function noServer(snapshot: string): MailrecoverError {
  return new MailrecoverError('not-found', 'the snapshot holds nothing but mail', {
    hint: "add 'system: {}' to the configuration: later backups take the server along",
    subject: snapshot,
  });
}

function refused(to: string, why: string): MailrecoverError {
  return new MailrecoverError('refused', `'${to}' ${why}`, {
    hint: 'name a directory that is empty or not there yet; nothing was changed',
    subject: to,
  });
}

function namesIn(to: string): string[] {
  try {
    return readdirSync(to);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw systemCode(error) === 'ENOTDIR' ? refused(to, 'is not a directory') : ioError(error, 'list', to);
  }
}

function readJournal(to: string): string {
  try {
    return readFileSync(join(to, JOURNAL), 'utf8');
  } catch (error) {
    throw ioError(error, 'read', join(to, JOURNAL));
  }
}

/** The directory itself, or the one in which it would be made. */
function nearest(path: string): string {
  let at = path;
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at);
  return at;
}

/** Opens the target directory: it must be empty, or hold an interrupted run of the same restore. @returns whether it does */
async function openTarget(to: string, journal: string, plan: RestorePlan, dryRun: boolean): Promise<boolean> {
  const names = namesIn(to);
  const begun = names.includes(JOURNAL) && readJournal(to) === journal;
  // A run that was killed while it wrote its journal left that, and nothing else.
  const unfinished = names.every((name) => UNFINISHED.test(name));
  if (!unfinished && !begun) throw refused(to, 'is not empty');
  if (begun) return true;
  checkSpace(nearest(to), plan);
  if (dryRun) return false;
  for (const name of names) rmSync(join(to, name));
  await makeDirectory(to, 0o755);
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
  let last = '';
  for (const { path } of plan.files) {
    const directory = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    // Most lie in the same one as the file before.
    if (directory === last) continue;
    last = directory;
    for (let at = directory; at !== '' && !all.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) all.add(at);
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
  // Threads take their time to start: they do it while the catalogs are read. A part of a snapshot is mostly done before they would be ready.
  const { mailboxes, folders, messages } = options.selection;
  const all = mailboxes === undefined && folders === undefined && messages === undefined;
  const writers = startWriters(
    all && !options.dryRun && options.snapshot.packs.length > FEW_PACKS ? options.threads : 0,
    options.identities,
  );
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
  const resume = await openTarget(
    to,
    `${JSON.stringify({ repository: repository.id, snapshot: snapshot.id, selection })}\n`,
    plan,
    options.dryRun,
  );
  if (options.dryRun) return { outcome: 'ok', counts: plan.counts, resumed: false, findings, plan, lost: [] };

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
  await options.finish?.(plan);
  attempt(absolute(JOURNAL), () => rmSync(join(to, JOURNAL), { force: true }));
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
