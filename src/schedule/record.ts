/** What is installed, kept in the local state: since when which job runs. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isoTime } from '../system/clock.ts';
import { makeDirectory, writeDurable } from '../system/files.ts';
import type { Schedule, Scheduler } from './jobs.ts';
import type { Installed } from './missed.ts';

const FILE = 'schedule.json';

/** What `schedule install` wrote down; undefined where nothing is installed, or that can't be read. */
export function readInstalled(state: string): Installed | undefined {
  try {
    const read = JSON.parse(readFileSync(join(state, FILE), 'utf8')) as Partial<Installed>;
    return Array.isArray(read.jobs) && (read.scheduler === 'systemd' || read.scheduler === 'cron') ? (read as Installed) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes down what is installed now; a job that was installed just so before keeps its time. @throws MailrecoverError `io` */
export async function writeInstalled(state: string, scheduler: Scheduler, { jobs }: Schedule, now: number): Promise<void> {
  const before = readInstalled(state);
  const installed: Installed = {
    scheduler,
    jobs: jobs.map(({ name, at, words }) => {
      const run = words.join(' ');
      const same =
        before?.scheduler === scheduler ? before.jobs.find((job) => job.name === name && job.at === at && job.run === run) : undefined;
      return { name, ...(at === undefined ? {} : { at }), run, since: same?.since ?? isoTime(now) };
    }),
  };
  await makeDirectory(state);
  await writeDurable(join(state, FILE), `${JSON.stringify(installed)}\n`);
}

export function forgetInstalled(state: string): void {
  rmSync(join(state, FILE), { force: true });
}
