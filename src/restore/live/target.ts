/** Which folder of the live mailbox a folder of the snapshot goes into. */
import { MailrecoverError } from '../../errors/error.ts';
import type { ByteString } from '../../store/bytes.ts';
import { folderDir, type FolderLayout } from '../../store/maildir/layout.ts';
import { nameOfFolder } from '../look/folders.ts';

/** Local date of a time, as `2026-11-21`. */
function dateOf(iso: string): string {
  const time = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

/** The IMAP name of a new folder `Restored/2026-11-21`; where there is one already, it gets a number. */
export function newTree(layout: FolderLayout, snapshotTime: string, dirs: readonly ByteString[]): string {
  return treeName(
    layout,
    snapshotTime,
    dirs.map((dir) => nameOfFolder(dir, layout)),
  );
}

/** The same, where the names of the folders that are there are known. */
export function treeName(layout: Pick<FolderLayout, 'prefix' | 'separator'>, snapshotTime: string, names: readonly string[]): string {
  const base = `${layout.prefix}Restored${layout.separator}${dateOf(snapshotTime)}`;
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base} ${number}`;
    if (!names.some((each) => each === name || each.startsWith(name + layout.separator))) return name;
  }
}

/** Where a folder goes below a new tree. */
export function placeInTree(tree: string, name: string, layout: FolderLayout): { name: string; dir: ByteString } {
  const plain = name !== 'INBOX' && name.startsWith(layout.prefix) ? name.slice(layout.prefix.length) : name;
  const target = tree + layout.separator + plain;
  const dir = folderDir(target, layout);
  if (dir === undefined)
    throw new MailrecoverError('failed', `the server's folders have no place for '${target}'`, {
      hint: 'restore it into a directory: --to DIR',
      subject: target,
    });
  return { name: target, dir };
}
