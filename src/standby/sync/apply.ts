/** Carrying out a plan in a mailbox of the standby: messages first, then what speaks of them, the lists of UIDs last. */
import { chmodSync, lchownSync, renameSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Handles } from '../../restore/live/aside.ts';
import { attempt, replaceFileIn } from '../../restore/write/files.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { leftOut } from '../../store/maildir/leftout.ts';
import { namesIn } from '../../restore/live/aside.ts';
import { lstatIfThere } from '../../store/stat.ts';
import { syncDirectorySync } from '../../system/files.ts';
import { messageKey, type FileCut, type MailboxCut, type MessageCut } from './model.ts';
import { pathIn, type MailboxPlace } from './place.ts';
import type { TakeOverPlan } from './plan.ts';
import type { Owner } from './owner.ts';
import type { Staging } from './staging.ts';

/** Steps between two looks at the epoch. */
const BATCH = 200;

export interface ApplyOptions {
  place: MailboxPlace;
  plan: TakeOverPlan;
  staging: Staging;
  owner: Owner;
  handles: Handles;
  /** Content of files by their SHA-256. */
  contents: ReadonlyMap<string, Buffer>;
  /** Throws where this host may not be written to any more. */
  guard: () => Promise<void>;
  /** Directory for messages that are set aside; made where it is needed. */
  aside: () => ByteString;
}

/** @throws MailrecoverError `refused` by the guard, `io`, `no-space`; run again it goes on where it stopped */
export async function applyPlan(options: ApplyOptions): Promise<void> {
  const { plan, guard } = options;
  const worker = new Worker(options);
  const steps: (() => void)[] = [
    ...plan.makeDirs.map((dir) => () => worker.makeDir(dir)),
    ...plan.foreign.map((message) => () => worker.setAside(message)),
    ...plan.adds.map((message) => () => worker.add(message)),
    ...plan.renames.map(
      ({ from, to }) =>
        () =>
          worker.rename(from, to),
    ),
    ...plan.removes.map((message) => () => worker.remove(message)),
    () => worker.settle(),
    ...plan.removeLinks.map((link) => () => worker.unlink(pathIn(options.place, link.area, link.path))),
    ...plan.links.map((link) => () => worker.link(link)),
    ...plan.removeFiles.map((file) => () => worker.unlink(pathIn(options.place, file.area, file.path))),
    ...plan.files.map((file) => () => worker.write(file)),
    ...plan.removeDirs.map((dir) => () => worker.removeDir(dir)),
    () => worker.settle(),
  ];
  for (const [number, step] of steps.entries()) {
    if (number % BATCH === 0) await guard();
    step();
  }
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

class Worker {
  readonly #options: ApplyOptions;
  /** Directories in which names changed since the last {@link settle}. */
  readonly #changed = new Set<ByteString>();

  constructor(options: ApplyOptions) {
    this.#options = options;
  }

  /** A path that is reached through the handle of its directory. */
  #at(path: ByteString): ByteString {
    this.#changed.add(parentOf(path));
    return `${this.#options.handles.at(parentOf(path))}/${nameOf(path)}`;
  }

  #file({ dir, base, in: where, flags }: MessageCut): ByteString {
    return pathIn(this.#options.place, 'mail', `${dir === '' ? '' : `${dir}/`}${where}/${base}${flags}`);
  }

  makeDir({ area, path, mode }: MailboxCut['dirs'][number]): void {
    const full = pathIn(this.#options.place, area, path);
    if (lstatIfThere(full) !== undefined) return;
    this.#options.handles.make(parentOf(full), nameOf(full));
    const made = fsPath(this.#at(full));
    const { uid, gid } = this.#options.owner;
    attempt(full, () => {
      if (uid !== undefined && gid !== undefined) lchownSync(made, uid, gid);
      chmodSync(made, mode);
    });
  }

  #move(from: ByteString, to: ByteString): void {
    try {
      renameSync(fsPath(this.#at(from)), fsPath(this.#at(to)));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT')
        attempt(to, () => {
          throw error;
        });
      throw new MailrecoverError('failed', `'${displayBytes(from)}' was renamed by somebody else at the same moment`, {
        hint: 'nobody may use the mail of the standby while it is synchronised; run it again',
        subject: displayBytes(from),
      });
    }
  }

  add(message: MessageCut): void {
    const { staging } = this.#options;
    const name = staging.message(messageKey(message.dir, message.base), message.size, message.mtime);
    if (name === undefined) throw new MailrecoverError('bug', 'a message that was to be taken over does not lie ready');
    const staged = `${staging.directory}/${name}`;
    const { uid, gid, mode } = this.#options.owner;
    const at = fsPath(this.#at(staged));
    attempt(staged, () => {
      if (uid !== undefined && gid !== undefined) lchownSync(at, uid, gid);
      chmodSync(at, mode & 0o666);
    });
    this.#move(staged, this.#file(message));
  }

  rename(from: MessageCut, to: MessageCut): void {
    this.#move(this.#file(from), this.#file(to));
  }

  remove(message: MessageCut): void {
    this.unlink(this.#file(message));
  }

  setAside(message: MessageCut): void {
    const to = `${this.#options.aside()}/${message.dir.replaceAll('/', '\\') || 'INBOX'}-${message.base}${message.flags}`;
    this.#move(this.#file(message), to);
  }

  unlink(path: ByteString): void {
    try {
      unlinkSync(fsPath(this.#at(path)));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT')
        attempt(path, () => {
          throw error;
        });
    }
  }

  link({ area, path, to }: MailboxCut['links'][number]): void {
    const full = pathIn(this.#options.place, area, path);
    this.unlink(full);
    attempt(full, () => symlinkSync(fsPath(to), fsPath(this.#at(full))));
    const { uid, gid } = this.#options.owner;
    if (uid !== undefined && gid !== undefined) lchownSync(fsPath(this.#at(full)), uid, gid);
  }

  /** Writes a file aside and puts it in the place of the old one in one step. */
  write({ area, path, mode, mtime, sha }: FileCut): void {
    const full = pathIn(this.#options.place, area, path);
    const { uid, gid } = this.#options.owner;
    const content = this.#options.contents.get(sha);
    if (content === undefined) throw new MailrecoverError('bug', 'a file that was to be taken over does not lie ready');
    attempt(full, () => replaceFileIn(parentOf(this.#at(full)), nameOf(full), content, { mode, mtime, uid, gid }));
  }

  /** Removes a folder, unless something lies in it that is to be kept. */
  removeDir({ area, path }: MailboxCut['dirs'][number]): void {
    const full = pathIn(this.#options.place, area, path);
    const name = nameOf(full);
    for (const each of namesIn(full)) {
      if (name !== 'tmp' && leftOut(each, 'file') === undefined) return;
      this.unlink(`${full}/${each}`);
    }
    try {
      rmdirSync(fsPath(this.#at(full)));
      this.#changed.delete(full);
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY'].includes(systemCode(error) ?? ''))
        attempt(full, () => {
          throw error;
        });
    }
  }

  /** What was done so far survives a power cut. */
  settle(): void {
    for (const path of this.#changed) if (lstatIfThere(path) !== undefined) syncDirectorySync(this.#options.handles.at(path));
    this.#changed.clear();
  }
}
