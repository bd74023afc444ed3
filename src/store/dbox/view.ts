/** Which messages an sdbox or mdbox holds, by its indexes. */
import type { FileSet } from '../file-set.ts';
import type { FolderUids } from '../maildir/capture.ts';
import type { LiveArea, LiveFile, LiveMessage, LiveRecord } from '../live.ts';
import { addFolder, viewBase, viewFlags, viewMessage } from '../view.ts';
import type { IndexCut } from './index-cut.ts';
import { extensionData, FLAG, nextUid, uidValidity, type IndexedMessage, type IndexState } from './index-state.ts';
import { type DboxFormat, folderOfIndex, isMailDirectory, mailDirectory, MAP_INDEX, storageFile, uidOfFile } from './names.ts';

export interface DboxTrees {
  format: DboxFormat;
  mail: FileSet;
  alt: FileSet | undefined;
  /** Where the indexes lie; the mail where they do not lie elsewhere. */
  index: FileSet;
}

export interface DboxView {
  area: LiveArea;
  folders: Map<string, FolderUids>;
  /** Messages that the indexes name and whose bytes were not found, by folder. */
  missing: Map<string, number>;
  /** Directories of folders whose index can't be read. */
  unread: string[];
}

interface Source {
  file: LiveFile;
  record: LiveRecord;
}

/** Where the bytes of messages lie: in each file by the offset of the record. */
class Records {
  readonly #trees: DboxTrees;
  readonly #byOffset = new Map<LiveFile, Map<number, LiveRecord>>();

  constructor(trees: DboxTrees) {
    this.#trees = trees;
  }

  find(path: string, offset: number | undefined): Source | undefined {
    for (const set of [this.#trees.mail, this.#trees.alt]) {
      const file = set?.file(path);
      if (file?.records === undefined) continue;
      const record = offset === undefined ? file.records[0] : this.#offsets(file).get(offset);
      if (record !== undefined) return { file, record };
    }
    return undefined;
  }

  #offsets(file: LiveFile): Map<number, LiveRecord> {
    let offsets = this.#byOffset.get(file);
    if (offsets === undefined) this.#byOffset.set(file, (offsets = new Map(file.records?.map((record) => [record.at, record]))));
    return offsets;
  }
}

/** The number of the map's record of a message. */
function mapUid(state: IndexState, message: IndexedMessage): number | undefined {
  return extensionData(state, message, 'mdbox', 4)?.readUInt32LE(0);
}

function sourceOf(
  trees: DboxTrees,
  records: Records,
  map: IndexState | undefined,
  folder: { dir: string; state: IndexState },
  uid: number,
  message: IndexedMessage,
): Source | undefined {
  if (trees.format === 'sdbox') return records.find(`${mailDirectory(folder.dir)}/u.${uid}`, undefined);
  const number = mapUid(folder.state, message);
  const entry = number === undefined ? undefined : map?.messages.get(number);
  const place = map === undefined || entry === undefined ? undefined : extensionData(map, entry, 'map', 12);
  return place === undefined ? undefined : records.find(storageFile(place.readUInt32LE(0)), place.readUInt32LE(4));
}

const SYSTEM_FLAGS = [
  ['\\Answered', FLAG.answered],
  ['\\Flagged', FLAG.flagged],
  ['\\Deleted', FLAG.deleted],
  ['\\Seen', FLAG.seen],
  ['\\Draft', FLAG.draft],
] as const;

/** Flags and keywords of an indexed message, as a view writes them. */
export function indexedFlags({ flags, keywords }: IndexedMessage): string {
  return viewFlags(
    SYSTEM_FLAGS.flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name])),
    keywords,
  );
}

/**
 * Lists the messages of all folders. Of a folder whose index is damaged or missing those stay that were known before: unreadable is not deleted.
 * @param prior the view that the backup before made
 */
export function viewOf(trees: DboxTrees, cut: IndexCut, prior: LiveArea | undefined): DboxView {
  const view: DboxView = { area: { dirs: new Map() }, folders: new Map(), missing: new Map(), unread: [] };
  const states = cut.states.get(trees.index) ?? new Map<string, IndexState | undefined>();
  const map = states.get(MAP_INDEX);
  const records = new Records(trees);
  for (const [path, state] of states) {
    const dir = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const folder = folderOfIndex(dir);
    if (folder === undefined || !path.endsWith('/dovecot.index')) {
      if (state === undefined && path === MAP_INDEX) view.unread.push(dir);
      continue;
    }
    if (state === undefined) {
      view.unread.push(dir);
      continue;
    }
    if (state.deleted) continue;
    const messages = new Map<string, LiveMessage>();
    for (const [uid, message] of state.messages) {
      const source = sourceOf(trees, records, map, { dir, state }, uid, message);
      const live = source === undefined ? undefined : viewMessage(source.file, source.record, indexedFlags(message));
      if (source === undefined || live === undefined) view.missing.set(dir, (view.missing.get(dir) ?? 0) + 1);
      else messages.set(viewBase(uid, source.record.guid), live);
    }
    const stat = trees.index.listings.get(dir)?.stat;
    if (stat === undefined) continue;
    addFolder(view.area, folder, stat, messages);
    view.folders.set(folder, { uidValidity: uidValidity(state), uidNext: nextUid(state) });
  }
  for (const [dir, { stat, files }] of trees.mail.listings) {
    const folder = isMailDirectory(dir) ? folderOfIndex(dir) : undefined;
    if (folder === undefined || view.area.dirs.has(folder)) continue;
    const known = prior?.dirs.get(folder)?.messages ?? new Map<string, LiveMessage>();
    // A folder that nobody has opened yet has no index, and no messages.
    if (!view.unread.includes(dir) && (known.size > 0 || files.some((name) => uidOfFile(name) !== undefined))) view.unread.push(dir);
    addFolder(view.area, folder, stat, new Map([...known].filter(([, { place }]) => !trees.mail.options.lost(place))));
  }
  return view;
}

/** UIDs that the indexes name, by the directories of the messages' files; only of indexes that can be read. */
export function namedUids(trees: DboxTrees, cut: IndexCut): Map<string, ReadonlyMap<number, unknown>> {
  const named = new Map<string, ReadonlyMap<number, unknown>>();
  for (const [path, state] of cut.states.get(trees.index) ?? [])
    if (state !== undefined && path.endsWith('/dovecot.index'))
      named.set(mailDirectory(path.slice(0, path.lastIndexOf('/'))), state.messages);
  return named;
}
