/**
 * Giving the mail of a folder UIDs that its history never gave. A client that selected the folder before its history was back, and says nothing until after, would
 * else flag or delete a message of the history by the UID of another one: Dovecot 2.3 takes such a change by its UID, whatever the client has seen (measured). To
 * clients the messages go, and come again as new ones.
 */
import { MailrecoverError } from '../../errors/error.ts';
import type { Handles } from '../../restore/live/aside.ts';
import type { Doveadm } from '../../restore/live/doveadm.ts';
import { folderPath, listFolder, type LiveReader } from '../../restore/live/look.ts';
import type { BaseNames } from '../../restore/live/names.ts';
import { rename } from '../../restore/live/put.ts';
import { displayBytes } from '../../store/bytes.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import { syncDirectorySync } from '../../system/files.ts';
import type { MailboxPlace } from '../sync/place.ts';

export interface LiftOptions {
  place: MailboxPlace;
  folder: { dir: string; name: string };
  /** No message may have a UID below this one. */
  floor: number;
  doveadm: Doveadm;
  reader: LiveReader;
  handles: Handles;
  names: BaseNames;
  signal?: AbortSignal;
}

/** Passes over a folder in which clients change names all the time. */
const PASSES = 50;
/** How long clients may take to go away. */
const PATIENCE_MS = 60_000;
const POLL_MS = 100;

/**
 * Safe to be repeated after it was cut off anywhere.
 * @returns the folder's UIDVALIDITY
 * @throws MailrecoverError `failed` where the folder does not come to rest, or clients do not go away
 */
export async function lift(options: LiftOptions): Promise<number> {
  const { place, folder, floor, doveadm, reader, handles, names, signal } = options;
  const user = displayBytes(place.mailbox);
  await doveadm.raiseNextUid(user, folder.name, floor);
  const path = folderPath(place, folder.dir);
  for (let pass = 0; ; pass++) {
    signal?.throwIfAborted();
    await doveadm.open(user, folder.name);
    const list = reader.uidlist(place, folder.dir);
    const live = listFolder(place, folder.dir);
    const low = [...live].filter(([base]) => (list?.uids.get(base) ?? floor) < floor);
    // In the order of their UIDs, as clients know them.
    low.sort(([a], [b]) => (list?.uids.get(a) ?? 0) - (list?.uids.get(b) ?? 0));
    if (low.length === 0 && list !== undefined) {
      await withoutClients(user, options);
      return list.uidValidity;
    }
    if (pass === PASSES)
      throw new MailrecoverError('failed', `folder '${folder.name}' of '${user}' did not come to rest`, {
        hint: 'run it again when its clients do less',
        subject: user,
      });
    for (const [base, message] of low)
      rename(
        `${handles.at(`${path}/${message.in}`)}/${base}${message.flags}`,
        `${handles.at(`${path}/cur`)}/${names.next(base)}${message.flags === '' ? ':2,' : message.flags}`,
      );
    for (const each of ['cur', 'new']) syncDirectorySync(handles.at(`${path}/${each}`));
  }
}

/** Has all clients of the user log in again, and waits until those that were there are gone. */
async function withoutClients(user: string, { doveadm, signal }: LiftOptions): Promise<void> {
  const before = new Set(await doveadm.sessions(user));
  if (before.size === 0) return;
  await doveadm.kick(user);
  for (const until = monotonic() + PATIENCE_MS; ; await sleep(POLL_MS, signal)) {
    signal?.throwIfAborted();
    const left = (await doveadm.sessions(user)).filter((pid) => before.has(pid));
    if (left.length === 0) return;
    if (monotonic() > until)
      throw new MailrecoverError('failed', `clients of '${user}' do not go away: process ${left.join(', ')}`, {
        hint: `end them, and run it again: doveadm kick '${user}'`,
        subject: user,
      });
  }
}
