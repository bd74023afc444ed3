import { MailrecoverError } from '../errors/error.ts';
import { endedResult } from './links/ended.ts';
import { linkPlaces } from './links/places.ts';
import { END_EXIT_CODES, LINK_JSON } from './links/shown.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'links revoke',
  summary: 'take back what was handed out by link',
  description: [
    'Removes the file at the place, and with it every right to read it. Who has not read it until now can not read it any more.',
  ],
  arguments: { id: { value: 'ID', description: 'ids of links, or their beginnings; `links list` shows them', variadic: true } },
  options: {
    all: { kind: 'flag', description: 'all that are open' },
    dryRun: { kind: 'flag', description: 'only say what would be removed' },
  },
  examples: [{ command: 'mailrecover links revoke 3f9a', says: 'Take one back.' }],
  exitCodes: END_EXIT_CODES,
  json: { ...LINK_JSON, 'counts.ended': 'how many were removed' },
  recordsHistory: true,
  async run(context, { id: ids }, { all, dryRun }): Promise<CommandResult> {
    const { state, places } = await linkPlaces(context);
    const [{ readLinks }, { endLinks }] = await Promise.all([import('../notify/links/ledger.ts'), import('../notify/links/links.ts')]);
    const links = await readLinks(state);
    const alive = links.filter((link) => link.state === 'open' || link.state === 'pending');
    if (ids.length === 0 && !all) throw new MailrecoverError('usage', 'no link is named', { hint: 'mailrecover links list' });
    const chosen = all
      ? alive
      : ids.map((wanted) => {
          const found = links.filter((link) => link.id.startsWith(wanted));
          const [only] = found.length === 1 ? found : found.filter((link) => link.id === wanted);
          if (only !== undefined) return only;
          throw new MailrecoverError(
            found.length === 0 ? 'not-found' : 'ambiguous',
            `'${wanted}' is ${found.length === 0 ? 'no link' : 'the beginning of several links'}`,
            {
              hint: 'mailrecover links list',
              subject: wanted,
            },
          );
        });
    // One that was taken back already stays so.
    const wanted = [...new Set(chosen)].filter((link) => alive.includes(link));
    if (dryRun) return endedResult({ ended: wanted, findings: [] }, 'would be revoked');
    return endedResult(await endLinks(state, wanted, places, 'revoked'), 'revoked');
  },
});
