import { inTurn } from '../rounds.ts';
import { join } from 'node:path';
import { maildirOf } from '../corpus/plan.ts';
import { type Job, ratio } from './job.ts';
import { medianMailbox, restoring } from './restoring.ts';

export const restore: Job = {
  name: 'restore',
  title: 'restore all',
  async run(bench, { ours, restic, tar }) {
    const tools = [ours, restic, tar];
    await bench.backedUp(tools);
    for (const tool of tools) bench.rewind(tool);
    const series = await inTurn(
      bench,
      tools.map((tool) => restoring(bench, tool.name, (target) => tool.restore(bench.home(tool), target), tool.restored, bench.place.mail)),
    );
    bench.drop([tar]);
    return { series, checks: [ratio(series, ours.name, restic.name, 0.45), ratio(series, ours.name, tar.name, 1.3)] };
  },
};

export const mailbox: Job = {
  name: 'mailbox',
  title: 'restore one mailbox',
  async run(bench, { ours, restic }) {
    const { mailboxes } = await bench.corpus();
    await bench.backedUp([ours, restic]);
    for (const tool of [ours, restic]) bench.rewind(tool);
    const { chosen, messages } = medianMailbox(mailboxes);
    const maildir = maildirOf(chosen);
    const mail = join(bench.place.mail, maildir);
    const address = `${chosen.user}@${chosen.domain}`;
    const found = (tool: { restored(target: string): string }) => (target: string) => join(tool.restored(target), maildir);
    const series = await inTurn(bench, [
      restoring(bench, ours.name, (target) => ours.restoreMailbox(bench.home(ours), target, address), found(ours), mail),
      restoring(bench, restic.name, (target) => restic.restoreMailbox(bench.home(restic), target, maildir), found(restic), mail),
    ]);
    return { series, checks: [ratio(series, ours.name, restic.name, 0.25)], notes: [`${messages} messages`] };
  },
};

export const script: Job = {
  name: 'script',
  title: 'recover.sh',
  async run(bench, { ours }) {
    await bench.backedUp([ours]);
    bench.rewind(ours);
    const home = bench.home(ours);
    const mail = bench.place.mail;
    const series = await inTurn(bench, [
      restoring(bench, ours.name, (target) => ours.restore(home, target), ours.restored, mail),
      restoring(bench, 'recover.sh', (target) => ours.script(home, target), ours.restored, mail),
    ]);
    return { series, checks: [ratio(series, 'recover.sh', ours.name, 3)] };
  },
};
