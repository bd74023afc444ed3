/** Proving a snapshot: it is restored into a scratch directory and compared, up to what a real IMAP server shows of it. */
import { chmod, mkdtemp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Finding } from '../errors/finding.ts';
import { ioError } from '../errors/error.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { FullSection } from '../repository/catalog/model.ts';
import { readState } from '../repository/catalog/reader.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import { restore, type RestoreReport } from '../restore/restore.ts';
import { mailboxFilter } from '../store/mailbox-filter.ts';
import { sectionLayout, wantedOf } from '../restore/look/folders.ts';
import type { Selection } from '../restore/select.ts';
import { notHeld, Unfitted } from '../restore/unfitted.ts';
import { toBytes, displayBytes } from '../store/bytes.ts';
import { controlDir, type FolderLayout } from '../store/maildir/layout.ts';
import { isoTime, monotonic } from '../system/clock.ts';
import { makeDirectory } from '../system/files.ts';
import type { Progress } from '../system/progress.ts';
import { Comparison, type VerifyCounts } from './comparison.ts';
import { expectedMailbox, expectedOfView } from './expected.ts';
import { compareFiles } from './files.ts';
import { compareMail, compareMailOfView, type ControlFile } from './mail.ts';
import { removeRoom } from './room.ts';
import { readView, type ReadView } from './view.ts';

export type VerifyLevel = 'files' | 'mail' | 'server';

export interface VerifyOptions {
  repository: Repository;
  snapshot: StoredSnapshot;
  identities: readonly Identity[] | undefined;
  level: VerifyLevel;
  /** Absolute; a directory of its own is made below, and removed at the end. */
  scratch: string;
  mailboxes?: readonly string[];
  /** Part of the mailboxes that is proved, above 0 and up to 1. */
  sample: number;
  /** Chooses among the mailboxes of the snapshot, in place of a share of them. */
  choose?: ((mailboxes: readonly string[]) => readonly string[]) | undefined;
  layoutOf: (store: string) => FolderLayout;
  threads: number;
  progress: Progress;
  signal?: AbortSignal;
}

export interface VerifyReport {
  outcome: 'ok' | 'warning' | 'partial' | 'failed';
  counts: VerifyCounts;
  findings: Finding[];
  /** Which mailboxes were looked at. */
  mailboxes: string[];
  /** Milliseconds: to a login on an open INBOX (level `server`), and until all was restored and, there, compared. */
  rto: { firstLoginMs?: number; completeMs: number };
  /** UTC time of the newest message in what was proved. */
  rpo: { newestMessage?: string };
}

/** Mailboxes that were chosen, or of a random sample, evenly spread; at least one. */
async function sampleOf(options: VerifyOptions): Promise<string[] | undefined> {
  if (options.sample >= 1 && options.choose === undefined) return options.mailboxes === undefined ? undefined : [...options.mailboxes];
  const names = new Set<string>();
  const catalogs = options.snapshot.catalogs.map((catalog) => catalog.name);
  const asked: Selection = options.mailboxes === undefined ? {} : { mailboxes: options.mailboxes };
  const unfitted = new Unfitted(asked, options.layoutOf);
  const fits = mailboxFilter(options.mailboxes);
  for await (const section of (await readState(options.repository.target, catalogs, options.identities, wantedOf(options.mailboxes)))
    .sections) {
    unfitted.see(section, undefined);
    if (fits(section.mailbox)) names.add(displayBytes(section.mailbox));
  }
  // Without any, a selection of none would mean all.
  if (names.size === 0 || unfitted.any) throw await notHeld(options, asked, unfitted);
  const all = [...names];
  if (options.choose !== undefined) return [...options.choose(all)];
  const count = Math.max(1, Math.round(all.length * options.sample));
  const start = Math.random();
  return Array.from(
    { length: Math.min(count, all.length) },
    (_, index) => all[Math.floor(((index + start) * all.length) / count) % all.length] ?? '',
  );
}

/** Where control files of a mailbox lie in a restore: in its control area, if it has one. */
function controlFiles(
  sections: readonly FullSection[],
  layoutOf: (store: string) => FolderLayout,
): { of: ControlFile; root: (section: FullSection) => string | undefined } {
  const roots = new Map(sections.filter((section) => section.area === 'control').map((section) => [keyOf(section), section.root]));
  return {
    of: (section, folder, name) => {
      const control = roots.get(keyOf(section));
      const parts =
        control === undefined ? [section.root, folder, name] : [control, controlDir(folder, layoutOf(section.store).layout), name];
      return parts.filter((part) => part !== '').join('/');
    },
    root: (section) => roots.get(keyOf(section)),
  };
}

function keyOf({ store, mailbox }: FullSection): string {
  return `${store}\0${mailbox}`;
}

/** What lies in restored mailboxes whose files hold several messages, by their views. */
async function readViews(
  root: string,
  sections: readonly FullSection[],
  signal: AbortSignal | undefined,
): Promise<Map<FullSection, ReadView>> {
  const views = new Map<FullSection, ReadView>();
  const byMailbox = Map.groupBy(sections, keyOf);
  for (const section of sections)
    if (section.area === 'view') views.set(section, await readView(root, byMailbox.get(keyOf(section)) ?? [], signal));
  return views;
}

