/** The switch from one host to the other: planned, shown, carried out, gone on with, taken back. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { isoNow } from '../../system/clock.ts';
import { makeDirectory } from '../../system/files.ts';
import { takeLock } from '../../system/lock.ts';
import { holdsEpoch, readEpoch, type EpochState } from '../epoch.ts';
import { Journal, newRun, type SwitchHead, type SwitchState } from '../journal.ts';
import { SharedJournal } from '../shared-journal.ts';
import { findBegun, type Begun } from './begun.ts';
import { carryOut, type CarriedOut } from './carry-out.ts';
import { takeOperatorLock, type OperatorLock } from './operator.ts';
import type { PromoteOptions } from './options.ts';
import { precheck, type Precheck } from './precheck.ts';
import { stepsOf } from './steps/all.ts';
import { join } from 'node:path';

export interface PlanStep {
  id: string;
  title: string;
  lines: readonly string[];
  undo: string | undefined;
  noReturn: boolean;
}

/** What would be done, and whether it may be. */
export interface Plan {
  head: SwitchHead;
  steps: PlanStep[];
  precheck: Precheck;
  /** A switch that was begun before, and would be gone on with. */
  resumes: SwitchState | undefined;
  /** It was begun, or gone on with last, on another host, and is taken over from there. */
  takesOver: boolean;
}

/** Plans a switch, or how the one that was begun is gone on with. Changes nothing. */
export async function planSwitch(options: PromoteOptions, begun: Begun | undefined): Promise<Plan> {
  const epoch = await readEpoch(options.target);
  if (begun !== undefined) {
    const open = begun.state;
    if (open.head.to !== options.to.name || open.head.from !== options.from.name)
      throw new MailrecoverError('refused', `a switch from '${open.head.from}' to '${open.head.to}' is not finished (${open.head.run})`, {
        hint: "go on with it: 'mailrecover standby promote'",
        subject: open.path,
      });
    return {
      head: open.head,
      steps: planned(options, open.head, open),
      precheck: {
        findings: heldBy(open, epoch),
        reachable: open.head.reachable,
        silent: undefined,
        lag: await options.lag(),
        loss: 0,
        accounts: open.head.accounts,
      },
      resumes: open,
      takesOver: begun.elsewhere,
    };
  }
  const checked = await precheck(options, epoch);
  const { by, mode, from, to, allowLoss, attested } = options;
  const head: SwitchHead = {
    run: newRun(),
    mode,
    epoch: epoch.epoch + 1,
    from: from.name,
    to: to.name,
    by,
    reachable: checked.reachable,
    ...(allowLoss === undefined ? {} : { allowLoss: Number.isFinite(allowLoss) ? allowLoss : Number.MAX_SAFE_INTEGER }),
    ...(attested === undefined ? {} : { attested }),
    ...(options.dialTone ? { dialTone: true as const } : {}),
    ...(checked.accounts === undefined ? {} : { accounts: checked.accounts }),
  };
  return { head, steps: planned(options, head, undefined), precheck: checked, resumes: undefined, takesOver: false };
}

/** An epoch that went on without us is not ours any more. */
function heldBy(open: SwitchState, { epoch, open: claimed }: EpochState): Finding[] {
  if (!open.done.has('claim') || (epoch === open.head.epoch && (claimed === undefined || claimed.run === open.head.run))) return [];
  return [
    {
      severity: 'error',
      code: 'locked',
      message: `epoch ${epoch} belongs to another switch${claimed === undefined ? '' : `, to '${claimed.host}', which ${claimed.by} began at ${claimed.since}`}`,
      hint: 'this switch can not go on; see who serves: mailrecover standby status',
      subject: open.head.run,
    },
  ];
}

