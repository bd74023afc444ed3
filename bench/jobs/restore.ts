import { rmSync } from 'node:fs';
import { inTurn } from '../rounds.ts';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { differences } from '../compare.ts';
import { maildirOf } from '../corpus/plan.ts';
import type { Pipeline } from '../measure.ts';
import { type Job, ratio } from './job.ts';

/** A restore into an empty directory; after the first round `found` is compared with `mail`, so that nobody is fast by leaving things out. */
function contestant(bench: Bench, label: string, run: (target: string) => Pipeline, found: (target: string) => string, mail: string) {
  let target = '';
  return {
    label,
    prepare: () => void (target = bench.target(label)),
    run: () => run(target),
    after(_: unknown, round: number) {
      const wrong = round === 0 ? differences(mail, found(target)) : [];
      if (wrong.length > 0) throw new Error(`${label} restored something else: ${wrong.slice(0, 5).join(', ')} …`);
      rmSync(target, { recursive: true });
    },
  };
}

export const restore: Job = {
  name: 'restore',
  title: 'restore all',
  async run(bench, { ours, restic, tar }) {
    const tools = [ours, restic, tar];
    await bench.backedUp(tools);
    for (const tool of tools) bench.rewind(tool);
    const series = await inTurn(
      bench,
      tools.map((tool) =>
        contestant(bench, tool.name, (target) => tool.restore(bench.home(tool), target), tool.restored, bench.place.mail),
      ),
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
    const sizes = mailboxes.map((one) => ({ one, size: one.folders.reduce((sum, { messages }) => sum + messages, 0) }));
    const chosen = sizes.toSorted((a, b) => a.size - b.size)[Math.floor(sizes.length / 2)];
    if (!chosen) throw new Error('the corpus has no mailbox');
    const maildir = maildirOf(chosen.one);
    const mail = join(bench.place.mail, maildir);
    const address = `${chosen.one.user}@${chosen.one.domain}`;
    const found = (tool: { restored(target: string): string }) => (target: string) => join(tool.restored(target), maildir);
    const series = await inTurn(bench, [
      contestant(bench, ours.name, (target) => ours.restoreMailbox(bench.home(ours), target, address), found(ours), mail),
      contestant(bench, restic.name, (target) => restic.restoreMailbox(bench.home(restic), target, maildir), found(restic), mail),
    ]);
    return { series, checks: [ratio(series, ours.name, restic.name, 0.25)], notes: [`${chosen.size} messages`] };
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
      contestant(bench, ours.name, (target) => ours.restore(home, target), ours.restored, mail),
      contestant(bench, 'recover.sh', (target) => ours.script(home, target), ours.restored, mail),
    ]);
    return { series, checks: [ratio(series, 'recover.sh', ours.name, 3)] };
  },
};
