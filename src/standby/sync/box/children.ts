/**
 * Programs of Dovecot that write mail of the standby. Each is written down before it is told anything: what is left of a run that was killed is
 * ended, and waited for, before anybody else writes there, or serves.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError, systemCode } from '../../../errors/error.ts';
import { killGroup } from '../../../system/channel.ts';
import { monotonic, sleep } from '../../../system/clock.ts';
import { replaceFile } from '../../../system/files.ts';
import { isAlive, type ProcessIdentity } from '../../../system/process-identity.ts';

const DYING_MS = 20_000;
const POLL_MS = 20;

function rootOf(state: string): string {
  return join(state, 'standby', 'dsync');
}

/** Writes a program down, durably. @returns strikes it out again, once it has ended */
export function noteChild(state: string, identity: ProcessIdentity): () => void {
  const root = rootOf(state);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const path = join(root, `${identity.pid}.json`);
  replaceFile(path, JSON.stringify(identity));
  return () => rmSync(path, { force: true });
}

/**
 * Ends what a run that was killed has left. Only for whoever holds the lock of the standby's mail, and has started none itself.
 * @throws MailrecoverError `locked` where one does not end
 */
export async function endChildren(state: string): Promise<void> {
  const root = rootOf(state);
  for (const name of namesIn(root)) {
    const path = join(root, name);
    const identity = identityIn(path);
    if (identity !== undefined) await end(identity);
    rmSync(path, { force: true });
  }
}

async function end(identity: ProcessIdentity): Promise<void> {
  for (const until = monotonic() + DYING_MS; isAlive(identity); await sleep(POLL_MS)) {
    killGroup(identity.pid);
    if (monotonic() > until)
      throw new MailrecoverError('locked', `doveadm of a synchronisation that was cut off still runs, as process ${identity.pid}`, {
        hint: `see what it waits for (a file system that hangs?), and end it: kill -9 ${identity.pid}`,
        subject: String(identity.pid),
      });
  }
}

/** One that was torn as it was written is of a program that was never told anything. */
function identityIn(path: string): ProcessIdentity | undefined {
  try {
    const { pid, started, boot } = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
    return Number.isInteger(pid) ? { pid, started, boot } : undefined;
  } catch {
    return undefined;
  }
}

function namesIn(root: string): string[] {
  try {
    return readdirSync(root).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
