/** Reads one mailbox, and compares it with what was there. */
import { createHash, randomBytes } from 'node:crypto';
import { MailrecoverError, systemCode } from '../errors/error.ts';
import type { Section } from '../repository/catalog/model.ts';
import { byBytes } from '../repository/catalog/percent.ts';
import { displayBytes } from '../store/bytes.ts';
import { unreadable } from '../store/links.ts';
import type { LiveArea } from '../store/live.ts';
import { captureMail, captureServer, readAccount, type Captured } from './capture.ts';
import { carryUnreadable } from './carry.ts';
import { countArea, eachPlace, signaturesOf, type SourceMailbox } from './mailboxes.ts';
import type { Run } from './run.ts';
import { diffSection, wholeSection } from './sections.ts';
import { mailboxKey, type MailboxState } from './state/state.ts';

/** How a mailbox is read. */
export interface How {
  /** For a base, which says all there is. */
  whole: boolean;
  /** Whether it may stay as it was. */
  still: boolean;
}

export interface ReadMailbox {
  /** undefined for one that no backup could read so far. */
  state: MailboxState | undefined;
  sections: Section[];
}

/** Reads a mailbox; where the system does not let it, it stays as the snapshot before has it, and is named. */
export async function readMailbox(
  run: Run,
  prior: MailboxState | undefined,
  source: SourceMailbox | undefined,
  how: How,
): Promise<ReadMailbox> {
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
