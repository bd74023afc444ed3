/** Which links there are: one file below the local state, 0600, changed in one step under a lock. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ioError, MailrecoverError } from '../../errors/error.ts';
import { monotonic, now, sleep } from '../../system/clock.ts';
import { ifPresent, makeDirectory, writeDurable } from '../../system/files.ts';
import { takeLock } from '../../system/lock.ts';

/** One link. Times are milliseconds since 1970. */
export interface LinkRecord {
  id: string;
  /** The place of the configuration, and its kind. */
  place: string;
  kind: string;
  /** How the file is called there: for the place, and for readers. */
  remote: string;
  name: string;
  bytes: number;
  /** Of what was uploaded. */
  sha256: string;
  encrypted: boolean;
  readers: readonly string[];
  createdAt: number;
  expiresAt: number;
  /**
   * - `pending`: it is being uploaded, or that was cut off; the file may be there
   * - `open`: it can be read
   * - `revoked`, `expired`: it was removed
   */
  state: 'pending' | 'open' | 'revoked' | 'expired';
  url?: string;
  /** Whether the link alone is enough to read. */
  open?: boolean;
  endedAt?: number;
}

const PATIENCE_MS = 30_000;
/** Links that ended are kept for so long. */
const MEMORY_MS = 400 * 86_400_000;

function pathOf(state: string): string {
  return join(state, 'links', 'ledger.json');
}

/** All links, oldest first. @throws MailrecoverError `io`, `damage` where the file can't be understood */
export async function readLinks(state: string): Promise<LinkRecord[]> {
  const path = pathOf(state);
  let text: string | undefined;
  try {
    text = await ifPresent(() => readFile(path, 'utf8'));
  } catch (error) {
    throw ioError(error, 'read', path);
  }
  if (text === undefined) return [];
  try {
    const { mailrecover, links } = JSON.parse(text) as { mailrecover?: string; links?: LinkRecord[] };
    if (mailrecover === 'links/1' && Array.isArray(links) && links.every(isRecord)) return links;
  } catch {
    // Said below.
  }
  throw new MailrecoverError('damage', `'${path}' can't be understood, so nobody knows which links there are`, {
    hint: 'look at it: it is JSON; where it is lost, move it away and look through the folders at the provider',
    subject: path,
  });
}

function isRecord(value: Partial<LinkRecord>): boolean {
  return (
    typeof value.id === 'string' && typeof value.place === 'string' && typeof value.remote === 'string' && typeof value.state === 'string'
  );
}

/** Changes what is written, while no other run does. */
export async function changeLinks(state: string, change: (links: readonly LinkRecord[]) => readonly LinkRecord[]): Promise<void> {
  await makeDirectory(join(state, 'links'));
  const release = await lock(state);
  try {
    const links = change(await readLinks(state)).filter(({ endedAt }) => endedAt === undefined || now() - endedAt < MEMORY_MS);
    await writeDurable(pathOf(state), `${JSON.stringify({ mailrecover: 'links/1', links }, null, 1)}\n`, 0o600);
  } finally {
    release();
  }
}

/** Changes one link. */
export function changeLink(state: string, id: string, change: Partial<LinkRecord>): Promise<void> {
  return changeLinks(state, (links) => links.map((each) => (each.id === id ? { ...each, ...change } : each)));
}

async function lock(state: string): Promise<() => void> {
  const end = monotonic() + PATIENCE_MS;
  for (;;) {
    try {
      return takeLock(`${pathOf(state)}.lock`, 'links');
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code !== 'locked' || monotonic() > end) throw error;
      await sleep(50);
    }
  }
}
