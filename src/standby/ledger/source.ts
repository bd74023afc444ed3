/** Reading this host's ledger out of Postfix's log, from where it was read last. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import { isoTime, monotonic, now } from '../../system/clock.ts';
import { run } from '../../system/exec.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import { readOn, type Cursor } from './log-file.ts';
import { parseLogLine, type LogEvent } from './log-lines.ts';

export interface LedgerPart {
  events: LogEvent[];
  /** Everything that was accepted until then has been read, UTC. */
  until: string;
  cursor: Cursor;
  /** There is more to be read at once. */
  more: boolean;
}

/** What is logged now may be in the file only so much later. */
const GRACE_MS = 2000;
const USUAL = '/var/log/mail.log';

/** The file that Postfix on this host logs to; undefined where that is none (syslog or the journal alone). */
export async function mailLog(configured: string | undefined): Promise<string | undefined> {
  if (configured !== undefined) return configured;
  try {
    const own = (await run('postconf', ['-h', 'maillog_file'], { timeoutMs: 10_000 })).stdout.trim();
    if (own.startsWith('/')) return own.startsWith('/dev/') ? undefined : own;
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
  }
  return existsSync(USUAL) ? USUAL : undefined;
}

function cursorPath(state: string): string {
  return join(state, 'standby', 'ledger-cursor.json');
}

const LOOK_MS = 60_000;

/** {@link mailLog}, which is asked for again only once in a while. */
export function mailLogLately(configured: string | undefined): () => Promise<string | undefined> {
  let found: { log: string | undefined; at: number } | undefined;
  return async () => {
    if (found?.log === undefined || monotonic() - found.at > LOOK_MS) found = { log: await mailLog(configured), at: monotonic() };
    return found.log;
  };
}

/** Reads what was accepted since the last time. @returns undefined where there is no log */
export function readAccepted(state: string, log: string): LedgerPart | undefined {
  const began = now();
  const found = readOn(log, cursorOf(state));
  if (found === undefined) return undefined;
  const events = found.lines.flatMap((line) => parseLogLine(line, began) ?? []);
  const last = events.at(-1)?.at ?? isoTime(0);
  return { events, cursor: found.cursor, more: !found.whole, until: found.whole ? isoTime(began - GRACE_MS) : last };
}

function cursorOf(state: string): Cursor | undefined {
  try {
    const { inode, offset } = JSON.parse(readFileSync(cursorPath(state), 'utf8')) as Cursor;
    return typeof inode === 'number' && typeof offset === 'number' ? { inode, offset } : undefined;
  } catch {
    // The first time; or it is damaged, and the ledger goes on from here.
    return undefined;
  }
}

/** The other host has it: the next time goes on behind it. */
export async function acceptedTaken(state: string, cursor: Cursor): Promise<void> {
  const before = cursorOf(state);
  // Without mail there is a turn each second: nothing is written for it.
  if (before?.inode === cursor.inode && before.offset === cursor.offset) return;
  await makeDirectory(join(state, 'standby'));
  await writeDurable(cursorPath(state), JSON.stringify(cursor));
}
