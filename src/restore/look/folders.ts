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

/** Whether an area shows messages: of formats that keep them in files of several it is the view, else the mail itself. */
export function showsMessages({ area }: Pick<FullSection, 'area'>): boolean {
  return area === 'mail' || area === 'view';
}

/** How the folders of a section are named. */
export function sectionLayout({ area, store }: Pick<FullSection, 'area' | 'store'>, layoutOf: LayoutOf): FolderLayout {
  const layout = layoutOf(store);
  return area === 'view' && layout.layout !== 'fs' ? { ...layout, layout: 'fs', separator: '/' } : layout;
}

/** The folders of a mailbox: directories that hold `cur`, or messages; all of a view. */
export function foldersOf(section: FullSection, layoutOf: LayoutOf): Folder[] {
  if (!showsMessages(section)) return [];
  const layout = sectionLayout(section, layoutOf);
  const folders: Folder[] = [];
  for (const [dir, state] of section.dirs) {
    if (section.area === 'mail' && state.messages.size === 0 && !section.dirs.has(dir === '' ? 'cur' : `${dir}/cur`)) continue;
    folders.push({ dir, name: nameOfFolder(dir, layout), state });
  }
  return folders;
}

/** What of the catalogs has to be read for these mailboxes. */
export function wantedOf(names: readonly string[] | undefined): Wanted {
  if (names === undefined || names.length === 0 || names.some((name) => name.includes('*'))) return undefined;
  return names.flatMap(namedMailboxes).map((mailbox) => ({ mailbox }));
}
