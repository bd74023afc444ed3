/** A repository in a local directory. */
import { constants, lstatSync, readdirSync, type Dirent } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import {
  anchorDirectory,
  ifPresent,
  makeDirectory,
  syncDirectory,
  TEMPORARY_PREFIX,
  writeDurable,
  writeNewDurable,
} from '../../system/files.ts';
import type { StoredObject, Target } from '../target.ts';

function missing(path: string): MailrecoverError {
  return new MailrecoverError('not-found', `'${path}' is not in the repository`, { subject: path });
}

/** Synchronous calls: a listing of names and sizes takes a tenth of the time that way. */
function* walk(root: string, folder: string, all: boolean): Generator<StoredObject> {
  let entries: Dirent[];
  try {
    entries = readdirSync(`${root}/${folder}`, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    // A file system's own; only root may look into it.
    if (path === 'lost+found') continue;
    if (entry.isDirectory()) yield* walk(root, path, all);
    else if (all || (entry.isFile() && !entry.name.startsWith(TEMPORARY_PREFIX))) {
      const found = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
      if (found !== undefined) yield { path, size: found.size };
    }
  }
}

/**
 * The directory as a {@link Target}. It need not exist yet: `put` makes what it needs, but not twice.
 * @param root absolute path
 */
export function localTarget(root: string): Target {
  const known = new Set<string>();
  const anchored = new Set<string>();
  /** Whether the directory was seen: then it is not made anew, where a disk was taken away. */
  let seen = false;

  async function ensureFolder(path: string): Promise<void> {
    const folder = dirname(join(root, path));
    if (known.has(folder)) return;
    if (seen && (await ifPresent(() => stat(root))) === undefined)
      throw new MailrecoverError('io', `the directory '${root}' has gone while it was in use`, {
        hint: 'is its disk still mounted?',
        subject: root,
      });
    await makeDirectory(folder);
    seen = true;
    const parent = dirname(folder);
    // Once for all folders in it: those that this run makes are synced when they are made.
    if (folder !== root && !anchored.has(parent)) await anchorDirectory(folder, root);
    anchored.add(parent);
    known.add(folder);
  }

  async function read<T>(path: string, action: () => Promise<T>): Promise<T> {
    try {
      const result = await action();
      seen ||= result !== undefined;
      return result;
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') throw missing(path);
      throw ioError(error, 'read', join(root, path));
    }
  }

  return {
    location: root,
    async put(path, data, options = {}) {
      const full = join(root, path);
      const write = async (): Promise<boolean> => {
        await ensureFolder(path);
        if (options.exclusive === true) return writeNewDurable(full, data, 0o600);
        await writeDurable(full, data, 0o600);
        return true;
      };
      try {
        return await write();
      } catch (error) {
        // Somebody took the folder away that was there a moment ago.
        if (!(error instanceof MailrecoverError) || systemCode(error.cause) !== 'ENOENT' || !known.delete(dirname(full))) throw error;
        return write();
      }
    },
    get: (path) => read(path, () => readFile(join(root, path))),
    getRange: (path, start, end) =>
      read(path, async () => {
        const handle = await open(join(root, path), constants.O_RDONLY);
        try {
          const buffer = Buffer.allocUnsafe(Math.max(0, end - start));
          let filled = 0;
          while (filled < buffer.length) {
            const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, start + filled);
            if (bytesRead === 0) break;
            filled += bytesRead;
          }
          return buffer.subarray(0, filled);
        } finally {
          await handle.close();
        }
      }),
    size: async (path) => (await read(path, () => ifPresent(() => stat(join(root, path)))))?.size,
    async *list(folder, options = {}) {
      try {
        yield* walk(root, folder, options.all === true);
      } catch (error) {
        throw ioError(error, 'list', join(root, folder));
      }
    },
    async remove(path) {
      try {
        await rm(join(root, path), { force: true });
        // A snapshot must not come back after a power cut that what it needs did not survive.
        if (path.startsWith('snapshots/')) await ifPresent(() => syncDirectory(dirname(join(root, path))));
      } catch (error) {
        throw ioError(error, 'remove', join(root, path));
      }
    },
  };
}
