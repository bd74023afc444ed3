/** The folders of an account as the directories and files of a Maildir. */
import { createHash } from 'node:crypto';
import type { ByteString } from '../bytes.ts';
import type { ContentReader, LiveArea, LiveDir, LiveFile, LiveStat } from '../live.ts';
import { formatKeywords } from '../maildir/keywords.ts';
import type { FolderState } from './folder.ts';
import { madeStat, partsOfName } from './message.ts';

export interface AreaOptions {
  read: ContentReader;
  /** Microseconds since 1970. */
  at: number;
  /** A name of the account: lists get names from it that no other has. */
  of: string;
}

function emptyDir(stat: LiveStat): LiveDir {
  return { stat, settled: false, files: new Map(), links: new Map(), messages: new Map() };
}

/** @returns a folder, with the directories below it that make a Maildir of it */
export async function folderDirs(options: AreaOptions, dir: ByteString, state: FolderState): Promise<[ByteString, LiveDir][]> {
  const stat = madeStat(0o700, 0, options.at);
  const own: LiveDir = { ...emptyDir(stat), messages: new Map(state.messages) };
  await addFile(options, own, 'dovecot-uidlist', uidlist(options.of, dir, state));
  const keywords = formatKeywords(new Map([...state.keywords.entries()].filter(([, name]) => name !== '')));
  if (keywords !== '') await addFile(options, own, 'dovecot-keywords', keywords);
  const below = (name: string): ByteString => (dir === '' ? name : `${dir}/${name}`);
  return [[dir, own], ...['cur', 'new', 'tmp'].map((name): [ByteString, LiveDir] => [below(name), emptyDir(stat)])];
}

/** As Dovecot's maildir-uidlist.c reads it (version 3). */
function uidlist(of: string, dir: ByteString, { uidValidity, uidNext, messages }: FolderState): string {
  const guid = createHash('sha256').update(`${of}\0${dir}\0${uidValidity}`, 'latin1').digest('hex').slice(0, 32);
  const lines = Array.from(messages.keys(), (base) => [partsOfName(base)?.uid ?? 0, base] as const).sort(([a], [b]) => a - b);
  return [`3 V${uidValidity} N${uidNext} G${guid}`, ...lines.map(([uid, base]) => `${uid} :${base}`), ''].join('\n');
}

export async function addFile({ read, at }: AreaOptions, dir: LiveDir, name: ByteString, text: string): Promise<void> {
  const content = Buffer.from(text);
  const stat = madeStat(0o600, content.length, at);
  const [outcome] = await read([{ path: '', kind: 'file', given: { content, stat } }]);
  if (outcome === undefined || !('parts' in outcome)) return;
  const file: LiveFile = { stat: outcome.stat, parts: outcome.parts, settled: false };
  dir.files.set(name, file);
}

/** Subscribed folders as Dovecot lists them (version 2): levels with tabs between. */
export function subscriptions(dirs: readonly ByteString[]): string {
  return `V\t2\n\n${dirs.map((dir) => `${dir.replaceAll('/', '\t')}\n`).join('')}`;
}

/** Adds the directories above folders that are none themselves. */
export function addParents(area: LiveArea, before: LiveArea | undefined, at: number): void {
  for (const path of area.dirs.keys())
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end);
      if (!area.dirs.has(parent)) area.dirs.set(parent, emptyDir(before?.dirs.get(parent)?.stat ?? madeStat(0o700, 0, at)));
    }
}
