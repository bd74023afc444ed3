/** Finding messages over all snapshots. */
import { IndexDamage } from './files.ts';
import { openIndex, remakeIndex } from './open.ts';
import type { IndexOptions } from './options.ts';
import { searchIndex, strangeChains, type FindFilter, type SearchResult } from './search.ts';
import type { LayoutOf } from '../folders.ts';

/**
 * Finds messages. The first search of a repository reads the headers of all its mail; later ones only what is new.
 * @throws MailrecoverError `key`, `io`, `no-space`
 */
export async function findMessages(options: IndexOptions, filter: FindFilter, layoutOf: LayoutOf): Promise<SearchResult> {
  for (let attempt = 0; ; attempt++) {
    const index = attempt < 2 ? await openIndex(options) : await remakeIndex(options);
    const ids = new Set(index.manifest.chains.flatMap((chain) => chain.snapshots.map(([, id]) => id)));
    for (const fingerprint of attempt === 0 ? strangeChains(index, filter) : []) {
      options.findings.push({
        severity: 'warning',
        code: 'unconfirmed-key',
        message: `snapshots that say they are of this host, but are signed by another key (fingerprint ${fingerprint}), were left out`,
        hint: "if it is a key that this host had before, compare it with the recovery sheet and add it to 'trust' in the configuration",
        subject: fingerprint,
      });
    }
    try {
      return searchIndex(index, ids, filter, layoutOf);
    } catch (error) {
      // Another run may have replaced files while this one read them: then the second attempt finds them whole.
      if (!(error instanceof IndexDamage) || attempt === 2) throw error;
    }
  }
}
