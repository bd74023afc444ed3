/** Applies catalogs, a base and its deltas, to the state of a snapshot. */
import { decodeName } from './encoding.ts';

/** What is known of one thing in a directory. `parts` name entry and pack file. */
export type Item = {
  kind: 'file' | 'link' | 'msg';
  name: string;
  in?: string;
  flags?: string;
  to?: string;
  mode?: string;
  user?: string;
  group?: string;
  mtime?: string;
  size?: number;
  parts?: { sha: string; pack: string }[];
};
/** A directory with the things in it, keyed by kind and name. */
export type Dir = { path: string; mode?: string; user?: string; group?: string; mtime?: string; items: Map<string, Item> };
/** An area of a mailbox. */
export type Section = { mailbox: string; store: string; area: string; root: string; dirs: Map<string, Dir> };
export type State = Map<string, Section>;

type Line = Record<string, unknown>;

/** Applies the lines of one catalog, in place. */
export function applyCatalog(state: State, lines: string[]): void {
  let packs: string[] = [];
  let section: Section | undefined;
  let dir: Dir | undefined;
  let before: Item | undefined;
  lines.forEach((text, index) => {
    const line = JSON.parse(text) as Line;
    const first = Object.keys(line)[0] ?? '';
    if ((first === 'catalog') !== (index === 0)) throw new Error('the first line, and only that, says catalog');
    if (first === 'catalog') {
      packs = line.packs as string[];
      if (line.kind === 'base') state.clear();
    } else if (first === 'mailbox') {
      section = openSection(state, line);
      dir = undefined;
    } else if (first === 'dir') {
      if (!section) throw new Error('a directory outside a section');
      const next = openDir(section, line);
      if (next !== dir) before = undefined;
      dir = next;
    } else if (first === 'file' || first === 'link' || first === 'msg') {
      if (!dir) throw new Error('a thing outside a directory');
      const item = applyItem(dir, first, line, packs, before);
      if (first === 'msg' && 'sha' in line) before = item;
    } else if (first !== 'frame') throw new Error(`unknown line: ${text}`);
  });
}

function openSection(state: State, line: Line): Section | undefined {
  const key = JSON.stringify([line.store, line.mailbox, line.area]);
  if (line.gone) {
    state.delete(key);
    return undefined;
  }
  const section = state.get(key) ?? { mailbox: '', store: '', area: '', root: '', dirs: new Map<string, Dir>() };
  Object.assign(section, { mailbox: line.mailbox, store: line.store, area: line.area, root: line.root });
  state.set(key, section);
  return section;
}

function openDir(section: Section, line: Line): Dir | undefined {
  const path = line.dir as string;
  if (line.gone) {
    section.dirs.delete(path);
    return undefined;
  }
  const dir: Dir = section.dirs.get(path) ?? { path, items: new Map() };
  for (const key of ['mode', 'user', 'group', 'mtime'] as const) if (typeof line[key] === 'string') dir[key] = line[key];
  section.dirs.set(path, dir);
  return dir;
}

function applyItem(dir: Dir, kind: Item['kind'], line: Line, packs: string[], before: Item | undefined): Item | undefined {
  const name = line[kind] as string;
  const key = `${kind} ${name}`;
  if (line.gone) {
    dir.items.delete(key);
    return undefined;
  }
  const partial = kind === 'msg' && !('sha' in line);
  const old = dir.items.get(key);
  if (partial && !old) throw new Error(`a change of an unknown message: ${name}`);
  const item: Item = partial && old ? { ...old } : { kind, name };
  for (const field of ['in', 'flags', 'to', 'mode', 'user', 'group', 'mtime'] as const) {
    const value =
      line[field] ??
      (kind === 'msg' && !partial && (field === 'mode' || field === 'user' || field === 'group') ? before?.[field] : undefined);
    if (typeof value === 'string') item[field] = value;
  }
  if (typeof line.size === 'number') item.size = line.size;
  if (kind === 'file') {
    item.parts = (line.parts as string[]).map((part) => {
      const [sha, pack] = part.split(':');
      return { sha: sha ?? '', pack: packs[Number(pack)] ?? '' };
    });
  } else if (kind === 'msg' && 'pack' in line) {
    item.parts = [{ sha: (line.sha as string | undefined) ?? item.parts?.[0]?.sha ?? '', pack: packs[line.pack as number] ?? '' }];
  }
  const needed =
    kind === 'link' ? (['to', 'user', 'group', 'mtime'] as const) : (['mode', 'user', 'group', 'mtime', 'size', 'parts'] as const);
  for (const field of kind === 'msg' ? (['in', 'flags', ...needed] as const) : needed) {
    if (item[field] === undefined) throw new Error(`${kind} ${name} has no ${field}`);
  }
  dir.items.set(key, item);
  return item;
}

/** Where a thing lies below the directory of a restore, as bytes; throws for paths that would lead elsewhere. */
export function itemPath(section: Section, dir: Dir, item?: Item): Buffer {
  const parts = [section.root, dir.path];
  if (item?.kind === 'msg') parts.push(item.in ?? '', item.name + (item.flags ?? ''));
  else if (item) parts.push(item.name);
  const path = decodeName(parts.filter((part) => part !== '').join('/'));
  const pieces = path.toString('latin1').split('/');
  if (path.includes(0) || (path.length > 0 && pieces.some((piece) => piece === '' || piece === '.' || piece === '..')))
    throw new Error('a path that leads elsewhere');
  return path;
}
