/** Which messages mboxes hold: by Dovecot's index, which is ahead of the headers while a client has the folder open, else by the headers. */
import { indexedFlags } from '../dbox/view.ts';
import type { IndexCut } from '../dbox/index-cut.ts';
import { nextUid, uidValidity, type IndexState } from '../dbox/index-state.ts';
import type { FileSet } from '../file-set.ts';
import type { LiveArea, LiveFile, LiveMessage, LiveRecord } from '../live.ts';
import type { FolderUids } from '../maildir/capture.ts';
import { addFolder, viewBase, viewMessage } from '../view.ts';
import { indexesOf } from './names.ts';

export interface MboxFolder {
  folder: string;
  set: FileSet;
  path: string;
}

const PLAIN = ':2,';
/** Digits of the hash that tell messages with one UID apart. */
const DIGITS = 12;

/** The UID of each record; undefined for one that is no message any more. */
function uidsOf(records: readonly LiveRecord[], index: IndexState | undefined, first: number, isTrusted: boolean): (number | undefined)[] {
  const known = [...(index?.messages.keys() ?? [])];
  let next = first;
  let at = 0;
  return records.map((record) => {
    if (record.isInternal === true) return undefined;
    if (isTrusted && record.uid !== undefined && record.uid < first) {
      const place = known.indexOf(record.uid, at);
      // The server was told to expunge it, and does so when it opens the folder.
      if (index !== undefined && place < 0) return undefined;
      at = Math.max(at, place + 1);
      return record.uid;
    }
    const uid = known[at];
    if (uid !== undefined) at++;
    return uid ?? next++;
  });
}

function indexOf(folder: string, sets: readonly FileSet[], cut: IndexCut): IndexState | undefined {
  for (const set of sets)
    for (const path of indexesOf(folder)) {
      const state = cut.states.get(set)?.get(path);
      if (state !== undefined && !state.deleted) return state;
    }
  return undefined;
}

function messagesOf(file: LiveFile, index: IndexState | undefined, first: number, hasBase: boolean): Map<string, LiveMessage> {
  const messages = new Map<string, LiveMessage>();
  const records = file.records ?? [];
  // Without a UIDVALIDITY beside them, UIDs are of another life of the folder.
  const uids = uidsOf(records, index, first, hasBase || index !== undefined);
  for (const [number, record] of records.entries()) {
    const uid = uids[number];
    if (uid === undefined) continue;
    const indexed = index?.messages.get(uid);
    const live = viewMessage(file, record, indexed === undefined ? (record.flags ?? PLAIN) : indexedFlags(indexed));
    if (live !== undefined) messages.set(viewBase(uid, live.sha.slice(0, DIGITS)), live);
  }
  return messages;
}

/** Lists the messages of all mboxes. @param sets where indexes lie */
export function viewOfMboxes(
  folders: readonly MboxFolder[],
  sets: readonly FileSet[],
  cut: IndexCut,
): { area: LiveArea; folders: Map<string, FolderUids> } {
  const area: LiveArea = { dirs: new Map() };
  const uids = new Map<string, FolderUids>();
  for (const { folder, set, path } of folders) {
    const file = set.file(path);
    if (file === undefined) continue;
    const records = file.records ?? [];
    const base = records[0]?.base;
    const found = indexOf(folder, sets, cut);
    // An index of another life of the folder says nothing.
    const index = found !== undefined && (base === undefined || base.uidValidity === uidValidity(found)) ? found : undefined;
    const highest = records.reduce((most, { uid = 0 }) => Math.max(most, uid), base?.lastUid ?? 0);
    const first = index === undefined ? (base === undefined ? 1 : highest + 1) : nextUid(index);
    addFolder(area, folder, file.stat, messagesOf(file, index, first, base !== undefined));
    if (index !== undefined) uids.set(folder, { uidValidity: uidValidity(index), uidNext: nextUid(index) });
    else if (base !== undefined) uids.set(folder, { uidValidity: base.uidValidity, uidNext: first });
  }
  return { area, folders: uids };
}
