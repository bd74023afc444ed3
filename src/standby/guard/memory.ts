/** What a host remembers of who serves: what it was told last, the switches that it made itself, and that it was made the one that serves since it booted. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, MailrecoverError } from '../../errors/error.ts';
import { isoNow } from '../../system/clock.ts';
import { makeDirectory, writeDurable } from '../../system/files.ts';
import { parseIfWhole, textIfThere } from '../../system/kept.ts';
import { readSwitches } from '../journal.ts';
import type { Remote } from '../remote.ts';
import { NOTHING_SEEN, type Seen } from '../sure-epoch.ts';

/** That a host serves, and since which epoch. */
export interface Serves {
  epoch: number;
  host: string;
}

/** The state of the guard, in a file of its own. */
export interface GuardState {
  version: 1;
  /** What the repository was when it was asked last. */
  seen: Seen;
  serves: Serves | undefined;
  /** When the guard stopped mail here since another host serves, UTC; until this host serves again. */
  stoppedAt?: string;
  /** Mail was to be started, and waits until somebody can say who serves: since when, UTC, and why. */
  held?: { since: string; why: string };
}

const EMPTY: GuardState = { version: 1, seen: NOTHING_SEEN, serves: undefined };

/** Gone after a boot: what it says is of no worth then. */
const PROMOTED = '/run/mailrecover-promoted.json';

function pathOf(state: string): string {
  return join(state, 'standby', 'guard.json');
}

/** One that can't be read is worth as much as none: it is what the guard knew, and no more. */
function parse(text: string | undefined): GuardState | undefined {
  const read = text === undefined ? undefined : (parseIfWhole(text) as Partial<GuardState> | undefined);
  const { seen, serves } = read ?? {};
  if (read?.version !== 1 || typeof seen?.epoch !== 'number' || typeof seen.repository !== 'string') return undefined;
  if (serves !== undefined && !isServes(serves)) return undefined;
  return { ...read, version: 1, seen, serves };
}

function isServes(value: unknown): value is Serves {
  const { epoch, host } = (value ?? {}) as Partial<Serves>;
  return typeof epoch === 'number' && typeof host === 'string';
}

export function readGuard(state: string): GuardState {
  return parse(textIfThere(pathOf(state))) ?? EMPTY;
}

/** A disk that is full, or can't be written to, must not keep the guard from its work: then it remembers what it knew. */
export async function writeGuard(state: string, guard: GuardState): Promise<void> {
  const text = `${JSON.stringify(guard)}\n`;
  try {
    if (textIfThere(pathOf(state)) === text) return;
    await makeDirectory(join(state, 'standby'));
    await writeDurable(pathOf(state), text);
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
  }
}

/** @throws MailrecoverError `io`: a guard that is taken away must not be remembered as one that stopped mail */
export function forgetGuard(state: string): void {
  const path = pathOf(state);
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw ioError(error, 'remove', path);
  }
}

/** The guard's state on a host, as `standby status` asks for it. */
export async function readGuardOn(host: Remote, state: string): Promise<GuardState | undefined> {
  const { exitCode, stdout } = await host.run(['cat', '--', pathOf(state)], { ok: [0, 1] });
  return exitCode === 0 ? parse(stdout) : undefined;
}

/**
 * The newest that this host knows by itself of who serves: by the guard, and by the switches that were made from here.
 * @param withdrawn epochs that count for nothing
 */
export function lastKnown(state: string, withdrawn: readonly number[] = []): Serves | undefined {
  const made = readSwitches(state).find(({ ended }) => ended === 'switched');
  const known = [readGuard(state).serves, made === undefined ? undefined : { epoch: made.head.epoch, host: made.head.to }];
  return known.reduce(
    (best, each) => (each !== undefined && each.epoch > (best?.epoch ?? 0) && !withdrawn.includes(each.epoch) ? each : best),
    undefined,
  );
}

/** Which epoch this host was made the one that serves by since it booted. */
export function promotedSinceBoot(host: string): number | undefined {
  const read = parseIfWhole(textIfThere(PROMOTED) ?? '');
  return isServes(read) && read.host === host ? read.epoch : undefined;
}

/** Tells a host that it serves now: its guard must not keep it from that, also where nobody answers it. A host that takes no such note asks as ever. */
export async function tellPromoted(host: Remote, epoch: number): Promise<void> {
  await host.run(['tee', PROMOTED], { input: `${JSON.stringify({ epoch, host: host.name, at: isoNow() })}\n`, ok: 'any' });
}
