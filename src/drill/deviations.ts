/** What was otherwise than planned, found in the record itself: nobody has to remember it. */
import type { DrillLine } from './journal.ts';
import type { Deviation, DrillRecord } from './record.ts';
import { shownSeconds } from './shown.ts';

type Unjudged = Omit<DrillRecord, 'deviations'>;

export function deviationsOf(record: Unjudged, lines: readonly DrillLine[]): Deviation[] {
  const { roles, goals, approvals } = record;
  const whole = (code: string, message: string): Deviation => ({ step: null, code, message });
  return [
    ...goals.flatMap(({ title, atMost, actual, kept }) => {
      if (kept === true || (kept === null && record.endedAt === null)) return [];
      if (kept === null) return [whole('goal-unknown', `nobody knows whether this was kept: ${title}`)];
      return [whole('goal-missed', `this was not kept: ${title} (${actual ?? '?'} where ${atMost} was the most)`)];
    }),
    ...record.steps.flatMap((step) => stepDeviations(step)),
    ...lines.flatMap((line) =>
      line.event === 'resumed' ? [whole('resumed', `${line.by} went on with it at ${line.time}: ${line.note}`)] : [],
    ),
    ...approvals.flatMap(({ step, how, by, kind, role, answer }): Deviation[] => {
      if (kind !== 'approve' || answer !== 'yes') return [];
      if (how === 'beforehand')
        return [{ step, code: 'unattended', message: `${by} approved it beforehand with --yes; nobody looked at what stood there` }];
      const other = roles.find(({ name, person }) => name !== role && person === by);
      return other === undefined ? [] : [{ step, code: 'one-person', message: `${by} approved what ${by} carries out as ${other.name}` }];
    }),
    ...roles.filter(({ person }) => person === null).map(({ name }) => whole('no-person', `nobody was named for the role '${name}'`)),
  ];
}

function stepDeviations({ id, outcome, tries, planned, actual, says, remarks, kind }: DrillRecord['steps'][number]): Deviation[] {
  const found: Deviation[] = [];
  const say = (code: string, message: string): void => void found.push({ step: id, code, message });
  if (outcome === 'failed') say('failed', says ?? 'it failed');
  if (outcome === 'interrupted') say('interrupted', 'it was begun, and nobody knows how far it came');
  if (outcome === 'skipped' && kind === 'manual' && tries > 0) say('left-out', says ?? 'it was left out');
  if (tries > 1) say('repeated', `it took ${tries} tries`);
  if (planned !== null && actual !== null && actual > planned)
    say('late', `it took ${shownSeconds(actual)} where ${shownSeconds(planned)} were planned`);
  if (outcome === 'done') for (const { severity, message } of remarks) say(severity, message);
  return found;
}
