/** The states of a mailbox that a merge compares, from what was read. */
import { parseKeywords, type Keywords } from '../../store/maildir/keywords.ts';
import { controlDir } from '../../store/maildir/layout.ts';
import { imapFlags } from '../../store/maildir/flags.ts';
import { parseUidlist, type Uidlist } from '../../store/maildir/uidlist.ts';
import type { ByteString } from '../../store/bytes.ts';
import type { FolderFacts, MailboxCut, Taken } from '../sync/model.ts';
import type { FolderState, MailboxState, MessageState } from './state.ts';

/** What the control files of a folder say. */
export interface Control {
  uidlist: Uidlist | undefined;
  keywords: Keywords;
}

/** Directories of the folders of a mailbox. */
export function folderDirsOf(cut: MailboxCut): ByteString[] {
  const dirs = cut.dirs.filter(({ area, path }) => area === 'mail' && (path === 'cur' || path.endsWith('/cur')));
  return dirs.map(({ path }) => path.slice(0, Math.max(0, path.length - '/cur'.length)));
}

/** A mailbox as it is. */
export function stateOf(cut: MailboxCut, control: (dir: ByteString) => Control): MailboxState {
  const controls = new Map(folderDirsOf(cut).map((dir) => [dir, control(dir)]));
  return build(
    cut,
    new Map(
      Array.from(controls, ([dir, { uidlist, keywords }]) => [
        dir,
        { uidValidity: uidlist?.uidValidity ?? 0, nextUid: uidlist?.nextUid ?? 0, keywords },
      ]),
    ),
    (dir, base) => controls.get(dir)?.uidlist?.uids.get(base),
  );
}

/** A mailbox as both hosts had it in common. */
export function stateOfTaken({ cut, folders }: Taken): MailboxState {
  const facts = folders.map(
    ({ dir, uidValidity, nextUid, keywords }) => [dir, { uidValidity, nextUid, keywords: new Map(keywords) }] as const,
  );
  return build(cut, new Map(facts), () => undefined);
}

function build(
  cut: MailboxCut,
  folders: ReadonlyMap<ByteString, { uidValidity: number; nextUid: number; keywords: Keywords }>,
  uidOf: (dir: ByteString, base: ByteString) => number | undefined,
): MailboxState {
  const messages = new Map<ByteString, Map<ByteString, MessageState>>();
  for (const { dir, base, flags, size, mtime } of cut.messages) {
    const uid = uidOf(dir, base);
    const folder = messages.get(dir) ?? new Map<ByteString, MessageState>();
    folder.set(base, { flags: imapFlags(flags, folders.get(dir)?.keywords), size, mtime, ...(uid === undefined ? {} : { uid }) });
    messages.set(dir, folder);
  }
  const state = new Map<ByteString, FolderState>();
  for (const [dir, { uidValidity, nextUid }] of folders) state.set(dir, { uidValidity, nextUid, messages: messages.get(dir) ?? new Map() });
  return state;
}

/** Control files among those that came over, by their SHA-256. */
export function controlFrom(
  cut: MailboxCut,
  contents: ReadonlyMap<string, Buffer>,
  layout: 'maildir++' | 'fs',
): (dir: ByteString) => Control {
  const separate = cut.files.some(({ area }) => area === 'control');
  const shas = new Map(cut.files.map(({ area, path, sha }) => [`${area}/${path}`, sha]));
  const read = (dir: ByteString, name: string): Buffer | undefined => {
    const below = separate ? controlDir(dir, layout) : dir;
    const sha = shas.get(`${separate ? 'control' : 'mail'}/${below === '' ? '' : `${below}/`}${name}`);
    return sha === undefined ? undefined : contents.get(sha);
  };
  return (dir) => {
    const [uidlist, keywords] = [read(dir, 'dovecot-uidlist'), read(dir, 'dovecot-keywords')];
    return {
      uidlist: uidlist === undefined ? undefined : parseUidlist(uidlist),
      keywords: keywords === undefined ? new Map<number, string>() : parseKeywords(keywords),
    };
  };
}

/** What is written down of folders, so that a later merge can start from this state. */
export function factsOf(cut: MailboxCut, control: (dir: ByteString) => Control): FolderFacts[] {
  return folderDirsOf(cut).map((dir) => {
    const { uidlist, keywords } = control(dir);
    return {
      dir,
      uidValidity: uidlist?.uidValidity ?? 0,
      nextUid: uidlist?.nextUid ?? 0,
      ...(uidlist?.guid === undefined ? {} : { guid: uidlist.guid }),
      keywords: [...keywords],
    };
  });
}
