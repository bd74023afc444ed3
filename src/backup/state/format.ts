/** Live areas as JSON, for the local state: arrays, since names of fields would be most of it. */
import type { LiveArea, LiveDir, LiveFile, LiveLink, LiveMessage, LiveStat, StoredPart } from '../../store/live.ts';

type Stat = [mode: number, uid: number, gid: number, size: number, mtime: number, ctime: number, birth: number, ino: number];
type Parts = [sha: string, place: number][];
type Message = [base: string, cur: 0 | 1, flags: string, sha: string, place: number, ...stat: Stat];
type Dir = [
  path: string,
  settled: 0 | 1,
  stat: Stat,
  files: [name: string, settled: 0 | 1, stat: Stat, parts: Parts][],
  links: [name: string, to: string, stat: Stat][],
  messages: Message[],
];
export type AreaJson = Dir[];

function statOut(stat: LiveStat): Stat {
  return [stat.mode, stat.uid, stat.gid, stat.size, stat.mtime, stat.ctime, stat.birth, stat.ino];
}

function statIn([mode, uid, gid, size, mtime, ctime, birth, ino]: Stat): LiveStat {
  return { mode, uid, gid, size, mtime, ctime, birth, ino };
}

function partsOut(parts: readonly StoredPart[]): Parts {
  return parts.map(({ sha, place }) => [sha, place]);
}

export function areaOut(area: LiveArea): AreaJson {
  return Array.from(area.dirs, ([path, dir]): Dir => [
    path,
    dir.settled ? 1 : 0,
    statOut(dir.stat),
    Array.from(dir.files, ([name, file]) => [name, file.settled ? 1 : 0, statOut(file.stat), partsOut(file.parts)]),
    Array.from(dir.links, ([name, link]) => [name, link.to, statOut(link.stat)]),
    Array.from(dir.messages, ([base, m]): Message => [base, m.in === 'cur' ? 1 : 0, m.flags, m.sha, m.place, ...statOut(m.stat)]),
  ]);
}

export function areaIn(json: AreaJson): LiveArea {
  const dirs = new Map<string, LiveDir>();
  for (const [path, settled, stat, files, links, messages] of json) {
    dirs.set(path, {
      settled: settled === 1,
      stat: statIn(stat),
      files: new Map(
        files.map(([name, done, fileStat, parts]): [string, LiveFile] => [
          name,
          { settled: done === 1, stat: statIn(fileStat), parts: parts.map(([sha, place]) => ({ sha, place })) },
        ]),
      ),
      links: new Map(links.map(([name, to, linkStat]): [string, LiveLink] => [name, { to, stat: statIn(linkStat) }])),
      messages: new Map(
        messages.map(([base, cur, flags, sha, place, ...rest]): [string, LiveMessage] => [
          base,
          { in: cur === 1 ? 'cur' : 'new', flags, sha, place, stat: statIn(rest) },
        ]),
      ),
    });
  }
  return { dirs };
}
