/**
 * The history of a folder: what the snapshot has, and what the mail that was moved aside has beyond it, since that may have been copied later than the
 * last backup ran. A UID that the snapshot had not given yet tells the two apart (RFC 9051, section 2.3.1.1: UIDs only grow).
 */
import type { PackNumbering } from '../../repository/catalog/decode.ts';
import type { FullSection } from '../../repository/catalog/model.ts';
import { folderDirs, folderPath, listFolder, LiveReader, type LivePlace } from '../../restore/live/look.ts';
import { isLoss, keywordsOf, readEntry, stateOf, type Source } from '../../restore/look/source.ts';
import type { ByteString } from '../../store/bytes.ts';
import { imapFlags } from '../../store/maildir/flags.ts';
import type { Keywords } from '../../store/maildir/keywords.ts';
import { controlDir } from '../../store/maildir/layout.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { readLines, type UidLine, type UidLines } from './uidlist.ts';

export interface HistoryMessage {
  base: ByteString;
  /** IMAP flags and keywords. */
  flags: string[];
  size: number;
  /** Microseconds since 1970. */
  mtime: number;
  /** Absent where no server had given it a UID. */
  line: UidLine | undefined;
  /** In the repository, or in the mail that was moved aside. */
  from: { sha: string; pack: string } | { path: ByteString };
}

export interface FolderHistory {
  /** UIDVALIDITY and all that goes with it; undefined where that is lost, and messages get new UIDs. */
  list: UidLines | undefined;
  keywords: Keywords;
  /** Oldest first. */
  messages: HistoryMessage[];
  /** More than any UID that it is known to have given. */
  nextUid: number;
}

/** A mailbox of the snapshot. */
export interface SnapshotMailbox {
  mail: FullSection | undefined;
  control: FullSection | undefined;
  home: FullSection | undefined;
  numbering: PackNumbering;
}

export async function snapshotMailbox(source: Source, name: { store: string; mailbox: ByteString }): Promise<SnapshotMailbox> {
  const { sections, numbering } = await stateOf(source, [name]);
  const found: SnapshotMailbox = { mail: undefined, control: undefined, home: undefined, numbering };
  for await (const section of sections)
    if (section.area === 'mail' || section.area === 'control' || section.area === 'home') found[section.area] = section;
  return found;
}

/** The list of UIDs of a folder on this host, with all that it says. */
export function linesIn(reader: LiveReader, place: LivePlace, dir: ByteString): UidLines | undefined {
  const content = reader.controlFile(place, dir, 'dovecot-uidlist');
  return content === undefined ? undefined : readLines(content);
}

/** @param aside the mail that was moved aside, where there is any */
export async function folderHistory(
  source: Source,
  stored: SnapshotMailbox,
  aside: LivePlace | undefined,
  dir: ByteString,
): Promise<FolderHistory> {
  const fromSnapshot = await storedFolder(source, stored, dir);
  const later = aside === undefined || !isThere(aside, dir) ? undefined : asideFolder(aside, dir, fromSnapshot);
  const messages = [...fromSnapshot.messages, ...(later?.messages ?? [])].sort((a, b) => a.mtime - b.mtime);
  const list = fromSnapshot.list ?? (fromSnapshot.messages.length === 0 ? later?.list : undefined);
  const same = list !== undefined && later?.list?.uidValidity === list.uidValidity ? later.list.nextUid : 0;
  return { list, keywords: fromSnapshot.keywords, messages, nextUid: Math.max(list?.nextUid ?? 1, same) };
}

function isThere(place: LivePlace, dir: ByteString): boolean {
  return lstatIfThere(`${folderPath(place, dir)}/cur`) !== undefined;
}

type Stored = Omit<FolderHistory, 'nextUid'>;

export async function storedFolder(source: Source, { mail, control, numbering }: SnapshotMailbox, dir: ByteString): Promise<Stored> {
  const own = mail?.dirs.get(dir);
  if (mail === undefined || own === undefined) return { list: undefined, keywords: new Map(), messages: [] };
  const { layout } = source.layoutOf(mail.store);
  const dirs = [control?.dirs.get(controlDir(dir, layout)), own];
  const list = await storedList(source, numbering, dirs);
  const keywords = await keywordsOf(source, numbering, dirs);
  const messages = Array.from(own.messages, ([base, { flags, size, mtime, sha, pack }]): HistoryMessage => {
    const line = list?.lines.get(base);
    return { base, flags: imapFlags(flags, keywords), size, mtime, line, from: { sha, pack: numbering.names[pack] ?? '' } };
  });
  return { list, keywords, messages };
}

async function storedList(
  source: Source,
  numbering: PackNumbering,
  dirs: readonly (FullSection['dirs'] extends Map<string, infer D> ? D | undefined : never)[],
): Promise<UidLines | undefined> {
  for (const dir of dirs) {
    const file = dir?.files.get('dovecot-uidlist');
    if (file === undefined) continue;
    try {
      const parts: Buffer[] = [];
      for (const part of file.parts) parts.push(await readEntry(source, numbering, part));
      return readLines(Buffer.concat(parts));
    } catch (error) {
      if (!isLoss(error)) throw error;
    }
  }
  return undefined;
}

/** What came to the mail that was moved aside after the snapshot; all of it where the snapshot does not have the folder. */
function asideFolder(aside: LivePlace, dir: ByteString, stored: Stored): Stored {
  const isNew = stored.list === undefined && stored.messages.length === 0;
  const known = new Set(stored.messages.map(({ base }) => base));
  const from = stored.list?.nextUid ?? 0;
  const reader = new LiveReader();
  try {
    const list = linesIn(reader, aside, dir);
    if (!isNew && (list === undefined || list.uidValidity !== stored.list?.uidValidity)) return { list, keywords: new Map(), messages: [] };
    const keywords = reader.keywords(aside, dir);
    const messages: HistoryMessage[] = [];
    for (const [base, { in: where, flags }] of listFolder(aside, dir)) {
      const line = list?.lines.get(base);
      if (known.has(base) || (!isNew && (line === undefined || line.uid < from))) continue;
      const path = `${folderPath(aside, dir)}/${where}/${base}${flags}`;
      const stats = lstatIfThere(path);
      if (stats === undefined) continue;
      const mtime = Math.floor(stats.mtimeMs * 1000);
      messages.push({ base, flags: imapFlags(flags, keywords), size: stats.size, mtime, line, from: { path } });
    }
    return { list, keywords, messages };
  } finally {
    reader.close();
  }
}

/** The folders of the mail that was moved aside. */
export function asideDirs(aside: LivePlace): ByteString[] {
  return lstatIfThere(aside.root) === undefined ? [] : folderDirs(aside);
}