function newestMessage(sections: readonly FullSection[]): number | undefined {
  let newest: number | undefined;
  for (const section of sections)
    for (const dir of section.dirs.values())
      for (const { mtime } of dir.messages.values()) if (newest === undefined || mtime > newest) newest = mtime;
  return newest;
}

/**
 * Restores the snapshot, or a sample of it, below `scratch` and proves it.
 * @throws MailrecoverError `no-space`, `key`, `damage` (catalogs), `usage` where Dovecot is asked for and not installed
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const begun = monotonic();
  const mailboxes = await sampleOf(options);
  const selection: Selection = mailboxes === undefined ? { part: 'all' } : { mailboxes };
  await makeDirectory(options.scratch, 0o711);
  let room: string;
  try {
    room = await mkdtemp(join(options.scratch, 'mailrecover-verify-'));
    // The server reads the copy as the owner of the mail, who must be able to get there.
    await chmod(room, 0o711);
  } catch (error) {
    throw ioError(error, 'make a directory in', options.scratch);
  }
  let report: VerifyReport;
  try {
    report = await prove(options, selection, room, begun);
  } catch (error) {
    await removeRoom(room);
    throw error;
  }
  const left = await removeRoom(room);
  if (left === undefined) return report;
  return { ...report, outcome: report.outcome === 'ok' ? 'warning' : report.outcome, findings: [...report.findings, left] };
}

async function prove(options: VerifyOptions, selection: Selection, room: string, begun: number): Promise<VerifyReport> {
  const { repository, snapshot, identities, layoutOf, level, threads, progress, signal } = options;
  const sections: FullSection[] = [];
  const to = join(room, 'mail');
  const restored = await restore({
    repository,
    snapshot,
    identities,
    selection,
    layoutOf,
    onSection: (section) => sections.push(section),
    to,
    mapOwner: new Map(),
    threads,
    dryRun: false,
    progress,
    ...(signal === undefined ? {} : { signal }),
  });
  const restoredMs = monotonic() - begun;
  const comparison = new Comparison();
  comparison.counts.mailboxes = restored.plan.counts.mailboxes;
  comparison.counts.messages = restored.plan.counts.messages;
  const root = toBytes(to);
  progress.phase('comparing files', { items: restored.plan.files.length, bytes: restored.plan.counts.bytes });
  await compareFiles(root, restored.plan, comparison, progress, signal);
  const control = controlFiles(sections, layoutOf);
  const views = level === 'files' ? new Map<FullSection, ReadView>() : await readViews(root, sections, signal);
  if (level !== 'files') {
    progress.phase('reading mail');
    for (const section of sections) {
      const view = views.get(section);
      if (view === undefined) compareMail(root, section, control.of, comparison);
      else compareMailOfView(section, view, comparison);
      await turn();
      signal?.throwIfAborted();
    }
  }
  const rto: VerifyReport['rto'] = { completeMs: Math.round(restoredMs) };
  const findings = restored.findings.filter((finding) => finding.code !== 'damage' || finding.subject?.startsWith('packs/') === true);
  const counts = comparison.counts;
  if (level === 'server') {
    const work = join(room, 'server');
    await mkdir(work, { mode: 0o711 });
    const viewed = new Set([...views.keys()].map(keyOf));
    const expected = function* () {
      for (const section of sections) {
        const view = views.get(section);
        if (view !== undefined) yield expectedOfView(root, section, sectionLayout(section, layoutOf), view);
        if (section.area !== 'mail' || viewed.has(keyOf(section))) continue;
        const controlRoot = control.root(section);
        yield expectedMailbox(
          root,
          section,
          layoutOf(section.store),
          controlRoot === undefined ? undefined : `${root}/${controlRoot}`,
          control.of,
        );
      }
    };
    const { verifyByServer } = await import('./server/index.ts');
    const served = await verifyByServer({
      scratch: to,
      work,
      mailboxes: expected(),
      progress,
      ...(signal === undefined ? {} : { signal }),
    });
    findings.push(...served.findings);
    counts.compared = served.counts.compared;
    counts.mismatched += served.counts.mismatched;
    counts.missing += served.counts.missing;
    counts.unexpected += served.counts.unexpected;
    rto.completeMs = Math.round(restoredMs + served.completeMs);
    if (served.firstLoginMs !== undefined) rto.firstLoginMs = Math.round(restoredMs + served.firstLoginMs);
  }
  findings.unshift(...comparison.findings());
  const newest = newestMessage(sections);
  return {
    outcome: outcomeOf(counts, findings, restored),
    counts,
    findings,
    mailboxes: [...new Set(sections.map(({ mailbox }) => displayBytes(mailbox)))],
    rto,
    rpo: newest === undefined ? {} : { newestMessage: isoTime(newest / 1000) },
  };
}

function outcomeOf(counts: VerifyCounts, findings: readonly Finding[], restored: RestoreReport): VerifyReport['outcome'] {
  const wrong = counts.mismatched + counts.missing + counts.unexpected > 0 || restored.lost.length > 0;
  if (wrong || findings.some((finding) => finding.severity === 'error')) return 'failed';
  return findings.some((finding) => finding.severity === 'warning') ? 'warning' : 'ok';
}
