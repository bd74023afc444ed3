/** Mailboxes and folders as people name them. */
import type { FullDir, FullSection } from '../../repository/catalog/model.ts';
import type { Wanted } from '../../repository/catalog/reader.ts';
import { displayBytes } from '../../store/bytes.ts';
import { namedMailboxes } from '../../store/mailbox-filter.ts';
import { folderName, type FolderLayout } from '../../store/maildir/layout.ts';

export type LayoutOf = (store: string) => FolderLayout;

/** The IMAP name of the folder in a directory, whatever its layout really is. */
export function nameOfFolder(dir: string, layout: FolderLayout): string {
  const other: FolderLayout = { ...layout, layout: layout.layout === 'fs' ? 'maildir++' : 'fs' };
  return folderName(dir, layout) ?? folderName(dir, other) ?? displayBytes(dir);
}

/** Whether a folder is among those that were named; `/` separates levels, whatever the server's own separator is. */
export function isNamedFolder(dir: string, names: readonly string[] | undefined, layout: FolderLayout): boolean {
  if (names === undefined) return true;
  const own = nameOfFolder(dir, layout);
  const plain = nameOfFolder(dir, { ...layout, separator: '/', prefix: '' });
  return names.some((name) => name === own || name === plain || (dir === '' && name.toUpperCase() === 'INBOX'));
}

export interface Folder {
  dir: string;
  name: string;
  state: FullDir;
}

/** The folders of a mailbox: directories that hold `cur`, or messages. Only its mail area has any. */
export function foldersOf(section: FullSection, layoutOf: LayoutOf): Folder[] {
  if (section.area !== 'mail') return [];
  const layout = layoutOf(section.store);
  const folders: Folder[] = [];
  for (const [dir, state] of section.dirs) {
    if (state.messages.size === 0 && !section.dirs.has(dir === '' ? 'cur' : `${dir}/cur`)) continue;
    folders.push({ dir, name: nameOfFolder(dir, layout), state });
  }
  return folders;
}

/** What of the catalogs has to be read for these mailboxes. */
export function wantedOf(names: readonly string[] | undefined): Wanted {
  if (names === undefined || names.length === 0 || names.some((name) => name.includes('*'))) return undefined;
  return names.flatMap(namedMailboxes).map((mailbox) => ({ mailbox }));
}
