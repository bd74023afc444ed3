import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { keepTrack, type Leftover, undo } from './leave.ts';

/**
 * A new empty directory, removed after the test file (or the test or suite in which this is called).
 * Its path is short, since sockets go below it, and everybody may pass through it, since mail servers run as another user.
 */
export function scratch(name = 't'): string {
  const leftover = makeScratch(name);
  after(() => undo(leftover));
  return leftover.path;
}

/** The same outside of tests: to be undone by the caller, or by the end of the process. */
export function makeScratch(name = 't'): Leftover {
  const path = mkdtempSync(join(tmpdir(), `mailrecover-${name}-`));
  chmodSync(path, 0o711);
  const remove = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  return keepTrack({ path, undo: remove, undoNow: remove });
}
