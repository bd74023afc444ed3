/**
 * The journal of packs: what a pack holds is written down before the pack is stored. After a crash the target's listing decides
 * which of them are there, and nothing is uploaded twice.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectRef } from '../repository/snapshot/text.ts';
import { writeDurable } from '../system/files.ts';

export interface PendingPack extends ObjectRef {
  raw: number;
  /** In hex. */
  tags: string[];
}

export async function writePending(folder: string, pack: PendingPack): Promise<void> {
  await writeDurable(join(folder, `${pack.name}.json`), JSON.stringify(pack));
}

/** Packs that an earlier run wrote down and never committed. What can't be read is left out: its pack is stored again. */
export function readPending(folder: string): PendingPack[] {
  const packs: PendingPack[] = [];
  for (const name of readdirSync(folder)) {
    try {
      packs.push(JSON.parse(readFileSync(join(folder, name), 'utf8')) as PendingPack);
    } catch {
      // Cut short by a crash.
    }
  }
  return packs;
}

export function clearPending(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
}
