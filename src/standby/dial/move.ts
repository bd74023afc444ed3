/** Where the mail of a mailbox that was begun anew is kept: beside where it lay, each tree of it by one rename. */
import { renameSync } from 'node:fs';
import { ioError } from '../../errors/error.ts';
import { Handles, removeAside } from '../../restore/live/aside.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { syncDirectorySync } from '../../system/files.ts';
import type { MailboxPlace } from '../sync/place.ts';

type Trees = Pick<MailboxPlace, 'root' | 'control' | 'index'>;

/** A tree of the mailbox, where it is kept, and where what takes its place is built. */
interface Tree {
  root: ByteString;
  aside: ByteString;
  built: ByteString;
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

function treesOf({ root, control, index }: Trees, aside: string): Tree[] {
  const tree = (path: ByteString | undefined, end: string): Tree[] => {
    if (path === undefined) return [];
    const kept = `${parentOf(path)}/${aside}${end}`;
    return [{ root: path, aside: kept, built: `${kept}-new` }];
  };
  // Mail last: where it lies is where it is looked for.
  return [...tree(index, '-index'), ...tree(control, '-control'), ...tree(root, '')];
}

/** The mailbox as it lies aside. */
export function placesAside<T extends Trees>(place: T, aside: string): T {
  const at = (path: ByteString | undefined): ByteString | undefined => treesOf(place, aside).find(({ root }) => root === path)?.aside;
  const control = at(place.control);
  return { ...place, root: at(place.root) ?? place.root, ...(control === undefined ? {} : { control }) };
}

/**
 * Puts what is built in the place of the mailbox. Safe to be repeated after it was cut off anywhere.
 * @param build makes trees like those of the mailbox; the mailbox still lies where it did
 */
export function moveAside(place: MailboxPlace, aside: string, build: (built: MailboxPlace) => void): void {
  const trees = treesOf(place, aside);
  const isBuilt = trees.some((tree) => lstatIfThere(tree.aside) !== undefined);
  if (!isBuilt) {
    for (const { built } of trees) removeAside(built);
    const [root, control] = [place.root, place.control].map((path) => trees.find((tree) => tree.root === path)?.built);
    build({ ...place, root: root ?? place.root, ...(control === undefined ? {} : { control }) });
  }
  for (const { root, aside: kept, built } of trees) {
    if (lstatIfThere(kept) === undefined && lstatIfThere(root) !== undefined) move(root, kept);
    if (lstatIfThere(root) === undefined && lstatIfThere(built) !== undefined) move(built, root);
  }
}

/** Takes it back: what was built goes, and the mailbox is where it was. Safe to be repeated. */
export function moveBack(place: MailboxPlace, aside: string): void {
  for (const { root, aside: kept, built } of treesOf(place, aside).toReversed()) {
    if (lstatIfThere(kept) === undefined) {
      removeAside(built);
      continue;
    }
    if (lstatIfThere(root) !== undefined) {
      removeAside(built);
      move(root, built);
    }
    move(kept, root);
    removeAside(built);
  }
}

function move(from: ByteString, to: ByteString): void {
  const handles = new Handles();
  try {
    renameSync(fsPath(from), fsPath(to));
    syncDirectorySync(handles.at(parentOf(to)));
  } catch (error) {
    throw ioError(error, 'rename', displayBytes(from));
  } finally {
    handles.close();
  }
}
