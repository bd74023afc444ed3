/** A repository on an SFTP server. */
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import { TEMPORARY_PREFIX } from '../../system/files.ts';
import { rateLimit } from '../../system/rate-limit.ts';
import { loginOptions } from '../../system/ssh/login.ts';
import { SFTP_STATUS, SftpStatusError, type SftpEntry, type SftpHandle, type SftpSession } from '../../system/ssh/sftp.ts';
import type { StoredObject, Target } from '../target.ts';
import { formatLocation, type Location } from './location.ts';
import type { TargetOptions } from './options.ts';

type SftpLocation = Extract<Location, { kind: 'sftp' }>;

/** How long connecting may take, and how long a server may be silent. */
const TIMEOUT_MS = 60_000;
/** Directories that are listed at once. */
const LISTED_AT_ONCE = 16;
/** What the first read asks for before the size is known; many objects are no larger. */
const FIRST_READ = 32 * 1024;
/** Nobody writes into an object that is there, not even we: a credential that may not change modes can't destroy what it stored. */
const OBJECT_MODE = 0o400;
const DIRECTORY_MODE = 0o700;
/** With less room than this a server that only says "failure" is full. */
const FULL_BYTES = 1024 * 1024;

function isStatus(error: unknown, status: number): boolean {
  return error instanceof SftpStatusError && error.status === status;
}

/** The directory on the server as a {@link Target}. It need not exist yet. Calls fail with `unreachable` where it may help to try again. */
export function sftpTarget(location: SftpLocation, options: TargetOptions, timeoutMs = TIMEOUT_MS): Target {
  const name = formatLocation(location);
  const up = rateLimit(options.limit?.up);
  const down = rateLimit(options.limit?.down);
  const at = (path: string): string => posix.join(location.path, path);
  let live: SftpSession | undefined;
  let opening: Promise<SftpSession> | undefined;
  let closed = false;
  /** Whether files may be given other names here; found out by trying. */
  let mayRename = true;

  async function open(): Promise<SftpSession> {
    const { openSftp } = await import('../../system/ssh/sftp.ts');
    const session = await openSftp({ ...(await loginOptions(location, options.sftp ?? {})), timeoutMs });
    if (closed) session.end();
    return (live = session);
  }

  function connected(): Promise<SftpSession> {
    if (live?.alive === true) return Promise.resolve(live);
    return (opening ??= open().finally(() => (opening = undefined)));
  }

  /** Does something, and says in words what the server refused. */
  async function refusable<T>(action: string, path: string, work: (session: SftpSession) => Promise<T>): Promise<T> {
    const session = await connected();
    try {
      return await work(session);
    } catch (error) {
      throw error instanceof SftpStatusError ? await explain(session, error, action, path) : error;
    }
  }

  async function explain(session: SftpSession, error: SftpStatusError, action: string, path: string): Promise<MailrecoverError> {
    const subject = `${name}/${path}`;
    if (error.status === SFTP_STATUS.noSuchFile)
      return new MailrecoverError('not-found', `'${path}' is not in the repository`, { subject: path, cause: error });
    const told = (code: 'key' | 'io' | 'no-space', why: string, hint: string): MailrecoverError =>
      new MailrecoverError(code, `unable to ${action} '${subject}': ${why}`, { subject, hint, cause: error });
    if (error.status === SFTP_STATUS.permissionDenied)
      return told('key', 'this credential does not allow it', 'give the user there the permission, or is the credential meant for less?');
    const room = await session.room(at('')).catch(() => undefined);
    if (room !== undefined && (room.bytes < FULL_BYTES || room.files === 0))
      return told(
        'no-space',
        'no space is left on the server',
        'free some space there and run the command again; what was complete is kept',
      );
    return told('io', `the server says '${error.message}'`, 'look at the disk and the quota there, and into the log of its sshd');
  }

  async function makeFolder(session: SftpSession, folder: string): Promise<void> {
    try {
      await session.makeDirectory(folder, DIRECTORY_MODE);
    } catch (error) {
      if (isStatus(error, SFTP_STATUS.noSuchFile) && posix.dirname(folder) !== folder) {
        await makeFolder(session, posix.dirname(folder));
        return makeFolder(session, folder);
      }
      // Servers say of a directory that is there that making it failed, and some that it is denied.
      const { kind } = await session.entryAt(folder).catch(() => ({ kind: 'other' }));
      if (kind !== 'directory') throw error;
    }
  }

  async function create(session: SftpSession, path: string): Promise<SftpHandle> {
    try {
      return await session.open(path, 'wx', OBJECT_MODE);
    } catch (error) {
      if (!isStatus(error, SFTP_STATUS.noSuchFile)) throw error;
      await makeFolder(session, posix.dirname(path));
      return session.open(path, 'wx', OBJECT_MODE);
    }
  }

  async function exists(session: SftpSession, path: string): Promise<boolean> {
    try {
      await session.entryAt(path);
      return true;
    } catch (error) {
      if (isStatus(error, SFTP_STATUS.noSuchFile)) return false;
      throw error;
    }
  }

  /** Gives the finished file its name, unless that is taken. @returns false where it is */
  async function nameNew(session: SftpSession, temporary: string, path: string): Promise<boolean> {
    try {
      if (session.offers('hardlink@openssh.com')) {
        await session.link(temporary, path);
        await session.remove(temporary).catch(ignoreDenied);
      } else {
        // By the draft, and in OpenSSH, this replaces nothing; other servers are asked first.
        if (await exists(session, path)) return false;
        await session.rename(temporary, path);
      }
      return true;
    } catch (error) {
      if (error instanceof SftpStatusError && (await exists(session, path))) return false;
      throw error;
    }
  }

  /** Gives the finished file its name; what had it before is replaced. */
  async function nameAnew(session: SftpSession, temporary: string, path: string): Promise<void> {
    if (mayRename) {
      try {
        return await (session.offers('posix-rename@openssh.com')
          ? session.replace(temporary, path)
          : replaceInTwo(session, temporary, path));
      } catch (error) {
        if (!isStatus(error, SFTP_STATUS.permissionDenied)) throw error;
        mayRename = false;
      }
    }
    if (await nameNew(session, temporary, path)) return;
    // A credential that may only add: what is there stays there, and is good where it is the same.
    const [written, present] = [await readWhole(session, temporary), await readWhole(session, path)];
    await session.remove(temporary).catch(ignoreDenied);
    if (!written.equals(present)) {
      throw new MailrecoverError(
        'refused',
        `'${name}/${posix.relative(at(''), path)}' is there already, and this credential may not replace it`,
        {
          hint: 'use a credential that may write for this',
          subject: path,
        },
      );
    }
  }

  async function readWhole(session: SftpSession, path: string): Promise<Buffer> {
    const handle = await session.open(path, 'r');
    try {
      const [size, first] = await Promise.all([session.sizeOf(handle), session.read(handle, 0, FIRST_READ, down)]);
      if (size <= first.length) return first.subarray(0, size);
      const rest = await session.read(handle, first.length, size, down);
      if (first.length + rest.length < size)
        throw new MailrecoverError('unreachable', `'${path}' broke off while it was read`, { subject: path });
      return Buffer.concat([first, rest]);
    } finally {
      void session.close(handle).catch(() => undefined);
    }
  }

  return {
    location: name,
    put: (path, data, { exclusive = false } = {}) =>
      refusable('write', path, async (session) => {
        const full = at(path);
        if (exclusive && (await exists(session, full))) return false;
        const temporary = posix.join(posix.dirname(full), TEMPORARY_PREFIX + randomBytes(8).toString('hex'));
        const handle = await create(session, temporary);
        const sync = async (): Promise<void> => (session.offers('fsync@openssh.com') ? session.sync(handle) : undefined);
        try {
          await session.write(handle, data, up);
          await sync();
          let made = true;
          if (exclusive) made = await nameNew(session, temporary, full);
          else await nameAnew(session, temporary, full);
          // Directories can't be synced over SFTP. A file whose name changed is synced with its name (ext4, XFS, btrfs).
          if (made) await sync();
          else await session.remove(temporary).catch(ignoreDenied);
          return made;
        } catch (error) {
          // A full disk is one as long as the part is there.
          const told = error instanceof SftpStatusError ? await explain(session, error, 'write', path) : error;
          await session.remove(temporary).catch(() => undefined);
          throw told;
        } finally {
          void session.close(handle).catch(() => undefined);
        }
      }),
    get: (path) => refusable('read', path, (session) => readWhole(session, at(path))),
    getRange: (path, start, end) =>
      refusable('read', path, async (session) => {
        const handle = await session.open(at(path), 'r');
        try {
          return await session.read(handle, start, end, down);
        } finally {
          void session.close(handle).catch(() => undefined);
        }
      }),
    size: (path) =>
      refusable('look at', path, async (session) => {
        try {
          return (await session.entryAt(at(path))).size;
        } catch (error) {
          if (isStatus(error, SFTP_STATUS.noSuchFile)) return undefined;
          throw error;
        }
      }),
    async *list(folder, { all = false } = {}) {
      yield* await refusable('list', folder, (session) => listTree(session, at(''), folder, all));
    },
    remove: (path) =>
      refusable('remove', path, async (session) => {
        try {
          await session.remove(at(path));
        } catch (error) {
          if (!isStatus(error, SFTP_STATUS.noSuchFile)) throw error;
        }
      }),
    async close() {
      closed = true;
      await opening?.catch(() => undefined);
      live?.end();
    },
  };
}

