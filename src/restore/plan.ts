/** What a restore will write, grouped by the packs it comes from. */
import type { FullSection, LinkState, Owned, Part } from '../repository/catalog/model.ts';
import type { PackNumbering } from '../repository/catalog/decode.ts';

/** A file to write. Paths are byte strings below the target directory. */
export interface PlannedFile extends Owned {
  path: string;
  size: number;
  parts: Part[];
  /** Bytes of each part, known once the file was put together from several. */
  partSizes?: number[];
  /** Base name of the message, or undefined for other files. */
  message?: string;
  /** Whether it is of an INBOX, which people look for first. */
  isInbox?: true;
  mailbox: string;
}

export interface RestorePlan {
  directories: Map<string, Owned>;
  files: PlannedFile[];
  links: Map<string, LinkState>;
  numbering: PackNumbering;
  counts: { mailboxes: number; messages: number; files: number; bytes: number };
}

function under(root: string, path: string): string {
  return root === '' || path === '' ? root + path : `${root}/${path}`;
}

/** Takes one section up in the plan. */
export function addToPlan(plan: RestorePlan, section: FullSection): void {
  const { root, mailbox } = section;
  if (section.area === 'view') {
    for (const { messages } of section.dirs.values())
      for (const { size } of messages.values()) {
        plan.counts.messages++;
        plan.counts.bytes += size;
      }
    return;
  }
  for (const [path, dir] of section.dirs) {
    const place = under(root, path);
    plan.directories.set(place, dir.own);
    const where = { cur: under(place, 'cur'), new: under(place, 'new') };
    const inbox = isInbox(place) ? ({ isInbox: true } as const) : undefined;
    for (const [name, file] of dir.files) {
      plan.files.push({ ...file, path: under(place, name), mailbox });
      plan.counts.files++;
    }
    for (const [name, link] of dir.links) plan.links.set(under(place, name), link);
    for (const [base, message] of dir.messages) {
      const { mode, user, group, mtime, size } = message;
      plan.files.push({
        mode,
        user,
        group,
        mtime,
        size,
        path: `${where[message.in]}/${base}${message.flags}`,
        parts: [{ sha: message.sha, pack: message.pack }],
        message: base,
        mailbox,
        ...inbox,
      });
      plan.counts.messages++;
      plan.counts.bytes += size;
    }
  }
}

export function emptyPlan(numbering: PackNumbering): RestorePlan {
  return { directories: new Map(), files: [], links: new Map(), numbering, counts: { mailboxes: 0, messages: 0, files: 0, bytes: 0 } };
}

/** One place where an entry is wanted. */
export interface Want {
  file: PlannedFile;
  /** Number of the part, for files of several. */
  part: number;
}

/** Which entries are wanted of which pack (by number). */
export type PackWants = Map<number, Map<string, Want[]>>;

export function addWant(wants: PackWants, pack: number, sha: string, want: Want): void {
  let entries = wants.get(pack);
  if (entries === undefined) wants.set(pack, (entries = new Map()));
  const held = entries.get(sha);
  if (held === undefined) entries.set(sha, [want]);
  else held.push(want);
}

/** Whether a folder's directory is that of an INBOX: no folder of a Maildir++, whose names begin with a dot. */
function isInbox(directory: string): boolean {
  return directory !== '' && directory[directory.lastIndexOf('/') + 1] !== '.';
}

/** Groups the plan's files by pack; packs with the most INBOX mail come first. */
export function wantsOf(plan: RestorePlan): PackWants {
  const wants: PackWants = new Map();
  const inbox = new Map<number, number>();
  for (const file of plan.files) {
    for (const [part, { sha, pack }] of file.parts.entries()) {
      addWant(wants, pack, sha, { file, part });
      if (file.isInbox === true) inbox.set(pack, (inbox.get(pack) ?? 0) + 1);
    }
  }
  return new Map([...wants].sort(([a], [b]) => (inbox.get(b) ?? 0) - (inbox.get(a) ?? 0)));
}
