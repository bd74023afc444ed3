import { endedResult } from './links/ended.ts';
import { linkPlaces } from './links/places.ts';
import { END_EXIT_CODES, LINK_JSON } from './links/shown.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'links expire',
  summary: 'remove what was handed out by link and is over',
  description: [
    'Removes the files of links whose time is up, and of uploads that were cut off, from their places; run it from a timer every hour. Providers end the right to read by themselves where they can; this makes sure, and leaves nothing behind.',
  ],
  arguments: {},
  options: { dryRun: { kind: 'flag', description: 'only say what would be removed' } },
  examples: [{ command: 'mailrecover links expire --quiet', says: 'From a timer.' }],
  exitCodes: END_EXIT_CODES,
  json: { ...LINK_JSON, 'counts.ended': 'how many were removed' },
  recordsHistory: true,
  async run(context, _args, { dryRun }): Promise<CommandResult> {
    const { state, places } = await linkPlaces(context);
    const { dueLinks, endLinks } = await import('../notify/links/links.ts');
    const due = await dueLinks(state);
    if (dryRun) return endedResult({ ended: due, findings: [] }, 'would be removed');
    return endedResult(await endLinks(state, due, places, 'expired'), 'removed');
  },
});
