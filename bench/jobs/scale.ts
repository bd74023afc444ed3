import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { aDay } from '../changes.ts';
import { treeSize } from '../compare.ts';
import type { Corpus } from '../corpus.ts';
import { maildirOf } from '../corpus/plan.ts';
import type { Pipeline } from '../measure.ts';
import { type Contestant, inTurn, medianWall, type Series } from '../rounds.ts';
import type { Ours } from '../tools/ours.ts';
import type { Restic } from '../tools/restic.ts';
import { type Job, makeTools, type Result } from './job.ts';
import { medianMailbox, restoring } from './restoring.ts';

const A_MAILBOX = 100;
/** MB. */
const MEMORY = 600;
/** With nothing changed, at most this part of restic's time. */
const NOTHING = 1 / 40;

/** The largest corpus only is held to the limits; the smaller ones show how cost grows. */
export const scale: Job = {
  name: 'scale',
  title: `short messages in mailboxes of ${A_MAILBOX}: a hundredth, a tenth and all of them`,
  space: 25_000,
  onlyNamed: true,
  async run(bench) {
    const all = bench.options.messages;
    const result: Result = { series: [], checks: [], notes: [] };
    for (const messages of [all / 100, all / 10, all].map(Math.round).filter((count) => count >= 10 * A_MAILBOX)) {
      const { series, notes } = await atSize(bench, messages);
      result.series.push(...series);
      result.notes?.push(...notes);
      if (messages === all) result.checks.push(...limits(series));
    }
    result.notes?.push(...growth(result.series));
    return result;
  },
};

async function atSize(bench: Bench, messages: number): Promise<{ series: Series[]; notes: string[] }> {
  const mail = join(bench.scratch, `mail ${messages}`);
  const { ours, restic } = makeTools({ ...bench.place, mail });
  const corpus = await bench.build(mail, { messages, aMailbox: A_MAILBOX, short: true });
  const sized = `${messages.toLocaleString('en')} messages, ${(corpus.bytes / 1e6).toFixed(0)} MB, ${corpus.mailboxes.length} mailboxes`;
  const notes = [sized];
  const series: Series[] = [];
  const step = async (what: string, contestants: Contestant[], runs = bench.options.runs): Promise<void> => {
    bench.say(`${what}, ${messages}`);
    const measured = await inTurn(bench, contestants, runs);
    series.push(...measured.map(({ label, samples }) => ({ label: `${what} ${short(messages)} ${label}`, samples })));
  };
  const [a, b] = [bench.home(ours), bench.home(restic)];
  const both = (mine: () => Pipeline, other: () => Pipeline): Contestant[] => [
    { label: 'ours', run: mine },
    { label: 'restic', run: other },
  ];

  for (const tool of [ours, restic]) await bench.fresh(tool);
  const backup = both(
    () => ours.backup(a),
    () => restic.backup(b),
  );
  await step('first', backup, 1);
  for (const tool of [ours, restic]) {
    notes.push(`${short(messages)}: repository of ${tool.name} ${(treeSize(tool.repository(bench.home(tool))) / 1e6).toFixed(0)} MB`);
  }
  await bench.settle();
  await step('nothing', backup);
  // text of three letters: some messages out of many
  await step('find first', [{ label: 'ours', run: () => ours.find(a, 'qux') }], 1);
  await step('find', [{ label: 'ours', run: () => ours.find(a, 'qux') }]);
  await step('mailbox', mailboxes(bench, corpus, ours, restic));
  const check = (readData: boolean): Contestant[] =>
    both(
      () => ours.check(a, readData),
      () => restic.check(b, readData),
    );
  await step('check', check(false));
  await step('check all', check(true), 1);
  aDay(corpus, messages);
  await bench.settle();
  await step('day', backup, 1);
  await step('find day', [{ label: 'ours', run: () => ours.find(a, 'qux') }], 1);
  bench.drop([ours, restic]);
  rmSync(mail, { recursive: true });
  return { series, notes };
}

/** Restores the mailbox of median size; what came back is compared once. */
function mailboxes(bench: Bench, { root, mailboxes: plans }: Corpus, ours: Ours, restic: Restic): Contestant[] {
  const { chosen } = medianMailbox(plans);
  const maildir = maildirOf(chosen);
  const mail = join(root, maildir);
  const found = (tool: { restored(target: string): string }) => (target: string) => join(tool.restored(target), maildir);
  return [
    restoring(bench, 'ours', (to) => ours.restoreMailbox(bench.home(ours), to, `${chosen.user}@${chosen.domain}`), found(ours), mail),
    restoring(bench, 'restic', (to) => restic.restoreMailbox(bench.home(restic), to, maildir), found(restic), mail),
  ];
}

function limits(series: Series[]): Result['checks'] {
  const wall = (label: RegExp): number => medianWall(series.find((one) => label.test(one.label)));
  const own = series.filter(({ label }) => label.endsWith(' ours'));
  const peak = Math.max(...own.flatMap(({ samples }) => samples.map(({ memory }) => memory)));
  return [
    { what: 'nothing changed, ours / restic', value: wall(/^nothing .* ours$/) / wall(/^nothing .* restic$/), limit: NOTHING },
    { what: 'most memory of any job', value: peak / 1e6, limit: MEMORY, unit: 'MB' },
  ];
}

/** For each thing, its cost at one size divided by that at the size before, which has a tenth of the messages. */
function growth(series: Series[]): string[] {
  const steps = Map.groupBy(
    series.filter(({ label }) => label.endsWith(' ours')),
    ({ label }) => label.replace(/ \S+ ours$/, ''),
  );
  return [...steps].map(([what, sizes]) => {
    const factors = sizes.slice(1).map((one, index) => (medianWall(one) / medianWall(sizes[index])).toFixed(1));
    return `${what} with ten times the messages takes ${factors.join(', then ')} times as long`;
  });
}

function short(messages: number): string {
  return messages % 1000 === 0 ? `${messages / 1000}k` : `${messages}`;
}
