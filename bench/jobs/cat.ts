import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { maildirOf } from '../corpus/plan.ts';
import { inTurn } from '../rounds.ts';
import { type Job, ratio } from './job.ts';

export const cat: Job = {
  name: 'cat',
  title: 'one message to standard output',
  async run(bench, { ours, restic }) {
    const { mailboxes } = await bench.corpus();
    await bench.backedUp([ours, restic]);
    for (const tool of [ours, restic]) bench.rewind(tool);
    const chosen = mailboxes[Math.floor(mailboxes.length / 2)];
    if (!chosen) throw new Error('the corpus has no mailbox');
    const folder = join(bench.place.mail, maildirOf(chosen), 'cur');
    const files = readdirSync(folder).toSorted();
    const file = join(folder, files[Math.floor(files.length / 2)] ?? '');
    const messages = await ours.messages(bench.home(ours), `${chosen.user}@${chosen.domain}`);
    const message = messages[Math.floor(messages.length / 2)] ?? '';
    const series = await inTurn(bench, [
      { label: ours.name, run: () => ours.cat(bench.home(ours), message) },
      { label: restic.name, run: () => restic.dump(bench.home(restic), file) },
    ]);
    return { series, checks: [ratio(series, ours.name, restic.name, 0.3)] };
  },
};
