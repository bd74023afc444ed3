/** Laying a delta over what earlier catalogs said. */
import { emptyDir, isFullMessage, type Dir, type FullSection, type MessagePatch, type MessageState, type Section } from './model.ts';

function overMessage(
  before: MessageState | MessagePatch | null | undefined,
  later: MessageState | MessagePatch,
): MessageState | MessagePatch {
  if (isFullMessage(later) || before === null || before === undefined) return later;
  return { ...before, ...later };
}

function overDir(before: Dir | undefined, later: Dir, keepTombs: boolean): Dir {
  const fresh = before === undefined || before.gone === true || later.reset === true;
  const dir: Dir = fresh ? emptyDir() : before;
  // In a merged delta, that the directory was once removed must still be said.
  if (keepTombs && fresh && (later.reset === true || before?.gone === true)) dir.reset = true;
  if (later.own !== undefined) dir.own = later.own;
  for (const [name, file] of later.files) {
    if (file === null && !keepTombs) dir.files.delete(name);
    else dir.files.set(name, file);
  }
  for (const [name, link] of later.links) {
    if (link === null && !keepTombs) dir.links.delete(name);
    else dir.links.set(name, link);
  }
  for (const [base, message] of later.messages) {
    if (message !== null) dir.messages.set(base, overMessage(dir.messages.get(base), message));
    else if (keepTombs) dir.messages.set(base, null);
    else dir.messages.delete(base);
  }
  return dir;
}

/**
 * Lays the later section over the earlier one, which is changed and returned.
 * @param keepTombs true to merge two deltas, false to get the full state
 */
function overlay(before: Section, later: Section, keepTombs: boolean): Section {
  const wiped = later.reset === true || before.gone === true;
  const section: Section = wiped ? { ...later, dirs: new Map() } : before;
  if (keepTombs && wiped) section.reset = true;
  if (!keepTombs) delete section.reset;
  section.root = later.root;
  for (const [path, dir] of later.dirs) {
    if (dir.gone === true) {
      if (keepTombs) section.dirs.set(path, dir);
      else section.dirs.delete(path);
    } else section.dirs.set(path, overDir(section.dirs.get(path), dir, keepTombs));
  }
  return section;
}

/** Merges a later delta of a section into an earlier delta of it. */
export function mergeDeltas(before: Section | undefined, later: Section): Section {
  if (before === undefined || later.gone === true) return later;
  return overlay(before, later, true);
}

/**
 * The full state of a section after a delta.
 * @returns undefined where the section is gone
 */
export function applySection(before: Section | undefined, later: Section): FullSection | undefined {
  if (later.gone === true) return undefined;
  const start: Section = before ?? { ...later, dirs: new Map() };
  return asFull(overlay(start, later, false));
}

/**
 * Drops what a damaged or hostile delta left incomplete (patches of messages
 * that nobody knows, directories without attributes).
 */
export function asFull(section: Section): FullSection {
  for (const dir of section.dirs.values()) {
    dir.own ??= { mode: 0o700, user: '', group: '', mtime: 0 };
    delete dir.reset;
    for (const [base, message] of dir.messages) if (message === null || !isFullMessage(message)) dir.messages.delete(base);
  }
  return section as FullSection;
}
