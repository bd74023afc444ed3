/** The record of a command that is no switch, and runs programs on hosts all the same: one file, a line of JSON for each, without secrets. */
import { join } from 'node:path';
import { isoNow } from '../system/clock.ts';
import { appendDurable, makeDirectory } from '../system/files.ts';
import type { RanCommand } from './remote.ts';

export interface RunRecord {
  path: string;
  ran: (command: RanCommand) => void;
}

/**
 * @param folder below `standby` in the local state
 * @param head what the first line says of the command
 */
export async function beginRecord(state: string, folder: string, head: Record<string, unknown>): Promise<RunRecord> {
  const directory = join(state, 'standby', folder);
  await makeDirectory(directory);
  const time = isoNow();
  const path = join(directory, `${time.replaceAll(/[-:.]/g, '')}-${process.pid}.jsonl`);
  appendDurable(path, `${JSON.stringify({ event: 'begin', time, ...head })}\n`);
  return { path, ran: (command) => appendDurable(path, `${JSON.stringify({ event: 'ran', ...command })}\n`) };
}
