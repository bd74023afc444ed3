/** Restores a state with the reader alone, and lists a directory tree for comparisons. */
import {
  chmodSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { sha256, decodeName, parseMtime } from './encoding.ts';
import { itemPath } from './state.ts';
import type { Dir, Item, State } from './state.ts';

type Attributes = Pick<Item, 'mode' | 'user' | 'group' | 'mtime'>;

/** Writes a state below `to`; owners by name, where this runs as root and knows them. */
export function restoreState(state: State, to: string, read: (part: { sha: string; pack: string }) => Buffer): void {
  const base = Buffer.from(to + '/');
  const users = readIds('/etc/passwd');
  const groups = readIds('/etc/group');
  const root = process.getuid?.() === 0;
  const finish = (path: Buffer, what: Attributes, link: boolean): void => {
    if (root && what.user !== undefined && what.group !== undefined) {
      lchownSync(
        path,
        users.get(decodeName(what.user).toString('latin1')) ?? 0,
        groups.get(decodeName(what.group).toString('latin1')) ?? 0,
      );
    }
    if (!link && what.mode !== undefined) chmodSync(path, parseInt(what.mode, 8));
    // Half a microsecond more, so that the double that Node takes never falls below the microsecond that is meant.
    const time = what.mtime === undefined ? undefined : Number(parseMtime(what.mtime) * 10n + 5n) / 1e7;
    // As text: Node takes a negative number for the present.
    if (time !== undefined) lutimesSync(path, String(time), String(time));
  };
  const dirs: { path: Buffer; dir: Dir }[] = [];
  mkdirSync(base, { recursive: true });
  for (const section of state.values()) {
    // No tree of files.
    if (section.area === 'view') continue;
    for (const dir of section.dirs.values()) {
      const path = Buffer.concat([base, itemPath(section, dir)]);
      mkdirSync(path, { recursive: true, mode: 0o700 });
      dirs.push({ path, dir });
    }
    for (const dir of section.dirs.values()) {
      for (const item of dir.items.values()) {
        const path = Buffer.concat([base, itemPath(section, dir, item)]);
        if (item.kind === 'link') symlinkSync(decodeName(item.to ?? ''), path);
        else writeFileSync(path, Buffer.concat((item.parts ?? []).map(read)), { flag: 'wx' });
        finish(path, item, item.kind === 'link');
      }
    }
  }
  for (const { path, dir } of dirs.reverse()) finish(path, dir, false);
}

function readIds(file: string): Map<string, number> {
  return new Map(
    readFileSync(file, 'latin1')
      .split('\n')
      .map((line) => line.split(':'))
      .map((f) => [f[0] ?? '', Number(f[2])]),
  );
}

/**
 * Lists everything below a directory, itself first: one line each, in byte order, with type, mode, owner, mtime floored to
 * microseconds, link count of files, and content or target. `untimed` names directories whose mtime does not count.
 */
export function listTree(dir: string, untimed: string[] = []): string[] {
  const out: string[] = [];
  const walk = (path: Buffer, name: string): void => {
    const stat = lstatSync(path, { bigint: true });
    const floor = stat.mtimeNs >= 0n ? stat.mtimeNs / 1000n : -((-stat.mtimeNs + 999n) / 1000n);
    const kind = stat.isDirectory() ? 'd' : stat.isSymbolicLink() ? 'l' : stat.isFile() ? 'f' : '?';
    const time = kind === 'd' && untimed.includes(name) ? '-' : String(floor);
    const mode = kind === 'l' ? '-' : (stat.mode & 0o7777n).toString(8);
    const rest =
      kind === 'f' ? `${stat.nlink} ${stat.size} ${sha256(readFileSync(path))}` : kind === 'l' ? readlinkSync(path, 'latin1') : '';
    out.push(`${JSON.stringify(name)} ${kind} ${mode} ${stat.uid}:${stat.gid} ${time} ${rest}`);
    if (kind !== 'd') return;
    for (const entry of readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare)) {
      walk(Buffer.concat([path, Buffer.from('/'), entry]), `${name}/${entry.toString('latin1')}`);
    }
  };
  walk(Buffer.from(dir), '.');
  return out;
}
