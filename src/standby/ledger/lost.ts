/** Which messages of a dead host are not on this one. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { storeMailboxes } from '../../backup/mailboxes.ts';
import { systemCode } from '../../errors/error.ts';
import { isoTime } from '../../system/clock.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { readLag } from '../sync/lag.ts';
import { boxOwner, runBox, type BoxAccess } from '../sync/box/doveadm.ts';
import { isBox, syncPlaceOf, type MailboxPlace, type SyncStore } from '../sync/place.ts';
import { acceptedFrom, lostOf, toSecond, type LostMessage } from './accepted.ts';
import { readLedger } from './store.ts';

export interface Lost {
  messages: LostMessage[];
  /** What was accepted until then is known; what came later can't be named. UTC. */
  until: string;
  /** Of what was accepted before, all is here. UTC. */
  since: string;
  /** Postfix asked before it accepted: what came by SMTP later is known, too, as far as the hosts reached each other then. */
  asked: boolean;
}

const HEAD_BYTES = 64 * 1024;
/** Delivery takes time, and clocks differ. */
const BEFORE_MS = 600_000;
const DAY_MS = 86_400_000;

/**
 * Compares the ledger of a host with the mail of this one.
 * @returns undefined where there is no ledger
 */
export async function lostMail(
  state: string,
  host: string,
  stores: readonly SyncStore[],
  access: BoxAccess = {},
): Promise<Lost | undefined> {
  const { signal } = access;
  const ledger = readLedger(state, host);
  if (ledger === undefined) return undefined;
  const synced = readLag(state).map(({ syncedAt }) => syncedAt ?? '');
  const since = synced.toSorted()[0] ?? '';
  const from = since === '' ? 0 : Date.parse(since) - BEFORE_MS;
  const here = new Map<string, Set<string>>();
  for (const store of stores)
    for (const { mailbox, areas } of (await storeMailboxes(store, '', signal)).mailboxes) {
      const root = areas.find(({ area }) => area === 'mail')?.path;
      if (root === undefined) continue;
      const name = { store: store.name, mailbox };
      const ids = isBox(store.format) ? await boxIds(syncPlaceOf(name, stores), from, access) : newIds(root, from);
      for (const id of ids) here.set(id, (here.get(id) ?? new Set()).add(displayBytes(mailbox)));
    }
  const accepted = acceptedFrom(ledger.events, toSecond(since));
  return { messages: lostOf(accepted, since, ledger.until, here), until: ledger.until, since, asked: ledger.asked !== null };
}

/** The same of a mailbox that Dovecot alone can read; it counts in days. */
async function boxIds(place: MailboxPlace, from: number, access: BoxAccess): Promise<string[]> {
  const owner = boxOwner(place);
  if (owner === undefined) return [];
  const day = isoTime(Math.max(0, from - DAY_MS)).slice(0, 10);
  const said = await runBox(place, owner, access, ['-f', 'tab', 'fetch', 'hdr.message-id', 'since', day]);
  return said
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((id) => id !== '');
}

/** Message-IDs of what came to a Maildir since a time. */
function* newIds(root: ByteString, from: number): Generator<string> {
  for (const { path, directory } of entries(root)) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (directory && (name === 'cur' || name === 'new')) {
      for (const file of entries(path)) {
        const id = !file.directory && file.mtime >= from ? messageId(file.path) : undefined;
        if (id !== undefined) yield id;
      }
    } else if (directory && name !== 'tmp') yield* newIds(path, from);
  }
}

function entries(directory: ByteString): { path: ByteString; directory: boolean; mtime: number }[] {
  try {
    return readdirSync(fsPath(directory), { encoding: 'latin1' }).flatMap((name) => {
      const path = `${directory}/${name}`;
      const stats = statSync(fsPath(path), { throwIfNoEntry: false });
      return stats === undefined ? [] : [{ path, directory: stats.isDirectory(), mtime: stats.mtimeMs }];
    });
  } catch (error) {
    // Its user goes on working meanwhile.
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return [];
    throw error;
  }
}

function messageId(path: ByteString): string | undefined {
  let fd: number;
  try {
    fd = openSync(fsPath(path), 'r');
  } catch {
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(HEAD_BYTES);
    const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, HEAD_BYTES, 0));
    const head = text.slice(0, /\r?\n\r?\n/.exec(text)?.index ?? text.length).replace(/\r?\n[ \t]+/g, ' ');
    return /^message-id:[ \t]*(.*?)[ \t]*\r?$/im.exec(head)?.[1];
  } finally {
    closeSync(fd);
  }
}
