import { systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { StoredSnapshot } from '../repository/repository.ts';
import { resolveSnapshot, trustOf } from '../repository/resolve.ts';
import { hostFingerprint, readHostKey } from '../repository/signing.ts';
import type { Place } from './from-config.ts';

/** The snapshot that a text means, and what there is to say of who signed it. */
export async function chooseSnapshot(place: Place, text: string): Promise<{ snapshot: StoredSnapshot; findings: Finding[] }> {
  const findings: Finding[] = [];
  const own = await ownKey(place);
  const { trust } = place;
  const snapshot = await resolveSnapshot(place.target, text, { host: place.host, own, trust, findings });
  const finding = trustOf(snapshot, { own, trust, host: place.thisHost });
  return { snapshot, findings: finding === undefined ? findings : [...findings, finding] };
}

/** Public key of this host, where it has one that this user can read. */
export async function ownKey(place: Place): Promise<string | undefined> {
  try {
    return (await readHostKey(`${place.keysRoot}/host.key`))?.publicHex;
  } catch (error) {
    if (systemCode(error) !== 'EACCES') throw error;
    return undefined;
  }
}

/** Whose snapshots may say that they are of this host; undefined where that can't be told. */
export async function believedKeys(place: Place): Promise<{ host: string; keys: ReadonlySet<string> } | undefined> {
  const own = await ownKey(place);
  if (own === undefined) return undefined;
  return { host: place.thisHost, keys: new Set([own, ...place.trust].map(hostFingerprint)) };
}
