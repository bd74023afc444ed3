import type { Ledger } from '../support/ledger.ts';
import type { RestoredMessage } from './restored.ts';

/**
 * What is wrong with a restored mailbox, a line each, when compared with what the ledger says lay there while it was backed up.
 * `from` and `to` are the ledger's times just before and just after the backup.
 */
export function judge(ledger: Ledger, user: string, found: readonly RestoredMessage[], from: number, to: number): string[] {
  const wrong: string[] = [];
  const places = count(found, ({ messageId, folder }) => `${messageId} in ${folder}`);
  const times = count(found, ({ messageId }) => messageId);

  const steady = count(
    ledger.steady(from, to).filter((each) => each.user === user),
    ({ messageId, folder }) => `${messageId} in ${folder}`,
  );
  for (const [place, number] of steady)
    if ((places.get(place) ?? 0) < number) wrong.push(`missing: ${place} (${places.get(place) ?? 0} of ${number})`);
  const presence = ledger.presence(user, from, to);
  for (const [messageId, { least, most }] of presence) {
    const number = times.get(messageId) ?? 0;
    if (number < least) wrong.push(`missing: ${messageId}, ${number} of ${least} at least`);
    if (number > most) wrong.push(`too often: ${messageId}, ${number}, at most ${most}`);
  }
  for (const { messageId, folder } of found) if (!presence.has(messageId)) wrong.push(`from nowhere: ${messageId} in ${folder}`);

  const known = knownUids(ledger, user);
  const seen = new Map<string, string>();
  for (const { folder, messageId, uid, base } of found) {
    const stays = known.get(`${messageId} in ${folder}`) ?? [];
    // Delivered by LMTP: only the server knows its UID.
    if (!stays.includes(0) && !stays.includes(uid)) wrong.push(`UID: ${messageId} in ${folder} has ${uid}, not ${stays.join(' or ')}`);
    if (uid === 0) continue;
    const place = `${folder} ${uid}`;
    if (seen.has(place)) wrong.push(`UID twice: ${place}, ${base} and ${seen.get(place) ?? ''}`);
    seen.set(place, base);
  }
  return wrong;
}

function knownUids(ledger: Ledger, user: string): Map<string, number[]> {
  const known = new Map<string, number[]>();
  for (const { messageId, stays, user: owner } of ledger.instances) {
    if (owner !== user) continue;
    for (const { folder, uid } of stays) {
      const key = `${messageId} in ${folder}`;
      const uids = known.get(key);
      if (uids === undefined) known.set(key, [uid]);
      else uids.push(uid);
    }
  }
  return known;
}

function count<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}
