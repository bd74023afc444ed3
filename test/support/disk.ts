import { spawnSync } from 'node:child_process';
import { appendFileSync, closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { findProgram, isRoot, run } from './host.ts';
import { keepTrack, type Leftover, undo } from './leave.ts';
import { makeScratch } from './tmp.ts';

let mountable: string | false | undefined;

/** Why no file system can be mounted here, for `skip`, or false. Tried once. */
export function noMount(): string | false {
  mountable ??= tryMount();
  return mountable;
}

function tryMount(): string | false {
  if (!isRoot) return 'needs root, to mount a file system';
  if (findProgram('mkfs.ext4') === undefined) return 'needs mkfs.ext4 (e2fsprogs), not installed here';
  const scratch = makeScratch('m');
  const { path } = scratch;
  try {
    const image = join(path, 'image');
    makeImage(image, 1);
    mkdirSync(join(path, 'at'));
    if (spawnSync('mount', ['-o', 'loop', image, join(path, 'at')], { stdio: 'ignore' }).status !== 0)
      return 'needs loop mounts, which this host does not allow';
    run('umount', [join(path, 'at')]);
    return false;
  } finally {
    scratch.undoNow();
  }
}

function makeImage(path: string, megabytes: number, inodes?: number): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, megabytes << 20);
  closeSync(file);
  // No blocks set aside for root: full means full.
  run('mkfs.ext4', ['-q', '-F', '-m', '0', '-O', '^has_journal', ...(inodes === undefined ? [] : ['-N', String(inodes)]), path]);
}

/** A small ext4 file system of its own for the rest of this test, suite or file; gives the mount point. See {@link noMount}. */
export function smallDisk(megabytes: number, options: { inodes?: number } = {}): string {
  return mounted((image, at) => {
    makeImage(image, megabytes, options.inodes);
    run('mount', ['-o', 'loop', image, at]);
  });
}

/** A tmpfs for the rest of this test, suite or file; gives the mount point. Needs root. */
export function tmpfs(megabytes: number): string {
  return mounted((_, at) => {
    run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'tmpfs', at]);
  });
}

/** Fills a file system to the last byte. */
export function fill(directory: string): void {
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) appendFileSync(join(directory, 'filler'), Buffer.alloc(size));
    } catch {
      // It is full; a smaller piece may still fit.
    }
  }
}

function mounted(mount: (image: string, at: string) => void): string {
  const scratch: Leftover = makeScratch('disk');
  const at = join(scratch.path, 'disk');
  mkdirSync(at);
  mount(join(scratch.path, 'image'), at);
  const unmount = (): void => {
    // Lazily where somebody still has a file open on it: it goes with the last of them.
    if (spawnSync('umount', [at], { stdio: 'ignore' }).status !== 0) run('umount', ['-l', at]);
  };
  keepTrack({ path: at, undo: unmount, undoNow: unmount });
  after(() => undo(scratch));
  return at;
}
