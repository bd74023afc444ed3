/** Dovecot's lock of a folder: while it is held, Dovecot gives no UIDs there (maildir-uidlist.c). */
import { lstatSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Handles } from '../../restore/live/aside.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { monotonic, now, sleep } from '../../system/clock.ts';
import { isAlive, thisProcess, type ProcessIdentity } from '../../system/process-identity.ts';

/** Dovecot takes a lock over that is older. */
const STALE_MS = 120_000;
const PATIENCE_MS = 150_000;
const MARK = 'mailrecover';

/**
 * Takes the lock in a directory of control files.
 * @returns gives it back
 * @throws MailrecoverError `locked` where another has it for long
 */
export async function lockUidlist(directory: ByteString, handles: Handles, signal: AbortSignal | undefined): Promise<() => void> {
  const path = fsPath(`${handles.at(directory)}/dovecot-uidlist.lock`);
  const mine = `${MARK} ${JSON.stringify(thisProcess())}`;
  const began = monotonic();
  for (;;) {
    signal?.throwIfAborted();
    try {
      writeFileSync(path, mine, { flag: 'wx', mode: 0o600 });
      return () => {
        try {
          if (readFileSync(path, 'latin1') === mine) unlinkSync(path);
        } catch (error) {
          if (systemCode(error) !== 'ENOENT') throw error;
        }
      };
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw ioError(error, 'lock', displayBytes(directory));
    }
    if (isLeftOver(path)) continue;
    if (monotonic() - began > PATIENCE_MS)
      throw new MailrecoverError('locked', `dovecot holds the lock of '${displayBytes(directory)}' for more than ${PATIENCE_MS / 1000} s`, {
        hint: 'see what uses the mail of the standby, and run it again',
        subject: displayBytes(directory),
      });
    await sleep(50, signal);
  }
}

/** Whether a lock was of a process that is gone, or is stale: then it is taken away. */
function isLeftOver(path: string | Buffer): boolean {
  try {
    const content = readFileSync(path, 'latin1');
    const isDead = content.startsWith(`${MARK} `) ? !isOwned(content.slice(MARK.length)) : now() - lstatSync(path).mtimeMs > STALE_MS;
    if (isDead) unlinkSync(path);
    return isDead;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return true;
    throw error;
  }
}

/** Whether the process lives that a lock of ours names. One that names none was torn as it was written. */
function isOwned(identity: string): boolean {
  try {
    return isAlive(JSON.parse(identity) as ProcessIdentity);
  } catch {
    return false;
  }
}
