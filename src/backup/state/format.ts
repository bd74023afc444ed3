/**
 * Live areas as they are kept in the local state: a line of JSON for directories, files and names, then the columns of messages.
 * JSON holds arrays, since names of fields would be most of it.
 */
import type { LiveArea, LiveDir, LiveFile, LiveLink, LiveMessage, LiveRecord, LiveStat, StoredPart } from '../../store/live.ts';
import { Columns, columnsSize, FlagTable, KeptMessage } from './columns.ts';

type Stat = [mode: number, uid: number, gid: number, size: number, mtime: number, ctime: number, birth: number, ino: number];
type Parts = [sha: string, place: number][];
type FileJson = [name: string, settled: 0 | 1 | 2, stat: Stat, parts: Parts, records?: LiveRecord[]];
/** As `settled`: a file that is settled for good. */
const FIXED = 2;
type Dir = [
  path: string,
  settled: 0 | 1,
  stat: Stat,
  files: FileJson[],
  links: [name: string, to: string, stat: Stat][],
  /** How many messages, and their base names with a slash between them: no name holds one. */
  messages: number,
  bases: string,
  rests?: Rests,
];
type Rests = [row: number, rest: Parts][];
interface Head {
  flags: string[];
  areas: Dir[][];
}

/** Columns begin where 64-bit numbers may. */
const ALIGNED = 8;
const LENGTH = 8;

function statOut(stat: LiveStat): Stat {
  return [stat.mode, stat.uid, stat.gid, stat.size, stat.mtime, stat.ctime, stat.birth, stat.ino];
}

function statIn([mode, uid, gid, size, mtime, ctime, birth, ino]: Stat): LiveStat {
  return { mode, uid, gid, size, mtime, ctime, birth, ino };
}

function partsOut(parts: readonly StoredPart[]): Parts {
  return parts.map(({ sha, place }) => [sha, place]);
}

function partsIn(parts: Parts): StoredPart[] {
  return parts.map(([sha, place]) => ({ sha, place }));
}

function fileOut(name: string, file: LiveFile): FileJson {
  const json: FileJson = [name, file.fixed === true ? FIXED : file.settled ? 1 : 0, statOut(file.stat), partsOut(file.parts)];
  if (file.records !== undefined) json.push(file.records);
  return json;
}

function fileIn([name, settled, stat, parts, records]: FileJson): [string, LiveFile] {
  const file: LiveFile = { settled: settled !== 0, stat: statIn(stat), parts: partsIn(parts) };
  if (records !== undefined) file.records = records;
  if (settled === FIXED) file.fixed = true;
  return [name, file];
}

/** Messages of several pieces, by their row. */
function restsOut(messages: LiveDir['messages']): Rests {
  const rests: Rests = [];
  let row = 0;
  for (const { rest } of messages.values()) {
    if (rest !== undefined) rests.push([row, partsOut(rest)]);
    row++;
  }
  return rests;
}

function dirOut(path: string, dir: LiveDir): Dir {
  const rests = restsOut(dir.messages);
  const json: Dir = [
    path,
    dir.settled ? 1 : 0,
    statOut(dir.stat),
    Array.from(dir.files, ([name, file]) => fileOut(name, file)),
    Array.from(dir.links, ([name, link]) => [name, link.to, statOut(link.stat)]),
    dir.messages.size,
    [...dir.messages.keys()].join('/'),
  ];
  if (rests.length > 0) json.push(rests);
  return json;
}

/** The bytes of the areas of one mailbox. */
export function areasOut(areas: readonly LiveArea[]): Buffer {
  const flags = new FlagTable();
  const dirs = areas.flatMap((area) => [...area.dirs.values()]);
  const columns = Buffer.alloc(dirs.reduce((sum, dir) => sum + columnsSize(dir.messages.size), 0));
  let at = 0;
  for (const { messages } of dirs) {
    const into = new Columns(columns, at, messages.size, flags);
    let row = 0;
    for (const message of messages.values()) into.set(row++, message);
    at += columnsSize(messages.size);
  }
  const head: Head = { flags: flags.list, areas: areas.map((area) => Array.from(area.dirs, ([path, dir]) => dirOut(path, dir))) };
  const json = Buffer.from(JSON.stringify(head));
  const start = Buffer.alloc(LENGTH);
  start.writeUInt32LE(json.length);
  return Buffer.concat([start, json, Buffer.alloc(-json.length & (ALIGNED - 1)), columns]);
}

function messagesIn(bases: string, columns: Columns, rests: Rests = []): Map<string, LiveMessage> {
  const messages = new Map<string, LiveMessage>();
  if (columns.narrow.length === 0) return messages;
  const parts = new Map(rests);
  let row = 0;
  for (const base of bases.split('/')) {
    const rest = parts.get(row);
    messages.set(base, new KeptMessage(columns, row++, rest === undefined ? undefined : partsIn(rest)));
  }
  return messages;
}

/** The areas of {@link areasOut}; they share the memory of `bytes`. */
export function areasIn(bytes: Buffer): LiveArea[] {
  // Views of 64-bit numbers need memory that begins at such a number.
  const aligned = bytes.byteOffset % ALIGNED === 0 ? bytes : Buffer.allocUnsafeSlow(bytes.length).fill(bytes);
  const length = aligned.readUInt32LE();
  const { flags, areas } = JSON.parse(aligned.toString('utf8', LENGTH, LENGTH + length)) as Head;
  const table = new FlagTable(flags);
  let at = LENGTH + length + (-length & (ALIGNED - 1));
  return areas.map((dirs) => ({
    dirs: new Map(
      dirs.map(([path, settled, stat, files, links, count, bases, rests]): [string, LiveDir] => {
        const columns = new Columns(aligned, at, count, table);
        at += columnsSize(count);
        return [
          path,
          {
            settled: settled === 1,
            stat: statIn(stat),
            files: new Map(files.map(fileIn)),
            links: linksIn(links),
            messages: messagesIn(bases, columns, rests),
          },
        ];
      }),
    ),
  }));
}

function linksIn(links: Dir[4]): Map<string, LiveLink> {
  return new Map(links.map(([name, to, stat]) => [name, { to, stat: statIn(stat) }]));
}
