/** Keeping what the newest snapshot needs from being removed, where the place of the repository can do that. */
import { readFileSync } from 'node:fs';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { RECOVER_PAGE, RECOVER_SCRIPT } from '../repository/recover/files.ts';
import { MARKER, type Repository } from '../repository/repository.ts';
import { replaceFile } from '../system/files.ts';
import type { StateDirectory } from './state/state.ts';

/** Until when each object was kept at the last time; losing it costs one question an object. */
function readKnown(file: string): Map<string, number> {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>));
  } catch {
    return new Map();
  }
}

/**
 * Extends the retention of what a snapshot needs, and of what the repository needs to be one.
 * @returns what the user should know where that failed: the snapshot is good all the same
 */
export async function retainNeeded({ target }: Repository, state: StateDirectory, needed: readonly string[]): Promise<Finding[]> {
  if (target.retain === undefined) return [];
  const file = state.file('retention.json');
  try {
    const paths = [...needed, MARKER, RECOVER_PAGE, RECOVER_SCRIPT];
    for (const folder of ['hosts', 'keys']) for await (const { path } of target.list(folder)) paths.push(path);
    const kept = await target.retain(paths, readKnown(file));
    replaceFile(file, JSON.stringify(Object.fromEntries(kept)));
    return [];
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    return [
      {
        severity: 'warning',
        code: 'not-retained',
        message: `the snapshot is stored, but not all that it needs could be locked for as long as it should be: ${error.message}`,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        subject: target.location,
      },
    ];
  }
}
