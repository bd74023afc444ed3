/** Catalog sections from what was read live: whole, or as what changed since the backup before. */
import {
  emptyDir,
  type Area,
  type Dir,
  type FileState,
  type LinkState,
  type MessagePatch,
  type MessageState,
  type Owned,
  type Part,
  type Section,
} from '../repository/catalog/model.ts';
import {
  RenamedMessage,
  type LiveArea,
  type LiveDir,
  type LiveFile,
  type LiveLink,
  type LiveMessage,
  type LiveStat,
  type StoredPart,
} from '../store/live.ts';
import { groupName, userName } from '../system/owners.ts';
import { KeptMessage } from './state/columns.ts';

export interface SectionHead {
  mailbox: string;
  store: string;
  area: Area;
  root: string;
}

export interface Changes {
  newMessages: number;
  removedMessages: number;
  flagChanges: number;
  /** Messages whose bytes changed under their name: mail never does that. */
  changedContent: string[];
}

function owned(stat: LiveStat): Owned {
  return { mode: stat.mode, user: userName(stat.uid), group: groupName(stat.gid), mtime: stat.mtime };
}

function message(live: LiveMessage): MessageState {
  const rest = live.rest === undefined ? {} : { rest: parts(live.rest) };
  return { ...owned(live.stat), in: live.in, flags: live.flags, size: live.stat.size, sha: live.sha, pack: live.place, ...rest };
}

function parts(live: readonly StoredPart[]): Part[] {
  return live.map(({ sha, place }) => ({ sha, pack: place }));
}

function file(live: LiveFile): FileState {
  return { ...owned(live.stat), size: live.stat.size, parts: parts(live.parts) };
}

function link(live: LiveLink): LinkState {
  return { to: live.to, user: userName(live.stat.uid), group: groupName(live.stat.gid), mtime: live.stat.mtime };
}

function wholeDir(live: LiveDir): Dir {
  const dir: Dir = { ...emptyDir(), own: owned(live.stat) };
  for (const [name, each] of live.files) dir.files.set(name, file(each));
  for (const [name, each] of live.links) dir.links.set(name, link(each));
  for (const [base, each] of live.messages) dir.messages.set(base, message(each));
  return dir;
}

/** All that there is in an area. */
export function wholeSection(head: SectionHead, live: LiveArea): Section {
  return { ...head, dirs: new Map(Array.from(live.dirs, ([path, dir]): [string, Dir] => [path, wholeDir(dir)])) };
}

function sameOwner(a: LiveStat, b: LiveStat): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtime === b.mtime;
}

function isOwnedAs(message: LiveMessage, stat: LiveStat): boolean {
  return message instanceof KeptMessage ? message.columns.isOwnedAs(message.row, stat) : sameOwner(message.stat, stat);
}

function sameContent(before: LiveMessage, after: LiveMessage): boolean {
  return (after instanceof RenamedMessage && after.was === before) || before.sha === after.sha;
}

function messageChange(before: LiveMessage, after: LiveMessage): MessageState | MessagePatch | undefined {
  const onlyNamed = after instanceof RenamedMessage && after.was === before && after.seen === undefined;
  if (!onlyNamed && (!sameContent(before, after) || !isOwnedAs(before, after.stat) || !sameParts(before.rest, after.rest)))
    return message(after);
  const patch: MessagePatch = {};
  if (before.in !== after.in || before.flags !== after.flags) {
    patch.in = after.in;
    patch.flags = after.flags;
  }
  if (before.place !== after.place) patch.pack = after.place;
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function sameFile(a: LiveFile, b: LiveFile): boolean {
  return sameOwner(a.stat, b.stat) && a.stat.size === b.stat.size && sameParts(a.parts, b.parts);
}

function sameParts(a: readonly StoredPart[] = [], b: readonly StoredPart[] = []): boolean {
  return a.length === b.length && a.every((part, index) => part.sha === b[index]?.sha && part.place === b[index]?.place);
}

function diffDir(path: string, before: LiveDir, after: LiveDir, changes: Changes): Dir | undefined {
  const dir = emptyDir();
  if (!sameOwner(before.stat, after.stat)) dir.own = owned(after.stat);
  for (const [name, each] of after.files) {
    const old = before.files.get(name);
    if (old === undefined || !sameFile(old, each)) dir.files.set(name, file(each));
  }
  for (const name of before.files.keys()) if (!after.files.has(name)) dir.files.set(name, null);
  for (const [name, each] of after.links) {
    const old = before.links.get(name);
    if (old === undefined || old.to !== each.to || !sameOwner(old.stat, each.stat)) dir.links.set(name, link(each));
  }
  for (const name of before.links.keys()) if (!after.links.has(name)) dir.links.set(name, null);
  if (after.messages !== before.messages) diffMessages(path, before, after, dir, changes);
  const changed = dir.own !== undefined || dir.files.size > 0 || dir.links.size > 0 || dir.messages.size > 0;
  return changed ? dir : undefined;
}

function diffMessages(path: string, before: LiveDir, after: LiveDir, dir: Dir, changes: Changes): void {
  for (const [base, each] of after.messages) {
    const old = before.messages.get(base);
    if (old === each) continue;
    if (old === undefined) {
      changes.newMessages++;
      dir.messages.set(base, message(each));
      continue;
    }
    if (old.flags !== each.flags) changes.flagChanges++;
    if (!sameContent(old, each)) changes.changedContent.push(`${path === '' ? '' : `${path}/`}${base}`);
    const change = messageChange(old, each);
    if (change !== undefined) dir.messages.set(base, change);
  }
  for (const base of before.messages.keys()) {
    if (after.messages.has(base)) continue;
    changes.removedMessages++;
    dir.messages.set(base, null);
  }
}

/** What changed in an area, or undefined where nothing did. Counts are added to `changes`. */
export function diffSection(head: SectionHead, before: LiveArea, after: LiveArea, changes: Changes): Section | undefined {
  const section: Section = { ...head, dirs: new Map() };
  for (const [path, dir] of after.dirs) {
    const old = before.dirs.get(path);
    if (old === undefined) {
      section.dirs.set(path, wholeDir(dir));
      changes.newMessages += dir.messages.size;
    } else {
      const change = diffDir(path, old, dir, changes);
      if (change !== undefined) section.dirs.set(path, change);
    }
  }
  for (const [path, dir] of before.dirs) {
    if (after.dirs.has(path)) continue;
    changes.removedMessages += dir.messages.size;
    section.dirs.set(path, { ...emptyDir(), gone: true });
  }
  return section.dirs.size === 0 ? undefined : section;
}