function planned(options: PromoteOptions, head: SwitchHead, open: SwitchState | undefined): PlanStep[] {
  return stepsOf(
    { ...options, dialTone: head.dialTone === true },
    { head, startedAt: open?.startedAt ?? isoNow(), recall: () => undefined },
  ).map(({ id, title, plan, undo, noReturn }) => ({
    id,
    title,
    lines: plan,
    undo,
    noReturn: noReturn === true,
  }));
}

export interface Switched extends CarriedOut {
  state: SwitchState;
}

/**
 * Carries a plan out.
 * @param abort take a switch back that was begun before
 * @param onJournal told where everything that is run is written down
 * @throws MailrecoverError `locked` where another run on this host does the same; `refused` where the plan has errors
 */
export async function carryOutSwitch(
  options: PromoteOptions,
  plan: Plan,
  details: { abort: boolean; onJournal: (journal: Journal) => void },
): Promise<Switched> {
  const folder = join(options.state, 'standby');
  await makeDirectory(folder);
  const release = takeLock(join(folder, 'lock'), 'mailrecover standby promote');
  let operator: OperatorLock | undefined;
  try {
    operator = await onlyOperator(options, plan, details.abort);
    const journal = await journalOf(options, plan);
    details.onJournal(journal);
    const { head, startedAt } = journal.state;
    // What was approved for a switch holds for as long as it takes.
    const approved: PromoteOptions = {
      ...options,
      mode: head.mode,
      allowLoss: options.allowLoss ?? head.allowLoss,
      attested: options.attested ?? head.attested,
      dialTone: head.dialTone === true,
    };
    const steps = stepsOf(approved, { head, startedAt, recall: (step) => journal.state.memories.get(step) });
    const shared = await SharedJournal.of(options.target, journal.state);
    const guard = async (): Promise<void> => {
      if (!journal.state.done.has('claim')) return;
      if (!(await holdsEpoch(options.target, { ...head, host: head.to }))) await refuseLate(options, head);
    };
    const result = await carryOut({
      steps,
      journal,
      progress: options.progress,
      signal: options.signal,
      guard,
      share: () => shared.share(),
      alone: async () => operator?.hold(),
      abort: details.abort,
    });
    return { ...result, state: journal.state };
  } finally {
    await operator?.release();
    release();
  }
}

/** A switch can be taken back also where the new host can't be reached any more: whoever else has its lock can't reach it either. */
async function onlyOperator({ to, cloud }: PromoteOptions, { resumes }: Plan, abort: boolean): Promise<OperatorLock | undefined> {
  // A service has no place for a lock: the epoch alone keeps two apart.
  if (cloud?.way === 'to') return undefined;
  try {
    return await takeOperatorLock(to);
  } catch (error) {
    const goesBack = abort || resumes?.goingBack === true;
    if (goesBack && error instanceof MailrecoverError && error.code === 'unreachable') return undefined;
    throw error;
  }
}

/** The journal that is gone on with, if it still is the one that the plan was made for; else a new one. */
async function journalOf({ state, target, by }: PromoteOptions, plan: Plan): Promise<Journal> {
  const begun = await findBegun(state, target);
  if (begun?.state.head.run !== plan.resumes?.head.run || begun?.elsewhere !== (plan.resumes && plan.takesOver))
    throw new MailrecoverError('locked', 'another switch was begun since the plan was made', { hint: 'run the command again' });
  if (begun === undefined) return Journal.begin(state, plan.head);
  return begun.elsewhere ? Journal.takeOver(state, begun.state, by) : Journal.resume(begun.state, by);
}

/** The epoch is settled by us already, or somebody else's. */
async function refuseLate({ target }: PromoteOptions, { run, epoch, to }: SwitchHead): Promise<void> {
  const state = await readEpoch(target);
  if (state.epoch === epoch && state.active === to) return;
  throw new MailrecoverError(
    'locked',
    `epoch ${epoch} is not this switch's any more: epoch ${state.epoch} was claimed${state.open === undefined ? '' : ` by ${state.open.by}`}`,
    {
      hint: 'see who serves: mailrecover standby status',
      subject: run,
    },
  );
}