function ignoreDenied(error: unknown): void {
  if (!isStatus(error, SFTP_STATUS.permissionDenied)) throw error;
}

/** For servers without OpenSSH's extension: between the two steps there is nothing of that name, and a reader asks again. */
async function replaceInTwo(session: SftpSession, from: string, to: string): Promise<void> {
  try {
    await session.rename(from, to);
  } catch (error) {
    if (!(error instanceof SftpStatusError) || isStatus(error, SFTP_STATUS.permissionDenied)) throw error;
    await session.remove(to);
    await session.rename(from, to);
  }
}

/** All objects below a folder, with many directories asked for at once. */
async function listTree(session: SftpSession, root: string, top: string, all: boolean): Promise<StoredObject[]> {
  const objects: StoredObject[] = [];
  let folders = [top];
  while (folders.length > 0) {
    const below: string[] = [];
    const queue = folders;
    const work = async (): Promise<void> => {
      for (let folder = queue.pop(); folder !== undefined; folder = queue.pop()) {
        for (const { name, kind, size } of await entries(session, posix.join(root, folder))) {
          const path = folder === '' ? name : `${folder}/${name}`;
          // A file system's own; only root may look into it.
          if (path === 'lost+found') continue;
          if (kind === 'directory') below.push(path);
          else if (all || (kind === 'file' && !name.startsWith(TEMPORARY_PREFIX))) objects.push({ path, size });
        }
      }
    };
    await Promise.all(Array.from({ length: LISTED_AT_ONCE }, work));
    folders = below;
  }
  return objects;
}

/** What lies in a directory; nothing where there is none. */
async function entries(session: SftpSession, directory: string): Promise<SftpEntry[]> {
  try {
    return await session.list(directory);
  } catch (error) {
    if (isStatus(error, SFTP_STATUS.noSuchFile)) return [];
    throw error;
  }
}
