/** What a snapshot holds of the server beside its mail, and how that differs from another. */
import type { FullSection, Owned } from '../../repository/catalog/model.ts';
import { displayBytes } from '../../store/bytes.ts';
import { RESERVED, SYSTEM } from '../../store/system/types.ts';
import { stateOf, type Source } from './source.ts';

export interface SystemEntry {
  /** Of files and links as it was on the host; what is none, below `mailrecover/`. */
  path: string;
  kind: 'file' | 'link';
  /** Bytes; 0 for links. */
  size: number;
  /** Octal. */
  mode?: string;
  user: string;
  group: string;
  /** UTC. */
  date: string;
  /** Where a link leads. */
  to?: string;
}

export interface SystemChange {
  change: 'added' | 'removed' | 'content' | 'attributes';
  path: string;
}

interface Held {
  entry: SystemEntry;
  /** Equal for equal bytes. */
  content: string;
}

async function heldBy(source: Source): Promise<Map<string, Held>> {
  const held = new Map<string, Held>();
  for await (const section of (await stateOf(source, [{ mailbox: SYSTEM, store: SYSTEM }])).sections)
    if (section.store === SYSTEM) for (const each of entriesOf(section)) held.set(each.entry.path, each);
  return held;
}

function* entriesOf(section: FullSection): Generator<Held> {
  const place = section.area === 'files' ? '/' : `${RESERVED}/${section.area}/`;
  for (const [dir, { files, links }] of section.dirs) {
    const path = (name: string): string => place + displayBytes(dir === '' ? name : `${dir}/${name}`);
    for (const [name, file] of files)
      yield {
        entry: { path: path(name), kind: 'file', size: file.size, mode: file.mode.toString(8), ...facts(file) },
        content: file.parts.map(({ sha }) => sha).join(' '),
      };
    for (const [name, link] of links) {
      const to = displayBytes(link.to);
      yield { entry: { path: path(name), kind: 'link', size: 0, ...facts(link), to }, content: to };
    }
  }
}

function facts({ user, group, mtime }: Omit<Owned, 'mode'>): { user: string; group: string; date: string } {
  return { user, group, date: new Date(Math.floor(mtime / 1000)).toISOString() };
}

/** Files and links of the server in a snapshot, by path. */
export async function listSystem(source: Source): Promise<SystemEntry[]> {
  return [...(await heldBy(source)).values()].map(({ entry }) => entry).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What of the server came, went or changed from one snapshot to the other, by path. */
export async function diffSystem(before: Source, after: Source): Promise<SystemChange[]> {
  const [old, now] = [await heldBy(before), await heldBy(after)];
  const changes: SystemChange[] = [];
  for (const [path, { entry, content }] of now) {
    const was = old.get(path);
    if (was === undefined) changes.push({ change: 'added', path });
    else if (was.content !== content || was.entry.kind !== entry.kind) changes.push({ change: 'content', path });
    else if (was.entry.mode !== entry.mode || was.entry.user !== entry.user || was.entry.group !== entry.group)
      changes.push({ change: 'attributes', path });
  }
  for (const path of old.keys()) if (!now.has(path)) changes.push({ change: 'removed', path });
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}
