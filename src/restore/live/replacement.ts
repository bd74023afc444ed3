/**
 * Planning how a live folder becomes what it was. Nothing goes back in time for the server: what stays keeps its UID, what comes back gets a
 * new one, and what came later is expunged. So UIDNEXT and HIGHESTMODSEQ only ever grow, and every client is told the truth.
 */
import type { PackNumbering } from '../../repository/catalog/decode.ts';
import type { ByteString } from '../../store/bytes.ts';
import { imapFlags, maildirFlags } from '../../store/maildir/flags.ts';
import type { Keywords } from '../../store/maildir/keywords.ts';
import type { Wanted } from './compare.ts';
import { isFolder, type LiveFolder, type LiveMessage, type LivePlace, type LiveReader } from './look.ts';
import type { FlagChange, FolderPlan } from './model.ts';
import type { BaseNames } from './names.ts';

export interface ReplacementOptions {
  place: LivePlace;
  live: LiveFolder;
  dir: ByteString;
  name: string;
  /** All that the snapshot has in the folder, oldest first. */
  wanted: readonly Wanted[];
  reader: LiveReader;
  names: BaseNames;
  /** Of the folder in the snapshot. */
  keywords: () => Promise<Keywords>;
  numbering: PackNumbering;
  source: number;
}

/** Every message of the folder is read: a file whose bytes were changed in place is not the message that it was. */
export async function planReplacement(options: ReplacementOptions): Promise<FolderPlan> {
  const { place, live, dir, name, wanted, reader, names, numbering, source } = options;
  const [then, now] = [await options.keywords(), reader.keywords(place, dir)];
  const folder: FolderPlan = { dir, name, create: !isFolder(place, dir), adds: [], removals: [], flags: [], present: 0, moved: {} };
  const bySha = new Map<string, ByteString[]>();
  const shaOf = new Map<ByteString, string | undefined>();
  for (const [base, message] of live) {
    const sha = reader.sha(place, dir, base, message);
    shaOf.set(base, sha);
    if (sha !== undefined) bySha.set(sha, [...(bySha.get(sha) ?? []), base]);
  }
  const kept = new Set<ByteString>();
  const keep = ({ state }: Wanted, base: ByteString): void => {
    kept.add(base);
    folder.present++;
    const message = live.get(base);
    const change = message === undefined ? undefined : flagChange(base, message, imapFlags(state.flags, then), now);
    if (change !== undefined) folder.flags.push(change);
  };
  const left = wanted.filter((message) => {
    if (shaOf.get(message.base) !== message.state.sha) return true;
    keep(message, message.base);
    return false;
  });
  for (const message of left) {
    // The same bytes under another name: it was put back before, or moved away and back.
    const other = bySha.get(message.state.sha)?.find((base) => !kept.has(base));
    if (other !== undefined) {
      keep(message, other);
      continue;
    }
    const { sha, size, mtime, pack, flags } = message.state;
    folder.adds.push({
      base: names.next(message.base),
      sha,
      pack: numbering.names[pack] ?? '',
      size,
      mtime,
      flags: imapFlags(flags, then),
      source,
    });
  }
  for (const base of live.keys()) if (!kept.has(base)) folder.removals.push({ base, back: names.next(base) });
  return folder;
}

/** How a message gets these flags; undefined where it has them. */
export function flagChange(base: ByteString, message: LiveMessage, wanted: readonly string[], keywords: Keywords): FlagChange | undefined {
  const letters = maildirFlags(wanted, keywords);
  const known = new Set([...keywords.values()].map((name) => name.toLowerCase()));
  const add = wanted.filter((flag) => !flag.startsWith('\\') && !known.has(flag.toLowerCase()));
  const to =
    add.length === 0
      ? letters.flagsPart
      : maildirFlags(
          wanted.filter((flag) => !add.includes(flag)),
          keywords,
        ).flagsPart;
  const same = (flags: readonly string[]): string =>
    flags
      .map((flag) => flag.toLowerCase())
      .sort()
      .join(' ');
  if (same(imapFlags(message.flags, keywords)) === same(wanted)) return undefined;
  return { base, from: message.flags, to, add };
}
