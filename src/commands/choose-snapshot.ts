import type { Finding } from '../errors/finding.ts';
import type { StoredSnapshot } from '../repository/repository.ts';
import { resolveSnapshot, trustOf } from '../repository/resolve.ts';
import { readHostKey } from '../repository/signing.ts';
import type { Place } from './from-config.ts';

/** The snapshot that a text means, and what there is to say of who signed it. */
export async function chooseSnapshot(place: Place, text: string): Promise<{ snapshot: StoredSnapshot; findings: Finding[] }> {
  const snapshot = await resolveSnapshot(place.target, text, { host: place.host });
  const own = await readHostKey(`${place.keysRoot}/host.key`);
  const finding = trustOf(snapshot, { own: own?.publicHex, trust: place.trust });
  return { snapshot, findings: finding === undefined ? [] : [finding] };
}
