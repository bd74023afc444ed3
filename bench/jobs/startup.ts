import { inTurn } from '../rounds.ts';
import { type Job, ratio } from './job.ts';

const RUNS = 25;

export const startup: Job = {
  name: 'startup',
  title: 'mailrecover --version',
  async run(bench, { ours }) {
    const node = { file: process.execPath, args: ['-e', '0'] };
    // memory isn't watched: looking costs as much time as there is to measure
    const series = await inTurn(
      bench,
      [
        { label: 'mailrecover --version', run: () => ({ stages: [ours.command(['--version'])] }) },
        { label: 'node -e 0', run: () => ({ stages: [node] }) },
      ],
      RUNS,
      false,
    );
    return { series, checks: [ratio(series, 'mailrecover --version', 'node -e 0', 2)] };
  },
};
