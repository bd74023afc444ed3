/** Messages that lie with others in files, as a backup lists them: a Maildir of the layout `fs` that lies nowhere. */
import { type ByteString, displayBytes } from './bytes.ts';
import type { LiveArea, LiveDir, LiveFile, LiveMessage, LiveRecord, LiveStat } from './live.ts';

/** Letters of a Maildir for flags, in the order in which they stand in a name. */
const LETTERS: readonly (readonly [flag: string, letter: string])[] = [
  ['\\Draft', 'D'],
  ['\\Flagged', 'F'],
  ['\\Answered', 'R'],
  ['\\Seen', 'S'],
  ['\\Deleted', 'T'],
];

/** Keywords stand in full after the letters: `:2,FS,$Forwarded,Work`. What would not do in a file name is percent-encoded. */
export function viewFlags(flags: Iterable<string>, keywords: Iterable<string>): ByteString {
  const set = new Set(flags);
  const letters = LETTERS.flatMap(([flag, letter]) => (set.has(flag) ? [letter] : [])).join('');
  const words = [...keywords]
    .sort()
    .map((word) => `,${word.replace(/[^\x21-\x7e]|[%,/:]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}`);
  return `:2,${letters}${words.join('')}`;
}

/** The IMAP flags and keywords that {@link viewFlags} wrote. */
export function flagsOfView(flags: ByteString): string[] {
  const [letters = '', ...words] = flags.replace(/^:2,/, '').split(',');
  return [
    ...LETTERS.flatMap(([flag, letter]) => (letters.includes(letter) ? [flag] : [])),
    ...words.map((word) =>
      displayBytes(word.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))),
    ),
  ];
}

/** What stands for the name of a message's file: its UID, and what tells it from another that gets the same UID after the folder was made anew. */
export function viewBase(uid: number, guid: string): ByteString {
  return guid === '' ? String(uid) : `${uid}.${guid}`;
}

/** The UID and the GUID that {@link viewBase} wrote. */
export function partsOfBase(base: ByteString): { uid: number; guid: string } {
  const dot = base.indexOf('.');
  return dot < 0 ? { uid: Number(base) || 0, guid: '' } : { uid: Number(base.slice(0, dot)) || 0, guid: base.slice(dot + 1) };
}

/** A message of a view; undefined where the file does not hold it whole. */
export function viewMessage(file: LiveFile, record: LiveRecord, flags: ByteString): LiveMessage | undefined {
  const parts = record.parts.map((number) => file.parts[number]);
  const [first, ...rest] = parts;
  if (first === undefined || parts.includes(undefined)) return undefined;
  return {
    in: 'cur',
    flags,
    sha: first.sha,
    place: first.place,
    ...(rest.length === 0 ? {} : { rest: rest.flatMap((part) => (part === undefined ? [] : [part])) }),
    stat: { ...file.stat, size: record.size, mtime: record.received * 1e6, ctime: 0 },
  };
}

/** Adds a folder to a view. @param stat of what it lies in */
export function addFolder(view: LiveArea, dir: ByteString, stat: LiveStat, messages: Map<string, LiveMessage>): void {
  const folder: LiveDir = {
    // When its directory was changed means nothing here, and would be written down with each new message.
    stat: { ...stat, mtime: 0, ctime: 0, size: 0 },
    settled: true,
    files: new Map(),
    links: new Map(),
    messages,
  };
  view.dirs.set(dir, folder);
}
