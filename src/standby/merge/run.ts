/** Merging what an old host has into the mail of the one that serves, under its clients' eyes. It can be killed anywhere, and is taken up. */
import { chmodSync, linkSync, lchownSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { asidePath, Handles, makeAside, removeAside } from '../../restore/live/aside.ts';
import { Doveadm, type DovecotAccess } from '../../restore/live/doveadm.ts';
import { Run } from '../../restore/live/journal.ts';
import { carryOut, type LiveReport } from '../../restore/live/live.ts';
import { changes, type FolderPlan, type LivePlan } from '../../restore/live/model.ts';
import { BaseNames } from '../../restore/live/names.ts';
import { batchesOf } from '../../restore/live/stage.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { isoTime, monotonic, now } from '../../system/clock.ts';
import { run as runProgram } from '../../system/exec.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import type { Progress } from '../../system/progress.ts';
import type { OwnedMailbox, Taken } from '../sync/model.ts';
import { ownerOf } from '../sync/owner.ts';
import { pathIn } from '../sync/place.ts';
import { mergeBox, type BoxMergeOptions, type PreparedBox } from './box.ts';
import type { MergeCounts } from './merge.ts';
import { prepareMailbox, type PreparedMailbox, type PrepareOptions } from './prepare.ts';

export interface MergeOptions extends PrepareOptions {
  state: string;
  dovecot: DovecotAccess;
  /** Throws where this host does not serve any more. */
  guard: () => Promise<void>;
  progress: Progress;
  /** Names the repository, for the journal. */
  repository: string;
}

export interface PreparedMerge {
  mailboxes: PreparedMailbox[];
  /** Those that Dovecot merges. */
  boxes: PreparedBox[];
  counts: MergeCounts & { mailboxes: number };
  findings: Finding[];
}

/** A merge whose outcome is not written down yet. */
interface Pending {
  run: string;
  after: Taken[];
}

function pendingPath(state: string): string {
  return join(state, 'standby', 'merge.json');
}

/** Compares all mailboxes of the old host. */
export async function prepareMerge(options: MergeOptions): Promise<PreparedMerge> {
  const { theirs, progress, signal } = options;
  const { mailboxes, findings } = await theirs.mailboxes();
  progress.phase('comparing', { items: mailboxes.length });
  const names = new BaseNames(now(), 'merge');
  const prepared: PreparedMailbox[] = [];
  const boxes: PreparedBox[] = [];
  for (const mailbox of mailboxes) {
    signal?.throwIfAborted();
    const one = await prepareOne(options, mailbox, names);
    if ('severity' in one) findings.push(one);
    else if ('isNeeded' in one) boxes.push(one);
    else prepared.push(one);
    progress.advance(1, 0);
  }
  const sum = (key: keyof MergeCounts): number => [...prepared, ...boxes].reduce((total, { counts }) => total + counts[key], 0);
  const counts = {
    mailboxes: prepared.length + boxes.length,
    added: sum('added'),
    removed: sum('removed'),
    reflagged: sum('reflagged'),
    renumbered: sum('renumbered'),
    twins: sum('twins'),
  };
  return { mailboxes: prepared, boxes, counts, findings };
}

/** Has Dovecot merge those that it alone can write. @returns what both hosts have in common from then on, of each that was merged or needed none */
export async function mergeBoxes(options: MergeOptions, { boxes }: PreparedMerge): Promise<{ after: Taken[]; findings: Finding[] }> {
  const [after, findings]: [Taken[], Finding[]] = [[], []];
  for (const box of boxes) {
    options.signal?.throwIfAborted();
    const done = box.isNeeded ? await mergeBox(boxOptions(options), box) : box.after;
    if ('severity' in done) findings.push(done);
    else after.push(done);
  }
  for (const taken of after) await options.taken.write(taken);
  return { after, findings };
}

function boxOptions(options: MergeOptions): PrepareOptions & BoxMergeOptions {
  return { ...options, dovecot: { dovecot: options.dovecot.config, signal: options.signal } };
}

async function prepareOne(
  options: MergeOptions,
  mailbox: OwnedMailbox,
  names: BaseNames,
): Promise<PreparedMailbox | PreparedBox | Finding> {
  try {
    return await prepareMailbox(boxOptions(options), mailbox, names);
  } catch (error) {
    if (!(error instanceof MailrecoverError) || !['io', 'damage', 'not-found'].includes(error.code)) throw error;
    const { code, message, hint, subject } = error;
    return { severity: 'error', code, message, ...(hint === undefined ? {} : { hint }), ...(subject === undefined ? {} : { subject }) };
  }
}

/** Carries a merge out, and writes down what both hosts have in common from then on. */
export async function merge(options: MergeOptions, prepared: PreparedMerge): Promise<LiveReport | undefined> {
  const mailboxes = prepared.mailboxes.filter(({ plan, raise }) => raise.length > 0 || plan.folders.some(changes));
  const after = prepared.mailboxes.map((each) => each.after);
  if (mailboxes.length === 0) {
    for (const taken of after) await options.taken.write(taken);
    return undefined;
  }
  const plan = planOf(options, mailboxes);
  const doveadm = new Doveadm(options.dovecot);
  for (const { plan: each } of mailboxes) await doveadm.check(displayBytes(each.mailbox));
  for (const { plan: each, raise } of mailboxes)
    for (const { folder, next } of raise) await doveadm.raiseNextUid(displayBytes(each.mailbox), folder, next);
  await makeDirectory(join(options.state, 'standby'));
  const pending: Pending = { run: plan.id, after };
  await writeDurable(pendingPath(options.state), JSON.stringify(pending));
  const run = await Run.begin(options.state, plan);
  await layReady(plan, mailboxes);
  for (const { name } of batchesOf(plan)) run.note({ did: 'staged', batch: name, lost: [] });
  return finish(options, run, pending);
}

/**
 * Ends a merge that was killed.
 * @returns undefined where there was none
 */
export async function finishMerge(options: Omit<MergeOptions, 'theirs'>): Promise<LiveReport | undefined> {
  const path = pendingPath(options.state);
  let pending: Pending;
  try {
    pending = JSON.parse(readFileSync(path, 'utf8')) as Pending;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
  const run = Run.read(options.state, pending.run);
  // Nothing was put anywhere yet.
  if (run === undefined || (run.state === 'interrupted' && batchesOf(run.plan).some(({ name }) => run.lostOf(name) === undefined))) {
    for (const [number, mailbox] of run?.plan.mailboxes.entries() ?? []) removeAside(asidePath(mailbox, pending.run, number));
    run?.note({ did: 'undone' });
    rmSync(path, { force: true });
    return undefined;
  }
  return finish(options, run, pending);
}

async function finish(options: Omit<MergeOptions, 'theirs'>, run: Run, pending: Pending): Promise<LiveReport> {
  const { progress, signal, dovecot, state, taken } = options;
  const report = await carryOut({
    from: undefined,
    run,
    dovecot,
    progress,
    begun: monotonic(),
    ...(signal === undefined ? {} : { signal }),
  });
  for (const each of pending.after) await taken.write(each);
  rmSync(pendingPath(state), { force: true });
  return report;
}

function planOf({ repository }: MergeOptions, mailboxes: readonly PreparedMailbox[]): LivePlan {
  const made = isoTime(now());
  return {
    version: 1,
    id: `${made.slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}-${process.pid.toString(36)}`,
    made,
    mode: 'merge',
    asked: 'standby failback',
    repository,
    snapshots: ['merge'],
    mailboxes: mailboxes.map(({ plan }) => ({ ...plan, folders: inboxFirst(plan.folders) })),
  };
}

function inboxFirst(folders: readonly FolderPlan[]): FolderPlan[] {
  return folders.toSorted((a, b) => Number(b.name === 'INBOX') - Number(a.name === 'INBOX'));
}

/** Puts all that will be added where a live restore looks for it: beside the mailbox, with owner and mode. */
async function layReady(plan: LivePlan, mailboxes: readonly PreparedMailbox[]): Promise<void> {
  for (const [number, { place, staging, from, plan: mailbox, after }] of mailboxes.entries()) {
    if (from.size === 0) continue;
    const handles = new Handles();
    try {
      const directory = handles.make(makeAside(handles, mailbox, plan.id, number), 'add');
      const owner = ownerOf(after.cut, place);
      for (const [base, source] of from) {
        const to: ByteString = `${handles.at(directory)}/${base}`;
        if ('own' in source) {
          const { dir, base: old, in: where, flags } = source.own;
          const path = pathIn(place, 'mail', `${dir === '' ? '' : `${dir}/`}${where}`);
          copyName(`${handles.at(path)}/${old}${flags}`, to);
          continue;
        }
        const name = staging.nameOf(source.staged);
        if (name === undefined) throw new MailrecoverError('bug', 'a message that was to be merged does not lie ready');
        renameSync(fsPath(`${handles.at(staging.directory)}/${name}`), fsPath(to));
        if (owner.uid !== undefined && owner.gid !== undefined) lchownSync(fsPath(to), owner.uid, owner.gid);
        chmodSync(fsPath(to), owner.mode & 0o666);
      }
      await runProgram('sync', ['-f', displayBytes(directory)]).catch(() => runProgram('sync', []));
    } finally {
      handles.close();
    }
    staging.clear();
  }
}

/** A second name for a message that a client may rename at any moment. */
function copyName(from: ByteString, to: ByteString): void {
  try {
    linkSync(fsPath(from), fsPath(to));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw ioError(error, 'link', displayBytes(from));
    throw new MailrecoverError('failed', 'a client changed a message at the same moment', {
      hint: 'run it again',
      subject: displayBytes(from),
    });
  }
}
