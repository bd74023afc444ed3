/**
 * The accept ledger: what a host accepted, kept on the other one, a file of events for each day. It goes off the host as it is logged, so that after a disaster
 * it can be told whose mail is missing. Events may come twice; what is made of them stays the same.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, systemCode } from '../../errors/error.ts';
import { isoTime, now } from '../../system/clock.ts';
import { appendDurable, makeDirectory, replaceFile } from '../../system/files.ts';
import { parseIfWhole, textIfThere } from '../../system/kept.ts';
import { linesIn } from './log-file.ts';
import type { LogEvent } from './log-lines.ts';
import type { Asked, Taking } from './taking.ts';

export type LedgerEvent = LogEvent | Taking;

/** What of it goes to the other host. */
export interface Noted {
  events: readonly LedgerEvent[];
  /** Everything that was accepted up to then is in the ledger with this, UTC; absent where nothing new is known of that. */
  until?: string;
  /** Whether Postfix asks before it accepts; null where it does not, absent where nobody looked. */
  asked?: Asked | null;
}

/** A sender gives up within five days. */
const KEPT_MS = 14 * 24 * 3600 * 1000;
/** Whoever answers Postfix says so each second; to connect anew takes a while. */
const ANSWERED_MS = 60_000;

function folderOf(state: string, host: string): string {
  return join(state, 'standby', 'ledger', host);
}

/** Until when a ledger says everything: where it lies. */
export function completePath(state: string, host: string): string {
  return join(folderOf(state, host), 'complete.json');
}

/** Writes down what another host accepted, durably. */
export async function noteAccepted(state: string, host: string, { events, until, asked }: Noted): Promise<void> {
  const folder = folderOf(state, host);
  await makeDirectory(folder);
  if (events.length > 0) {
    const today = join(folder, `${isoTime(now()).slice(0, 10)}.jsonl`);
    appendDurable(today, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }
  if (until === undefined) return;
  const says: Complete = { version: 1, until, asked: asked === undefined ? lately(readComplete(state, host)?.asked, until) : asked };
  replaceFile(completePath(state, host), `${JSON.stringify(says)}\n`);
  const oldest = isoTime(now() - KEPT_MS).slice(0, 10);
  for (const name of days(folder)) if (name.slice(0, 10) < oldest) rmSync(join(folder, name), { force: true });
}

/** A synchronisation goes on with the ledger also where the program that answers Postfix has ended. */
function lately(asked: Asked | null | undefined, until: string): Asked | null {
  return asked !== null && asked !== undefined && Date.parse(until) - Date.parse(asked.at) < ANSWERED_MS ? asked : null;
}

function days(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d{4}-\d\d-\d\d\.jsonl$/.test(name))
      .toSorted();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'list', folder);
  }
}

export interface Complete {
  version: 1;
  /** Everything that was accepted until then is there, UTC. */
  until: string;
  /** Whether Postfix asked before it accepted. */
  asked: Asked | null;
}

/** Reads what the file says; undefined where it says nothing. */
export function parseComplete(text: string): Complete | undefined {
  const { until, asked } = (parseIfWhole(text) ?? {}) as Partial<Complete>;
  return typeof until === 'string' ? { version: 1, until, asked: asked ?? null } : undefined;
}

function readComplete(state: string, host: string): Complete | undefined {
  return parseComplete(textIfThere(completePath(state, host)) ?? '');
}

export interface Ledger extends Complete {
  /** Read as they are asked for: of two weeks they may be many. */
  events: Iterable<LedgerEvent>;
}

/** The ledger of a host; undefined where there is none. */
export function readLedger(state: string, host: string): Ledger | undefined {
  const folder = folderOf(state, host);
  const complete = readComplete(state, host);
  if (complete === undefined) return undefined;
  // A line that a crash tore stands in the log of the other host still, or is missing with what came after it.
  const events = function* (): Generator<LedgerEvent> {
    for (const name of days(folder))
      for (const line of linesIn(join(folder, name))) {
        const event = parseIfWhole(line) as LedgerEvent | undefined;
        if (event !== undefined) yield event;
      }
  };
  return { ...complete, events: events() };
}
