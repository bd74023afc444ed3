import { inTurn } from '../rounds.ts';
import type { Tool } from '../tools/tool.ts';
import { type Job, ratio } from './job.ts';

export const first: Job = {
  name: 'first',
  title: 'first backup',
  async run(bench, tools) {
    await bench.corpus();
    const { ours, blind, restic, tar } = tools;
    const last = bench.options.runs - 1;
    const contestant = (tool: Tool) => ({
      label: tool.name,
      prepare: () => bench.fresh(tool),
      run: () => tool.backup(bench.home(tool)),
      after: (_: unknown, round: number) => void (round === last && bench.save(tool)),
    });
    const series = await inTurn(bench, [ours, restic, blind, tar].map(contestant));
    bench.drop([blind]);
    return {
      series,
      checks: [
        ratio(series, ours.name, restic.name, 0.6),
        ratio(series, ours.name, tar.name, 1.7),
        ratio(series, blind.name, restic.name, 0.48),
        ratio(series, blind.name, tar.name, 1.35),
      ],
    };
  },
};
