/** Reading mailboxes: those that did not change are carried over, the others are captured and compared with what was there. */
import { createHash, randomBytes } from 'node:crypto';
import { MailrecoverError, systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { byBytes } from '../repository/catalog/percent.ts';
import { sectionKey, type Area, type Section } from '../repository/catalog/model.ts';
import type { CatalogWriter } from '../repository/catalog/writer.ts';
import { displayBytes } from '../store/bytes.ts';
import { isMailArea, type ContentReader, type LiveArea } from '../store/live.ts';
import { unreadable } from '../store/links.ts';
import { captureStore } from '../store/capture.ts';
import type { CapturedAccount } from '../store/imap/capture.ts';
import type { ImapSource } from '../store/imap/types.ts';
import type { SystemSource } from '../store/system/capture.ts';
import { SYSTEM } from '../store/system/types.ts';
import { now } from '../system/clock.ts';
import { makeCacheDirectory } from '../system/files.ts';
import { carryUnreadable } from './carry.ts';
import { countArea, eachPlace, isHomeName, isUntouched, signaturesOf, type SourceMailbox } from './mailboxes.ts';
import { diffSection, wholeSection, type Changes } from './sections.ts';
import { mailboxKey, type MailboxState, type StateDirectory, type StateIndex } from './state/state.ts';

/** Mailboxes that are read at the same time: enough to keep all threads busy, few enough that each lies in few packs. */
const AT_ONCE = 4;
/** So many more where they were read before and are small together: then little of each is read, and nobody need wait for that. */
const MORE_AT_ONCE = 64;
const SMALL_TOGETHER = 50_000;
/** Mailboxes in which something changed, from which on there will be enough to read for a thread. */
const MANY_CHANGED = 8;

/** How the use of packs changed, by pack number. */
export interface Tally {
  /** By how much the number of messages and parts in it changed. */
  live: Map<number, number>;
  /** Keys of the mailboxes that use it. */
  owners: Map<number, Set<string>>;
  /** What a mailbox used before is not known: all must be counted anew. */
  broken: boolean;
}

/** One run, and what its steps share. */
export interface Run {
  options: { settle: number; dryRun: boolean; frozenAt?: number; signal?: AbortSignal };
  state: StateDirectory;
  index: StateIndex;
  findings: Finding[];
  deep: boolean;
  /** Packs whose content must be stored again. */
  reread: Set<number>;
  /** Those of them that are gone: what can't be read again is lost. */
  lost: ReadonlySet<number>;
  /** Reads files of one mailbox. */
  reader: (mailbox: string) => ContentReader;
  /** To be called when there will be much to read. */
  expectMuch: () => void;
  changes: Changes;
  /** Why accounts of IMAP servers could not be read. */
  unreached: MailrecoverError[];
  /** What was read of the server. */
  server?: { files: number; dumps: number };
  tally: Tally;
}

/**
 * Reads the mailboxes, several at once, and takes them up in order.
 * @param writer gets whole sections for a base; without it what changed is returned
 */
export async function readMailboxes(
  run: Run,
  sources: ReadonlyMap<string, SourceMailbox | undefined>,
  writer: CatalogWriter | undefined,
): Promise<Map<string, Section>> {
  const { index, options } = run;
  const before = new Map(index.mailboxes.map((state) => [mailboxKey(state), state]));
  const still = lookAhead(run, before, sources);
  const sections = new Map<string, Section>();
  const mailboxes: MailboxState[] = [];
  const waiting: { read: Promise<ReadMailbox>; messages: number; busy: number }[] = [];
  let messages = 0;
  let busy = 0;
  const isCrowded = (): boolean => busy >= (messages < SMALL_TOGETHER ? MORE_AT_ONCE : AT_ONCE);
  const take = async (): Promise<void> => {
    const first = waiting.shift();
    if (first === undefined) return;
    messages -= first.messages;
    busy -= first.busy;
    const next = await first.read;
    if (next.state !== undefined) mailboxes.push(next.state);
    for (const section of next.sections) {
      if (writer === undefined) sections.set(sectionKey(section), section);
      else writer.add(section);
    }
  };
  try {
    for (const [key, source] of sources) {
      const prior = before.get(key);
      before.delete(key);
      const same = still.get(key) ?? isStill(run, prior, source);
      const size = same ? 0 : (prior?.counts.messages ?? SMALL_TOGETHER);
      messages += size;
      busy += same ? 0 : 1;
      waiting.push({
        read: readMailbox(run, prior, source, { whole: writer !== undefined, still: same }),
        messages: size,
        busy: same ? 0 : 1,
      });
      while (isCrowded()) await take();
      options.signal?.throwIfAborted();
    }
    while (waiting.length > 0) await take();
    // Nothing at all could be read: that is no backup.
    const [failure] = run.unreached;
    if (failure !== undefined && [...sources.values()].filter((source) => source !== undefined).length === run.unreached.length)
      throw failure;
  } catch (error) {
    await Promise.allSettled(waiting.map(({ read }) => read));
    throw error;
  }
  for (const gone of before.values()) dropMailbox(run, gone, sections);
  const mail = [...before.values()].filter(({ store }) => store !== SYSTEM);
  if (mail.length > 0) run.findings.push(goneMailboxes(mail));
  if (mail.length < before.size) run.findings.push(SERVER_LEFT_OUT);
  index.mailboxes = mailboxes;
  return new Map([...sections].sort(([a], [b]) => byBytes(a, b)));
}

/** Looks which mailboxes did not change, until so many are found to have that a thread is worth starting. @returns what was found, by their keys */
function lookAhead(
  run: Run,
  before: ReadonlyMap<string, MailboxState>,
  sources: ReadonlyMap<string, SourceMailbox | undefined>,
): Map<string, boolean> {
  const still = new Map<string, boolean>();
  let changed = 0;
  if (run.deep || run.options.dryRun) return still;
  for (const [key, source] of sources) {
    const prior = before.get(key);
    if (prior === undefined || source === undefined || source.imap !== undefined || source.system !== undefined) continue;
    const same = isStill(run, prior, source);
    still.set(key, same);
    if (!same) changed++;
    if (changed < MANY_CHANGED) continue;
    run.expectMuch();
    break;
  }
  return still;
}

/** Whether a mailbox may stay as the snapshot before has it. */
function isStill(run: Run, prior: MailboxState | undefined, source: SourceMailbox | undefined): boolean {
  if (prior === undefined || source === undefined) return source === undefined;
  try {
    return !run.deep && !usesPacks(run.index, run.reread, prior) && isUntouched(prior, source);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    // Reading it tells what is wrong, and with what.
    return false;
  }
}

/** How a mailbox is read. */
interface How {
  /** For a base, which says all there is. */
  whole: boolean;
  /** Whether it may stay as it was. */
  still: boolean;
}

interface ReadMailbox {
  /** undefined for one that no backup could read so far. */
  state: MailboxState | undefined;
  sections: Section[];
}

/** Whether something of a mailbox lies in one of these packs. */
export function usesPacks(index: StateIndex, packs: ReadonlySet<number>, prior: MailboxState): boolean {
  for (const number of packs) {
    const pack = index.packs[number];
    if (pack === null || pack === undefined || pack.live <= 0) continue;
    if (pack.mailboxes === undefined || pack.mailboxes.includes(mailboxKey(prior))) return true;
  }
  return false;
}

/** Reads a mailbox; where the system does not let it, it stays as the snapshot before has it, and is named. */
async function readMailbox(run: Run, prior: MailboxState | undefined, source: SourceMailbox | undefined, how: How): Promise<ReadMailbox> {
  try {
    return await captured(run, prior, source, how);
  } catch (error) {
    if (source?.imap !== undefined && isOfServer(error)) return unreachedAccount(run, prior, error);
    const code = systemCode(error);
    if (code === undefined || code.startsWith('ERR_') || error instanceof MailrecoverError) throw error;
    run.findings.push(
      unreadable(error, 'read the mailbox', source?.areas.find(({ area }) => area === 'mail')?.path ?? prior?.mailbox ?? ''),
    );
    return unread(prior);
  }
}

/** Whether a server does not let us in, or can't be reached: other mail is backed up all the same. */
function isOfServer(error: unknown): error is MailrecoverError {
  return error instanceof MailrecoverError && (error.code === 'key' || error.code === 'unreachable');
}

function unreachedAccount(run: Run, prior: MailboxState | undefined, error: MailrecoverError): ReadMailbox {
  run.unreached.push(error);
  run.findings.push({
    severity: 'error',
    code: error.code === 'key' ? 'account-refused' : 'account-unreachable',
    message: `${error.message}${prior === undefined ? '' : '; its mail stays as the snapshot before has it'}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.subject === undefined ? {} : { subject: error.subject }),
  });
  return unread(prior);
}

/** A mailbox that could not be read stays as it was. */
function unread(prior: MailboxState | undefined): ReadMailbox {
  if (prior === undefined) return { state: undefined, sections: [] };
  const { signatures: _, ...state } = prior;
  return { state: { ...state, partial: true }, sections: [] };
}

async function captured(
  run: Run,
  prior: MailboxState | undefined,
  source: SourceMailbox | undefined,
  { whole, still }: How,
): Promise<ReadMailbox> {
  const { options, state } = run;
  if (prior !== undefined && still) return { state: prior, sections: [] };
  if (source === undefined) throw new MailrecoverError('bug', 'a mailbox without state was to be carried over');
  const priorAreas = prior === undefined ? undefined : state.loadMailbox(prior);
  if (prior !== undefined && priorAreas === undefined) run.tally.broken = true;
  const priorOf = (area: string): LiveArea | undefined => {
    const number = prior?.areas.findIndex((each) => each.area === area) ?? -1;
    return number < 0 ? undefined : priorAreas?.[number];
  };
  const account = source.imap === undefined ? undefined : await readAccount(run, source, source.imap, prior, priorOf('mail'));
  if (account?.unchanged === true && prior !== undefined) {
    run.findings.push(...account.findings);
    return { state: prior, sections: [] };
  }
  const capture: Captured =
    account !== undefined
      ? { areas: new Map([['mail', account.area]]), findings: account.findings, vanished: false }
      : source.system === undefined
        ? await captureMail(run, source, priorOf)
        : await captureServer(run, source.system, source, priorOf);
  run.findings.push(...capture.findings);
  // What may not be listed is not gone.
  if (capture.vanished && capture.findings.some(({ code }) => code === 'unreadable')) return unread(prior);
  if (capture.vanished) return vanished(run, prior, source);
  const areas = source.areas.map(({ area }) => capture.areas.get(area) ?? { dirs: new Map() });
  for (const [number, { area, path }] of source.areas.entries()) {
    const live = areas[number];
    // The server carries over by itself what it can't read; a view follows from what was read.
    if (live !== undefined && source.system === undefined && source.imap === undefined && area !== 'view')
      carryUnreadable(live, { root: path, prior: priorOf(area), findings: capture.findings, lost: (place) => run.lost.has(place) });
  }
  if (options.frozenAt !== undefined) for (const area of areas) unsettle(area, (options.frozenAt - options.settle * 1000) * 1000);
  const sections = changedSections(run, prior, priorAreas, source, areas, whole);
  if (options.dryRun) return { state: prior ?? describe(source, areas, { file: '', check: 0 }), sections };
  recount(run, source, priorAreas, areas);
  const name = `${createHash('sha256').update(mailboxKey(source)).digest('hex').slice(0, 24)}-${randomBytes(4).toString('hex')}`;
  const kept = describe(source, areas, state.saveMailbox(name, areas));
  if (account !== undefined) kept.imap = account.cursor;
  if (capture.findings.some((finding) => finding.severity === 'error')) kept.partial = true;
  return { state: kept, sections };
}

/** What changed shortly before a snapshot of the file system may have changed again after it with the same times. @param after microseconds */
function unsettle(area: LiveArea, after: number): void {
  for (const dir of area.dirs.values()) {
    if (dir.stat.ctime >= after) dir.settled = false;
    for (const file of dir.files.values()) if (file.stat.ctime >= after) file.settled = false;
  }
}

type PriorOf = (area: string) => LiveArea | undefined;

interface Captured {
  areas: ReadonlyMap<Area, LiveArea>;
  findings: Finding[];
  vanished: boolean;
}

function captureMail(run: Run, source: SourceMailbox, priorOf: PriorOf): Promise<Captured> {
  return captureStore({
    format: source.format ?? 'maildir',
    ...(source.locks === undefined ? {} : { locks: source.locks }),
    areas: source.areas.flatMap(({ area, path, file }) =>
      isMailArea(area)
        ? [
            {
              area,
              root: path,
              prior: priorOf(area),
              ...(area === 'home' ? { only: isHomeName } : {}),
              ...(file === undefined ? {} : { file }),
            },
          ]
        : [],
    ),
    deep: run.deep,
    settle: run.options.settle * 1e6,
    now: () => now() * 1000,
    lost: (place) => run.reread.has(place),
    read: run.reader(mailboxKey(source)),
    ...(run.options.signal === undefined ? {} : { signal: run.options.signal }),
  });
}

async function readAccount(
  run: Run,
  source: SourceMailbox,
  imap: ImapSource,
  before: MailboxState | undefined,
  prior: LiveArea | undefined,
): Promise<CapturedAccount> {
  const { captureAccount } = await import('../store/imap/capture.ts');
  const key = mailboxKey(source);
  const { signal, dryRun } = run.options;
  return captureAccount({
    source: imap,
    prior,
    cursor: before?.imap,
    deep: run.deep,
    dryRun,
    lost: (place) => run.reread.has(place),
    read: run.reader(key),
    journal: run.state.file('imap', createHash('sha256').update(key).digest('hex').slice(0, 24)),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function captureServer(run: Run, system: SystemSource, source: SourceMailbox, prior: PriorOf): Promise<Captured> {
  const { settle, dryRun, signal } = run.options;
  const { captureSystem } = await import('../store/system/capture.ts');
  makeCacheDirectory(system.scratch);
  const captured = await captureSystem({
    source: system,
    prior,
    dryRun,
    deep: run.deep,
    settle: settle * 1e6,
    now: () => now() * 1000,
    lost: (place) => run.reread.has(place),
    gone: (place) => run.lost.has(place),
    read: run.reader(mailboxKey(source)),
    ...(signal === undefined ? {} : { signal }),
  });
  run.server = { files: countFiles(captured.areas.get('files')), dumps: countFiles(captured.areas.get('dumps')) };
  return { ...captured, vanished: false };
}

function countFiles(area: LiveArea | undefined): number {
  let files = 0;
  for (const dir of area?.dirs.values() ?? []) files += dir.files.size;
  return files;
}

/** A mailbox that was deleted this very moment, or whose file system went away: the next backup will know. */
function vanished(run: Run, prior: MailboxState | undefined, source: SourceMailbox): ReadMailbox {
  const subject = displayBytes(source.mailbox);
  run.findings.push({
    severity: 'warning',
    code: 'mailbox-vanished',
    message: `mailbox '${subject}' went away while it was read${prior === undefined ? '' : '; it stays as the snapshot before has it'}`,
    hint: 'if nobody deleted it, see that its file system is mounted',
    subject,
  });
  return { state: prior, sections: [] };
}

function describe(source: SourceMailbox, areas: readonly LiveArea[], file: { file: string; check: number }): MailboxState {
  const signatures = signaturesOf(source, areas);
  const view = source.areas.findIndex(({ area }) => area === 'view');
  const mail = areas[view >= 0 ? view : source.areas.findIndex(({ area }) => area === 'mail')];
  return {
    mailbox: source.mailbox,
    store: source.store,
    areas: source.areas,
    ...(signatures === undefined ? {} : { signatures }),
    ...file,
    counts: mail === undefined ? { folders: 0, messages: 0, bytes: 0 } : countArea(mail, view >= 0),
  };
}

function changedSections(
  run: Run,
  prior: MailboxState | undefined,
  priorAreas: readonly LiveArea[] | undefined,
  source: SourceMailbox,
  areas: readonly LiveArea[],
  whole: boolean,
): Section[] {
  const sections: Section[] = [];
  for (const [number, { area, root }] of source.areas.entries()) {
    const live = areas[number];
    if (live === undefined) continue;
    const head = { mailbox: source.mailbox, store: source.store, area, root };
    const old = prior?.areas.findIndex((each) => each.area === area) ?? -1;
    const before = old < 0 ? undefined : priorAreas?.[old];
    const moved = prior?.areas[old]?.root !== root;
    if (whole || before === undefined) {
      for (const dir of live.dirs.values()) run.changes.newMessages += dir.messages.size;
      // Without knowing what was there, what earlier catalogs said of it must go.
      sections.push({ ...wholeSection(head, live), ...(whole || prior === undefined ? {} : { reset: true }) });
      continue;
    }
    const changed = diffSection(head, before, live, run.changes);
    if (changed !== undefined) sections.push(changed);
    else if (moved) sections.push({ ...head, dirs: new Map() });
  }
  for (const gone of prior?.areas ?? [])
    if (!source.areas.some((area) => area.area === gone.area))
      sections.push({ mailbox: source.mailbox, store: source.store, area: gone.area, root: gone.root, gone: true, dirs: new Map() });
  return sections.sort((a, b) => byBytes(a.area, b.area));
}

/** Keeps the packs' counts of what lies in them, and which mailboxes a small pack was written for. */
function recount(run: Run, source: SourceMailbox, before: readonly LiveArea[] | undefined, after: readonly LiveArea[]): void {
  const { live, owners } = run.tally;
  const key = mailboxKey(source);
  for (const area of before ?? []) eachPlace(area, (place, count) => live.set(place, (live.get(place) ?? 0) - count));
  for (const area of after) {
    eachPlace(area, (place, count) => {
      live.set(place, (live.get(place) ?? 0) + count);
      let mailboxes = owners.get(place);
      if (mailboxes === undefined) owners.set(place, (mailboxes = new Set()));
      mailboxes.add(key);
    });
  }
}

const SERVER_LEFT_OUT: Finding = {
  severity: 'warning',
  code: 'server-left-out',
  message: 'the server beside its mail was in the snapshot before, and is no longer backed up',
  hint: "if that is not meant so, put 'system:' back into the configuration",
};

/** Mailboxes that were removed, or whose part of the store is not mounted: the one looks like the other, so a person is told. */
function goneMailboxes(gone: readonly MailboxState[]): Finding {
  const names = gone.slice(0, 3).map(({ mailbox }) => `'${displayBytes(mailbox)}'`);
  return {
    severity: 'warning',
    code: 'mailboxes-gone',
    message: `${gone.length} ${gone.length === 1 ? 'mailbox is' : 'mailboxes are'} gone since the snapshot before: ${names.join(', ')}${gone.length > names.length ? ' …' : ''}`,
    hint: 'earlier snapshots hold them; if nobody removed them, see that their file system is mounted and run the backup again',
  };
}

/** Takes up that a mailbox is no longer there. */
function dropMailbox(run: Run, gone: MailboxState, sections: Map<string, Section>): void {
  run.changes.removedMessages += gone.counts.messages;
  const areas = run.state.loadMailbox(gone);
  if (areas === undefined) run.tally.broken = true;
  for (const area of areas ?? []) eachPlace(area, (place, count) => run.tally.live.set(place, (run.tally.live.get(place) ?? 0) - count));
  for (const { area, root } of gone.areas) {
    const section: Section = { mailbox: gone.mailbox, store: gone.store, area, root, gone: true, dirs: new Map() };
    sections.set(sectionKey(section), section);
  }
}
