/**
 * Who serves: the epoch. Its authority is a conditional put in the repository: of several that claim the next epoch, one gets it. Every
 * program that writes mail to the other host, or serves it by order, asks here first, and does nothing where the answer can't be had.
 */
import { MailrecoverError } from '../errors/error.ts';
import { epochPath, parseEpochPath, type EpochStage } from '../repository/epochs.ts';
import { openRepository } from '../repository/repository.ts';
import type { Target } from '../repository/target.ts';
import { isoNow } from '../system/clock.ts';

/** What a claim says of itself. */
export interface Claim {
  epoch: number;
  /** Which run claimed it: 16 hex digits. */
  run: string;
  /** The host that is to serve, by the name in the configuration, and the one that served. */
  host: string;
  from: string;
  /** Who ran the command, and where. */
  by: string;
}

interface Entry extends Claim {
  stage: EpochStage;
  /** UTC. */
  time: string;
}

export interface EpochState {
  /** The newest epoch; 0 where there never was a switch. */
  epoch: number;
  /** The host that serves by the newest epoch that came so far; undefined where there is none: then the primary of the configuration does. */
  active: string | undefined;
  /** The epoch that says so, 0 without. */
  activeEpoch: number;
  /** Epochs that were taken back. */
  withdrawn: readonly number[];
  /** A switch that was begun, and neither settled nor withdrawn. */
  open: (Claim & { stage: EpochStage; since: string }) | undefined;
}

/**
 * Reads who serves.
 * @throws MailrecoverError `no-repository` where there is none, `unreachable` and others of the target; `damage` where an object can't be read: then nobody knows
 */
export async function readEpoch(target: Target): Promise<EpochState> {
  const stages = new Map<number, EpochStage[]>();
  for await (const { path } of target.list('epochs')) {
    const found = parseEpochPath(path);
    if (found !== undefined) stages.set(found.epoch, [...(stages.get(found.epoch) ?? []), found.stage]);
  }
  const epochs = [...stages.keys()].sort((a, b) => b - a);
  const newest = epochs[0] ?? 0;
  // A file system that is not mounted has no epochs either, and must not make the primary the one that serves.
  if (newest === 0) await openRepository(target);
  // A switch that has ended is not taken back: who says so afterwards made that up.
  const withdrawn = epochs.filter((epoch) => stages.get(epoch)?.includes('withdrawn') === true && !stages.get(epoch)?.includes('settled'));
  const came = epochs.find((epoch) => stages.get(epoch)?.includes('active') === true && !withdrawn.includes(epoch));
  const active = came === undefined ? undefined : await readEntry(target, came, 'active');
  const reached = stages.get(newest) ?? [];
  const isOpen = newest > 0 && !reached.includes('settled') && !reached.includes('withdrawn');
  const stage = (['active', 'fence', 'claim'] as const).find((each) => reached.includes(each));
  const claim = isOpen && stage !== undefined ? await readEntry(target, newest, stage) : undefined;
  return {
    epoch: newest,
    active: active?.host,
    activeEpoch: came ?? 0,
    withdrawn,
    open: claim === undefined ? undefined : { ...claimOf(claim), stage: claim.stage, since: claim.time },
  };
}

function claimOf({ epoch, run, host, from, by }: Entry): Claim {
  return { epoch, run, host, from, by };
}

async function readEntry(target: Target, epoch: number, stage: EpochStage): Promise<Entry> {
  const path = epochPath(epoch, stage);
  const bytes = await target.get(path);
  try {
    const entry = JSON.parse(bytes.toString('utf8')) as Partial<Entry>;
    const { run, host, from, by, time } = entry;
    if (entry.epoch === epoch && entry.stage === stage && typeof time === 'string' && typeof by === 'string')
      if (typeof run === 'string' && typeof host === 'string' && typeof from === 'string')
        return { epoch, stage, run, host, from, by, time };
  } catch {
    // told below
  }
  throw new MailrecoverError('damage', `'${path}' does not say who serves`, {
    subject: path,
    hint: 'somebody changed it: look at who can write into the repository before anything else',
  });
}

/**
 * Claims an epoch.
 * @throws MailrecoverError `locked` where somebody else has it
 */
export async function claimEpoch(target: Target, claim: Claim): Promise<void> {
  if (await putStage(target, claim, 'claim')) return;
  const holder = await readEntry(target, claim.epoch, 'claim');
  if (holder.run === claim.run) return;
  throw new MailrecoverError(
    'locked',
    `epoch ${claim.epoch} belongs to another switch, to '${holder.host}', which ${holder.by} began at ${holder.time}`,
    {
      hint: "see how far it is: 'mailrecover standby status'",
      subject: holder.run,
    },
  );
}

/**
 * Says how far a switch has come.
 * @returns false where that was said already, by the same run
 * @throws MailrecoverError `locked` where another run said it
 */
export async function putStage(target: Target, claim: Claim, stage: EpochStage): Promise<boolean> {
  const entry: Entry = { ...claim, stage, time: isoNow() };
  if (await target.put(epochPath(claim.epoch, stage), Buffer.from(`${JSON.stringify(entry)}\n`), { exclusive: true })) return true;
  const there = await readEntry(target, claim.epoch, stage);
  if (there.run === claim.run) return false;
  if (stage === 'claim') return false;
  throw new MailrecoverError('locked', `epoch ${claim.epoch} belongs to another switch (${there.run})`, { subject: there.run });
}

/** When a switch reached a stage, UTC; undefined where it did not. */
export async function stageTime(target: Target, { epoch, run }: Claim, stage: EpochStage): Promise<string | undefined> {
  if ((await target.size(epochPath(epoch, stage))) === undefined) return undefined;
  const entry = await readEntry(target, epoch, stage);
  return entry.run === run ? entry.time : undefined;
}

/** Whether a switch still holds its epoch: no later one was claimed, and it was not withdrawn. */
export async function holdsEpoch(target: Target, claim: Claim): Promise<boolean> {
  const { epoch, open } = await readEpoch(target);
  return epoch === claim.epoch && open?.run === claim.run;
}

export interface Writer {
  /** The host from which is written, and whose mail is right; names of the configuration. */
  from: string;
  to: string;
  /** Who serves where there never was a switch: the primary of the configuration. */
  primary: string;
  /** The switch that the writer works for, where it does. */
  run?: string | undefined;
}

/**
 * Asks whether mail may be written from one host to the other now.
 * @returns the epoch, which everything that is written carries
 * @throws MailrecoverError `refused` where the other host serves, or a switch is under way that the writer is no part of
 */
export async function checkWriter(target: Target, { from, to, primary, run }: Writer): Promise<number> {
  const { epoch, active = primary, open } = await readEpoch(target);
  if (open !== undefined && open.run !== run)
    throw new MailrecoverError('refused', `a switch to '${open.host}' is under way since ${open.since} (epoch ${open.epoch})`, {
      hint: "wait until it has ended: 'mailrecover standby status'",
      subject: open.run,
    });
  if (active !== from)
    throw new MailrecoverError('refused', `'${active}' serves since epoch ${epoch}: nothing is written from '${from}' to '${to}'`, {
      hint: active === to ? "to go back: 'mailrecover standby failback'" : 'look at the names of the hosts in the configuration',
      subject: from,
    });
  return epoch;
}
