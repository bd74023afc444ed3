/** The scratch directory of a proof goes away with all mail in it. */
import { chmodSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { ioError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';

/** Lets its owner empty directories that were restored without write permission; links are not followed. */
function openDirectories(path: Buffer): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' }))
    if (entry.isDirectory()) openDirectories(Buffer.concat([path, Buffer.from('/'), entry.name]));
}

/** Removes it. Never throws. @returns what there is to tell where that failed */
export async function removeRoom(room: string): Promise<Finding | undefined> {
  const remove = (): Promise<void> => rm(room, { recursive: true, force: true });
  try {
    await remove().catch(async () => {
      openDirectories(Buffer.from(room));
      await remove();
    });
    return undefined;
  } catch (error) {
    return {
      severity: 'warning',
      code: 'left-over',
      message: ioError(error, 'remove', room).message,
      hint: `mail lies there in the clear; remove it: rm -r '${room}'`,
      subject: room,
    };
  }
}
