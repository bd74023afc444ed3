/** In which order folders get their history back, and how long that takes. Pure. */
import type { BehindFolder, BehindPlan, Unit } from './model.ts';

/** What a message costs beside its bytes: a file that is made, and a line. */
const PER_MESSAGE = 8192;

/** Folders that lie ready at the same time: packs are read once for all of them. */
const BATCH = { messages: 20_000, bytes: 256 * 1024 * 1024 };
/** Directories are held open. */
const MOST_FOLDERS = 100;

/** The first result is to be seen soon. */
const FIRST_BATCH = { messages: 500, bytes: 16 * 1024 * 1024 };

export function costOf({ messages, bytes }: Pick<BehindFolder, 'messages' | 'bytes'>): number {
  return bytes + messages * PER_MESSAGE + PER_MESSAGE;
}

/** Chosen mailboxes first, INBOX before other folders, and of those the ones that got mail last. */
export function unitsInOrder({ mailboxes }: Pick<BehindPlan, 'mailboxes'>): Unit[] {
  const units = mailboxes.flatMap(({ first, folders }, mailbox) =>
    folders.map(({ name, newest }, folder) => ({ mailbox, folder, first, inbox: name === 'INBOX', newest })),
  );
  units.sort(
    (a, b) =>
      Number(b.first) - Number(a.first) ||
      Number(b.inbox) - Number(a.inbox) ||
      b.newest - a.newest ||
      a.mailbox - b.mailbox ||
      a.folder - b.folder,
  );
  return units.map(({ mailbox, folder }) => ({ mailbox, folder }));
}

/** Splits units into what is laid ready at once; what is asked for first, and INBOXes, do not wait for others. */
export function batchesOf(plan: Pick<BehindPlan, 'mailboxes'>, units: readonly Unit[]): Unit[][] {
  const batches: Unit[][] = [];
  let held = { messages: 0, bytes: 0 };
  let kind = '';
  for (const unit of units) {
    const mailbox = plan.mailboxes[unit.mailbox];
    const folder = mailbox?.folders[unit.folder];
    if (mailbox === undefined || folder === undefined) continue;
    const limit = batches.length <= 1 ? FIRST_BATCH : BATCH;
    const next = `${mailbox.first} ${folder.name === 'INBOX'}`;
    const last = batches.at(-1);
    if (
      last === undefined ||
      last.length >= MOST_FOLDERS ||
      next !== kind ||
      held.messages + folder.messages > limit.messages ||
      held.bytes + folder.bytes > limit.bytes
    ) {
      batches.push([unit]);
      held = { messages: 0, bytes: 0 };
    } else last.push(unit);
    kind = next;
    held = { messages: held.messages + folder.messages, bytes: held.bytes + folder.bytes };
  }
  return batches;
}

/**
 * When each mailbox that is not complete will be, in seconds from now.
 * @param left folders that have no history yet, in their order
 * @param perSecond cost that was brought back in a second; undefined where nothing was yet
 * @returns by number of the mailbox; undefined where it can't be told
 */
export function timesLeft(
  plan: Pick<BehindPlan, 'mailboxes'>,
  left: readonly Unit[],
  perSecond: number | undefined,
): Map<number, number | undefined> {
  const times = new Map<number, number | undefined>();
  let cost = 0;
  for (const { mailbox, folder } of left) {
    const each = plan.mailboxes[mailbox]?.folders[folder];
    if (each === undefined) continue;
    cost += costOf(each);
    times.set(mailbox, perSecond === undefined || perSecond <= 0 ? undefined : Math.ceil(cost / perSecond));
  }
  return times;
}
