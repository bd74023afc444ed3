/**
 * The directory beside a mailbox where messages lie before they are put in, and where `replace` keeps what it took out. On the file system of
 * the mailbox, so that each message goes in and out by a rename; outside of it, so that the server does not see it.
 */
import { closeSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { openDirectory, throughHandle } from '../../store/reach.ts';
import type { MailboxPlan } from './model.ts';

/** Directories that are held open: names in them are reached through their handles, whatever their paths mean by now. */
export class Handles {
  readonly #open = new Map<ByteString, number>();

  /** @returns the directory, as a path that holds until {@link close} */
  at(path: ByteString): ByteString {
    let fd = this.#open.get(path);
    if (fd === undefined) {
      try {
        fd = openDirectory(path);
      } catch (error) {
        throw ioError(error, 'open the directory', displayBytes(path));
      }
      this.#open.set(path, fd);
    }
    return throughHandle(fd);
  }

  /** Makes a directory in one that is there; it may be there already. */
  make(parent: ByteString, name: ByteString): ByteString {
    try {
      mkdirSync(fsPath(`${this.at(parent)}/${name}`), 0o700);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw ioError(error, 'make the directory', displayBytes(`${parent}/${name}`));
    }
    return `${parent}/${name}`;
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }
}

export function asideName(id: string, number: number): string {
  return `.mailrecover-${id}-${number}`;
}

function parentOf(root: ByteString): ByteString {
  return root.slice(0, Math.max(1, root.lastIndexOf('/')));
}

/** Path of the directory beside a mailbox. */
export function asidePath({ root }: Pick<MailboxPlan, 'root'>, id: string, number: number): ByteString {
  return `${parentOf(root)}/${asideName(id, number)}`;
}

/** Makes it. @returns its path */
export function makeAside(handles: Handles, mailbox: MailboxPlan, id: string, number: number): ByteString {
  return handles.make(parentOf(mailbox.root), asideName(id, number));
}

/** Names in a directory; none where it is not there. */
export function namesIn(path: ByteString): ByteString[] {
  try {
    return readdirSync(fsPath(path), { encoding: 'latin1' });
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw ioError(error, 'list', displayBytes(path));
  }
}

/** Removes the files of a directory beside a mailbox, and it; its subdirectories too. Links are removed, not followed. */
export function removeAside(path: ByteString): void {
  const handles = new Handles();
  const empty = (directory: ByteString): void => {
    for (const name of namesIn(handles.at(directory))) {
      try {
        unlinkSync(fsPath(`${handles.at(directory)}/${name}`));
      } catch (error) {
        if (!['EISDIR', 'EPERM'].includes(systemCode(error) ?? '')) throw error;
        empty(`${directory}/${name}`);
        rmdirSync(fsPath(`${handles.at(directory)}/${name}`));
      }
    }
  };
  try {
    empty(path);
    rmdirSync(fsPath(path));
  } catch (error) {
    const cause = error instanceof MailrecoverError ? error.cause : error;
    if (systemCode(cause) !== 'ENOENT') throw ioError(error, 'remove', displayBytes(path));
  } finally {
    handles.close();
  }
}
