/**
 * File events of mail stores. chokidar follows the folders as they come and go; the directories that hold messages are watched without being listed, since
 * one of them may hold a hundred thousand, and an event says which of them it is about.
 */
import { type FSWatcher, readdirSync, watch as watchDirectory } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '../../errors/error.ts';
import { leftOut } from '../../store/maildir/leftout.ts';
import { belongs, isMessageDirectory, type Belonging, type WatchedRoot } from './places.ts';

export interface TreeEvents {
  /** A message came or was renamed: where it lies now, as far as anybody knows. */
  message(mailbox: string, path: string): void;
  /** Something of a mailbox changed. */
  changed(mailbox: string): void;
  /** Mailboxes came or went. */
  structure(): void;
  /** Watching does not work (any more): `ENOSPC` where the system gives out no more watches. */
  failed(code: string, path: string): void;
}

export interface Tree {
  /** Directories with messages that are watched. */
  readonly watched: number;
  close(): Promise<void>;
}

/** Errors that concern one directory, which may be gone already. */
const PASSING = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP']);

/** Begins to watch. Resolves when all that is there is watched, or watching has failed. */
export async function watchTree(roots: readonly WatchedRoot[], events: TreeEvents, signal: AbortSignal | undefined): Promise<Tree> {
  const { watch } = await import('chokidar');
  const handles = new Map<string, FSWatcher>();
  let ready = false;
  let closed = false;

  const belonging = (path: string): Belonging => {
    for (const root of roots) {
      const found = belongs(root, path);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const fail = (error: unknown, path: string): void => {
    const code = systemCode(error) ?? 'unknown';
    if (!closed && !PASSING.has(code)) events.failed(code, path);
  };
  const drop = (directory: string): void => {
    handles.get(directory)?.close();
    handles.delete(directory);
  };
  const attach = (mailbox: string, directory: string): void => {
    if (closed || handles.has(directory)) return;
    try {
      const handle = watchDirectory(directory, (_event, name) => {
        if (name === null) events.changed(mailbox);
        else events.message(mailbox, join(directory, name));
      });
      handle.on('error', (error) => {
        drop(directory);
        fail(error, directory);
      });
      handles.set(directory, handle);
    } catch (error) {
      fail(error, directory);
      return;
    }
    // What came between the making of the directory and the watch on it made no event.
    if (ready) for (const name of namesIn(directory)) events.message(mailbox, join(directory, name));
  };

  const watcher = watch(
    roots.map(({ root }) => root),
    {
      followSymlinks: false,
      ignorePermissionErrors: true,
      ignored: (path, stats) => {
        if (stats !== undefined && !stats.isDirectory()) return true;
        const found = belonging(path);
        if (found === undefined) return true;
        if (found.is === 'above' || found.depth === 0) return false;
        const name = basename(path);
        return isMessageDirectory(name) || name === 'tmp' || leftOut(name, 'directory') !== undefined;
      },
    },
  );
  watcher.on('addDir', (path) => {
    const found = belonging(path);
    if (found?.is !== 'inside') {
      if (ready) events.structure();
      return;
    }
    for (const name of ['new', 'cur']) attach(found.mailbox, join(path, name));
    if (!ready) return;
    if (found.depth === 0) events.structure();
    events.changed(found.mailbox);
  });
  watcher.on('unlinkDir', (path) => {
    for (const name of ['new', 'cur']) drop(join(path, name));
    const found = belonging(path);
    if (found?.is === 'inside' && found.depth > 0) events.changed(found.mailbox);
    else events.structure();
  });
  watcher.on('raw', (_event, name, details) => {
    const directory = (details as { watchedPath?: string }).watchedPath;
    if (typeof name !== 'string' || directory === undefined) return;
    const found = belonging(directory);
    if (found?.is !== 'inside') return;
    if (isMessageDirectory(name)) {
      // Made, or made again: a watch stays with the directory that it was put on.
      drop(join(directory, name));
      attach(found.mailbox, join(directory, name));
    } else if (leftOut(name, 'file') === undefined && name !== 'tmp' && dirname(directory) !== directory) events.changed(found.mailbox);
  });
  watcher.on('error', (error) => fail(error, ''));
  await new Promise<void>((resolve) => {
    watcher.once('ready', () => resolve());
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
  ready = true;
  return {
    get watched() {
      return handles.size;
    },
    async close() {
      closed = true;
      for (const handle of handles.values()) handle.close();
      handles.clear();
      await watcher.close();
    },
  };
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
