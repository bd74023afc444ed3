/** What could not be read this time, and was read by an earlier backup, stays in the snapshot: unreadable is not deleted. */
import type { Finding } from '../errors/finding.ts';
import { displayBytes } from '../store/bytes.ts';
import type { LiveArea, LiveMessage } from '../store/live.ts';

export interface CarryOptions {
  /** Absolute path of the area. */
  root: string;
  prior: LiveArea | undefined;
  findings: readonly Finding[];
  /** Places whose content is no longer stored. */
  lost: (place: number) => boolean;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function join(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

/** A path as findings show it, of messages without their flags: they may have changed since. */
function withoutFlags(path: string): string {
  const name = path.lastIndexOf('/') + 1;
  const colon = path.indexOf(':', name);
  return colon < 0 ? path : path.slice(0, colon);
}

/** Adds to what was read of an area what the findings call unreadable and an earlier backup had read. */
export function carryUnreadable(live: LiveArea, { root, prior, findings, lost }: CarryOptions): void {
  if (prior === undefined) return;
  const subjects = findings.flatMap(({ code, subject }) => (code === 'unreadable' && subject !== undefined ? [subject] : []));
  if (subjects.length === 0) return;
  const unreadable = new Set(subjects);
  const messages = new Set(subjects.map(withoutFlags));
  const isUnreadable = (path: string): boolean => unreadable.has(displayBytes(join(root, path)));
  const isHidden = (path: string): boolean => isUnreadable(path) || (path !== '' && isHidden(parentOf(path)));
  const isMissed = (folder: string, base: string, { in: where }: LiveMessage): boolean =>
    isHidden(join(folder, where)) || ['cur', 'new'].some((part) => messages.has(displayBytes(join(root, folder, part, base))));

  for (const [path, before] of prior.dirs) {
    const kept =
      live.dirs.get(path) ??
      (isHidden(path) ? { ...before, settled: false, files: new Map(), links: new Map(), messages: new Map() } : undefined);
    if (kept === undefined) continue;
    live.dirs.set(path, kept);
    for (const [name, file] of before.files)
      if (!kept.files.has(name) && isHidden(join(path, name)) && !file.parts.some((part) => lost(part.place)))
        kept.files.set(name, { ...file, settled: false });
    for (const [name, link] of before.links) if (!kept.links.has(name) && isHidden(join(path, name))) kept.links.set(name, link);
    for (const [base, message] of before.messages)
      if (!kept.messages.has(base) && !lost(message.place) && isMissed(path, base, message)) kept.messages.set(base, message);
  }
}
