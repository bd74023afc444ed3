import { lstatIfThere, liveStat } from '../store/stat.ts';
import type { ContentReader } from '../store/live.ts';

/** Stands in for the reader in a dry run: looks at files, reads and stores nothing. */
export const dryReader: ContentReader = (requests) =>
  Promise.resolve(
    requests.map(({ path }) => {
      const stats = lstatIfThere(path);
      return stats === undefined ? { error: 'ENOENT' } : { stat: liveStat(stats), parts: [{ sha: '0'.repeat(64), place: -1 }] };
    }),
  );
