import { isoTime, now } from '../system/clock.ts';
import { noteFinding } from './schedule-show.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'schedule next',
  summary: 'list the next times at which jobs are due',
  description: [
    'Lists when jobs are due next, in order, without the random delay. Times are those at which systemd starts them (or cron, where that is what is installed), also around changes of clocks.',
  ],
  arguments: { job: { value: 'JOB', description: 'this job only' } },
  options: { count: { kind: 'number', value: 'N', description: 'how many', default: 10, min: 1, max: 1000 } },
  examples: [
    { command: 'mailrecover schedule next', says: 'See what happens tonight.' },
    { command: 'mailrecover schedule next verify --count 3 --json', says: 'When will restores be tested next?' },
  ],
  exitCodes: { 0: 'the times were listed', 2: 'there is no such job' },
  json: { 'next[].{job,time,command}': 'the times, soonest first', timeZone: 'the time zone in which the jobs are written' },
  async run(context, { job: only }, { count }): Promise<CommandResult> {
    const config = await context.config();
    const [{ scheduleOf }, { nextDue }, { readInstalled }, { clockNotes }, { localZone }, { MailrecoverError }] = await Promise.all([
      import('./schedule/from-config.ts'),
      import('../schedule/times.ts'),
      import('../schedule/record.ts'),
      import('../schedule/clock-changes.ts'),
      import('../system/zone.ts'),
      import('../errors/error.ts'),
    ]);
    const { schedule } = await scheduleOf(config);
    const jobs = schedule.jobs.filter(({ name }) => only === undefined || name === only);
    if (jobs.length === 0) {
      throw new MailrecoverError('not-found', `there is no job '${only ?? ''}' in the schedule`, {
        hint: `jobs: ${schedule.jobs.map(({ name }) => name).join(', ')}`,
      });
    }
    const scheduler = readInstalled(config.state)?.scheduler ?? 'systemd';
    const time = now();
    const all = await Promise.all(
      jobs.map(async ({ name, at, words }) => {
        if (at === undefined) return [];
        const times = await nextDue({ at, timeZone: schedule.timeZone, scheduler }, time, count);
        return times.map((due) => ({ job: name, due, command: words.join(' ') }));
      }),
    );
    const next = all
      .flat()
      .toSorted((a, b) => a.due - b.due)
      .slice(0, count);
    const last = next.at(-1)?.due ?? time;
    return {
      outcome: 'ok',
      findings: clockNotes(jobs, schedule.timeZone, scheduler, time)
        .filter(({ at }) => at <= last)
        .map(noteFinding),
      fields: { next: next.map(({ due, ...each }) => ({ ...each, time: isoTime(due) })), timeZone: schedule.timeZone ?? localZone() },
      render: (text) =>
        text.table(
          next.map(({ due, job, command }) => [text.time(isoTime(due)), text.duration(due - time), job, command]),
          { head: [text.say`time`, text.say`in`, text.say`job`, text.say`runs`], right: [1] },
        ),
    };
  },
});
