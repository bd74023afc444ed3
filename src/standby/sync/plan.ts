/** What has to be done so that a mailbox of the standby becomes what the active host has. Pure: plain states in, a plan out. */
import type { Finding } from '../../errors/finding.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import { messageKey, type CommitOptions, type FileCut, type MailboxCut, type MessageCut, type SyncCounts } from './model.ts';

export interface TakeOverPlan {
  makeDirs: MailboxCut['dirs'];
  /** Messages to put in, from what lies ready. */
  adds: MessageCut[];
  /** Messages that are there under another name: their flags changed, or they went from `new` to `cur`. */
  renames: { from: MessageCut; to: MessageCut }[];
  /** Messages that the active host no longer has, and that came from it. */
  removes: MessageCut[];
  /** Messages that nobody knows of. */
  foreign: MessageCut[];
  files: FileCut[];
  removeFiles: Pick<FileCut, 'area' | 'path'>[];
  links: MailboxCut['links'];
  removeLinks: MailboxCut['links'];
  /** Deepest first. */
  removeDirs: MailboxCut['dirs'];
}

/** So many messages may go whatever their share is. */
const FEW = 50;

/**
 * @param has what lies on the standby
 * @param wanted what the active host has
 * @param known what was taken over before, and what was about to be when a run was killed: only that is ever removed
 */
export function planTakeOver(has: MailboxCut, wanted: MailboxCut, known: readonly MailboxCut[]): TakeOverPlan {
  const plan: TakeOverPlan = {
    makeDirs: lacking(wanted.dirs, has.dirs),
    adds: [],
    renames: [],
    removes: [],
    foreign: [],
    files: changedFiles(wanted.files, has.files),
    removeFiles: [],
    links: wanted.links.filter((link) => !has.links.some((each) => pathKey(each) === pathKey(link) && each.to === link.to)),
    removeLinks: [],
    removeDirs: [],
  };
  const ours = new Set(known.flatMap(({ messages }) => messages.map(({ dir, base }) => messageKey(dir, base))));
  const here = new Map(has.messages.map((message) => [messageKey(message.dir, message.base), message]));
  for (const message of wanted.messages) {
    const key = messageKey(message.dir, message.base);
    const held = here.get(key);
    here.delete(key);
    if (held === undefined) plan.adds.push(message);
    else if (held.size !== message.size || held.mtime !== message.mtime) {
      // The same name for other bytes: one of the two is not what it seems to be.
      plan.foreign.push(held);
      plan.adds.push(message);
    } else if (held.in !== message.in || held.flags !== message.flags) plan.renames.push({ from: held, to: message });
  }
  for (const [key, message] of here) (ours.has(key) ? plan.removes : plan.foreign).push(message);

  const wantedFiles = new Set(wanted.files.map(pathKey));
  const knownFiles = new Set(known.flatMap(({ files }) => files.map(pathKey)));
  plan.removeFiles = has.files.filter((file) => !wantedFiles.has(pathKey(file)) && knownFiles.has(pathKey(file)));
  const wantedLinks = new Set(wanted.links.map(pathKey));
  const knownLinks = new Set(known.flatMap(({ links }) => links.map(pathKey)));
  plan.removeLinks = has.links.filter((link) => !wantedLinks.has(pathKey(link)) && knownLinks.has(pathKey(link)));
  const knownDirs = new Set(known.flatMap(({ dirs }) => dirs.map(pathKey)));
  plan.removeDirs = lacking(has.dirs, wanted.dirs)
    .filter((dir) => knownDirs.has(pathKey(dir)))
    .toSorted((a, b) => b.path.length - a.path.length);
  return plan;
}

function pathKey({ area, path }: { area: string; path: ByteString }): string {
  return `${area}\0${path}`;
}

/** Directories of the first that the second does not have. */
function lacking(wanted: MailboxCut['dirs'], has: MailboxCut['dirs']): MailboxCut['dirs'] {
  const there = new Set(has.map(pathKey));
  return wanted.filter((dir) => !there.has(pathKey(dir))).toSorted((a, b) => a.path.length - b.path.length);
}

/** Files whose content differs, in the order in which they are to be written: what speaks of messages after those, the lists of UIDs last. */
function changedFiles(wanted: readonly FileCut[], has: readonly FileCut[]): FileCut[] {
  const shas = new Map(has.map((file) => [pathKey(file), file.sha]));
  return wanted.filter((file) => shas.get(pathKey(file)) !== file.sha).toSorted((a, b) => rank(a) - rank(b));
}

function rank({ path }: FileCut): number {
  if (isUidlist(path)) return 2;
  return path.endsWith('dovecot-keywords') ? 1 : 0;
}

export function isUidlist(path: ByteString): boolean {
  return path === 'dovecot-uidlist' || path.endsWith('/dovecot-uidlist');
}

export function countPlan(plan: TakeOverPlan): SyncCounts {
  return {
    added: plan.adds.length,
    reflagged: plan.renames.length,
    removed: plan.removes.length,
    setAside: plan.foreign.length,
    files: plan.files.length + plan.removeFiles.length + plan.links.length + plan.removeLinks.length,
    bytes: plan.adds.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Whether a plan does anything. */
export function isNothing(plan: TakeOverPlan): boolean {
  return Object.values(plan).every((steps) => (steps as unknown[]).length === 0);
}

/**
 * Why a plan must not be carried out: it would take away mail that did not come from the active host, or most of a mailbox at once.
 * @returns the finding that says so, or undefined
 */
export function refusal(
  plan: TakeOverPlan,
  has: MailboxCut,
  { adopt, allowLoss }: Pick<CommitOptions, 'adopt' | 'allowLoss'>,
): Finding | undefined {
  const subject = displayBytes(has.mailbox);
  const [stray] = plan.foreign;
  if (stray !== undefined && !adopt)
    return {
      severity: 'error',
      code: 'not-synced',
      message: `mailbox '${subject}' holds ${plan.foreign.length === 1 ? 'a message' : `${plan.foreign.length} messages`} on the standby that did not come from the active host, such as '${displayBytes(stray.base)}'; it was left as it is`,
      hint: 'if the standby has served mail since, merge it first (standby failback); if they are left over from something else, set them aside: --adopt',
      subject,
    };
  if (!allowLoss && plan.removes.length > FEW && plan.removes.length * 2 > has.messages.length)
    return {
      severity: 'error',
      code: 'mass-deletion',
      message: `${plan.removes.length} of the ${has.messages.length} messages of mailbox '${subject}' are gone on the active host; on the standby they were left as they are`,
      hint: 'see that its file system is mounted there and that the mailbox was emptied on purpose; then: standby sync --allow-loss',
      subject,
    };
  return undefined;
}
