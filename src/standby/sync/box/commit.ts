/** Having Dovecot take a mailbox over, and writing down what both hosts have in common after it. */
import { MailrecoverError } from '../../../errors/error.ts';
import { Handles } from '../../../restore/live/aside.ts';
import { displayBytes } from '../../../store/bytes.ts';
import { applyPlan } from '../apply.ts';
import { contentIn, overtaken } from '../held.ts';
import { NOTHING, type CommitOptions, type Ends, type MailboxCut, type Taken, type TakeOver } from '../model.ts';
import { lacksOwner, makeRoot, ownerOf } from '../owner.ts';
import { syncPlaceOf, type MailboxPlace, type SyncStore } from '../place.ts';
import { planTakeOver, refusal, type TakeOverPlan } from '../plan.ts';
import type { Staging } from '../staging.ts';
import { hashOf, type TakenStore } from '../taken.ts';
import type { Watch } from '../watch.ts';
import { countBox, isSame, isSameMail, sameFolders } from './compare.ts';
import { boxOwner } from './doveadm.ts';
import { makeBoxRoot, otherFormat, setBoxAside } from './place.ts';
import { pull, type Pulled } from './pull.ts';

export interface BoxCommitOptions {
  /** Directory of this host's state. */
  state: string;
  stores: readonly SyncStore[];
  epoch: number;
  guard: () => Promise<void>;
  dovecot?: string | undefined;
  signal?: AbortSignal;
  taken: TakenStore;
  watch: Watch;
  /** Number of the state that was taken over last when the mailbox was opened. */
  opened: number | undefined;
  /** What lies on this host, and what lies ready for it. */
  look: (place: MailboxPlace) => Promise<{ has: MailboxCut; staging: Staging }>;
  /** It need not be remembered as open any more. */
  done: () => void;
}

/** To be called under the lock of the standby's mail. It is ended where the epoch changes meanwhile. @throws as {@link pull}, `refused` by the guard */
export async function commitBox(
  options: BoxCommitOptions,
  cut: MailboxCut,
  how: CommitOptions,
  dsync: (() => Promise<Ends>) | undefined,
): Promise<TakeOver> {
  const { taken: store, guard, stores, look, opened } = options;
  await guard();
  const place = syncPlaceOf(cut, stores);
  if (place.format !== cut.box?.format) return { counts: NOTHING, findings: [otherFormat(cut, place.format)] };
  const { staging, has } = await look(place);
  const [taken, next] = [store.read(cut), store.readNext(cut)];
  if (opened !== undefined && opened !== (taken?.number ?? 0)) return { counts: NOTHING, findings: [overtaken(cut)] };
  const known = [taken, next].flatMap((each) => (each === undefined ? [] : [each.cut]));
  const plan = planTakeOver(has, cut, known);
  const no = refusal(plan, has, how) ?? lacksOwner(cut, place);
  if (no !== undefined) return { counts: NOTHING, findings: [no] };
  const counts = countBox(plan, has, cut);
  if (how.dryRun) return { counts, findings: [] };
  const record: Omit<Taken, 'cut'> = { version: 1, epoch: options.epoch, number: (taken?.number ?? 0) + 1, folders: [] };
  let after = has;
  let pulled: Pulled = { remembered: taken?.dsync, bytes: 0, again: false };
  if (!isSame(has, cut)) {
    await store.begin({ ...record, cut });
    await applyFiles(options, { cut, place, staging, has, plan });
    // Where nothing but Sieve scripts changed Dovecot has nothing to do.
    if (!isSameMail(plan) || !sameFolders(cut, has)) {
      if (dsync === undefined) throw new MailrecoverError('bug', 'Dovecot on the other host was not asked for');
      // What dsync remembers holds as long as the mailbox here is what it left.
      const isKnown = taken !== undefined && next === undefined && isSame(has, taken.cut);
      const remembered = how.full === true ? undefined : isKnown ? (taken.dsync ?? '') : '';
      pulled = await pullBox(options, place, remembered, dsync);
    }
    ({ has: after } = await look(place));
  }
  const { print, ...plain } = cut;
  const { remembered } = pulled;
  const isThere = isSame(after, cut);
  // What the standby has, rather than what was asked for: that is what both have in common.
  const common: MailboxCut = { ...plain, box: after.box ?? cut.box, messages: after.messages };
  if (isThere && print !== undefined) common.print = print;
  await store.write({ ...record, cut: common, ...(remembered === undefined ? {} : { dsync: remembered }) });
  store.discardNext(cut);
  staging.clear();
  options.done();
  const lacking = planTakeOver(after, cut, []).adds.length + Number(!sameFolders(cut, after));
  return { counts: { ...counts, bytes: pulled.bytes }, findings: [], ...(isThere && !pulled.again ? {} : { differs: { lacking } }) };
}

interface BoxTake {
  cut: MailboxCut;
  place: MailboxPlace;
  staging: Staging;
  has: MailboxCut;
  plan: TakeOverPlan;
}

/** What is not Dovecot's: directories, and Sieve scripts. */
async function applyFiles({ guard }: BoxCommitOptions, { cut, place, staging, has, plan }: BoxTake): Promise<void> {
  const owner = ownerOf(cut, place);
  const handles = new Handles();
  try {
    if (plan.foreign.length > 0) setBoxAside(place, hashOf(cut), handles);
    makeRoot(place, 'mail', owner, handles);
    for (const area of ['control', 'index', 'alt'] as const) makeBoxRoot(place, area, owner, handles);
    if (cut.dirs.length + cut.files.length + cut.links.length > 0) makeRoot(place, 'home', owner, handles);
    const contents = new Map(plan.files.map(({ sha }) => [sha, contentIn(place, staging, has, sha)]));
    const files: TakeOverPlan = { ...plan, adds: [], renames: [], removes: [], foreign: [] };
    await applyPlan({ place, plan: files, staging, owner, handles, contents, guard, aside: () => place.root });
  } finally {
    handles.close();
  }
}

/** @param remembered what dsync remembers; undefined has it look at everything */
async function pullBox(
  { state, guard, dovecot, signal: outer, watch }: BoxCommitOptions,
  place: MailboxPlace,
  remembered: string | undefined,
  dsync: () => Promise<Ends>,
): Promise<Pulled> {
  const owner = boxOwner(place);
  if (owner === undefined) throw new MailrecoverError('io', `'${displayBytes(place.root)}' could not be made`);
  return watch.during(async (signal) => {
    const ends = await dsync();
    // Asked now, that is, right before Dovecot hears of the other host for the first time.
    await guard();
    return pull({ place, owner, access: { dovecot, signal: outer }, state, how: 'backup', remembered, ends, signal });
  });
}
