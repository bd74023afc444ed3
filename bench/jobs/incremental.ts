import { aDay, markAll } from '../changes.ts';
import { inTurn } from '../rounds.ts';
import type { Bench } from '../bench.ts';
import type { Tool } from '../tools/tool.ts';
import { type Job, ratio } from './job.ts';

/** A backup of the corpus as it is now, each time from the saved state. */
function again(bench: Bench, tool: Tool) {
  return { label: tool.name, prepare: () => bench.rewind(tool), run: () => tool.backup(bench.home(tool)) };
}

export const nothing: Job = {
  name: 'nothing',
  title: 'nothing changed',
  async run(bench, { ours, restic, rsync }) {
    await bench.backedUp([ours, restic, rsync]);
    const series = await inTurn(
      bench,
      [ours, restic, rsync].map((tool) => again(bench, tool)),
    );
    bench.drop([rsync]);
    return { series, checks: [ratio(series, ours.name, restic.name, 0.08), ratio(series, ours.name, rsync.name, 0.1)] };
  },
};

export const day: Job = {
  name: 'day',
  title: 'a day: 1 % new, 1.5 % flags or moves, 0.3 % gone, in 30 % of the mailboxes',
  async run(bench, { ours, restic, borg }) {
    await bench.backedUp([ours, restic, borg]);
    const done = await bench.change((corpus) => aDay(corpus, bench.options.messages));
    const series = await inTurn(
      bench,
      [ours, restic, borg].map((tool) => again(bench, tool)),
    );
    bench.drop([borg]);
    const notes = [
      `${done.added} new, ${done.flagged} with other flags, ${done.moved} moved, ${done.gone} gone in ${done.mailboxes} mailboxes`,
    ];
    return { series, checks: [ratio(series, ours.name, restic.name, 0.1), ratio(series, ours.name, borg.name, 0.06)], notes };
  },
};

export const read: Job = {
  name: 'read',
  title: 'every message marked read',
  async run(bench, { ours, restic }) {
    await bench.change((corpus) => markAll(corpus, false));
    await bench.backedUp([ours, restic]);
    const changed = await bench.change((corpus) => markAll(corpus, true));
    const series = await inTurn(
      bench,
      [ours, restic].map((tool) => again(bench, tool)),
    );
    const { bytesRead, bytesStored } = countsOf(series[0]?.samples[0]?.stdout ?? '');
    return {
      series,
      checks: [
        ratio(series, ours.name, restic.name, 0.1),
        { what: 'bytes of messages read', value: bytesRead, limit: 0, unit: 'bytes' },
        { what: 'bytes stored for each message', value: bytesStored / changed, limit: 30, unit: 'bytes' },
      ],
      notes: [`${changed} names changed`],
    };
  },
};

function countsOf(json: string): { bytesRead: number; bytesStored: number } {
  return (JSON.parse(json) as { counts: { bytesRead: number; bytesStored: number } }).counts;
}
