/** Whether a restore fits before it begins. */
import { statfsSync } from 'node:fs';
import { MailrecoverError } from '../errors/error.ts';
import type { RestorePlan } from './plan.ts';

function inUnits(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 2 ** (10 * power)).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}

/** Throws `no-space` where the file system of a directory has too few free blocks or inodes for a plan. */
export function checkSpace(directory: string, plan: RestorePlan): void {
  const { bsize, bavail, ffree, files } = statfsSync(directory);
  const needed = plan.files.reduce((sum, file) => sum + Math.ceil(file.size / bsize) * bsize, plan.directories.size * bsize);
  const inodes = plan.files.length + plan.directories.size + plan.links.size;
  if (needed > bavail * bsize) {
    throw new MailrecoverError('no-space', `the restore needs ${inUnits(needed)}, and '${directory}' has ${inUnits(bavail * bsize)} free`, {
      hint: 'name a directory on a larger file system, or restore less: --mailbox, --folder',
      subject: directory,
    });
  }
  // File systems without a fixed number of inodes report none.
  if (files > 0 && inodes > ffree) {
    throw new MailrecoverError('no-space', `the restore needs ${inodes} inodes, and '${directory}' has ${ffree} free`, {
      hint: 'name a directory on a file system with more inodes',
      subject: directory,
    });
  }
}
