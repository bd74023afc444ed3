/** How runs and steps ended, in words. */
import type { DrillRecord, RecordedStep } from './record.ts';

const VERDICTS: Record<DrillRecord['outcome'], string> = {
  finished: 'finished as planned',
  'finished-with-failures': 'finished, but some steps failed',
  stopped: 'stopped: not finished',
  interrupted: 'interrupted: not finished',
  'given-up': 'given up: not finished',
};

/** The verdict in a few words. */
export function verdictOf({ outcome, deviations, goals }: DrillRecord): string {
  const missed = goals.filter(({ kept }) => kept === false).length;
  if (outcome !== 'finished' || (missed === 0 && deviations.length === 0)) return VERDICTS[outcome];
  if (missed > 0) return missed === 1 ? 'finished, but a goal was missed' : `finished, but ${missed} goals were missed`;
  return deviations.length === 1 ? 'finished, with one deviation' : `finished, with ${deviations.length} deviations`;
}

export const OUTCOMES: Record<RecordedStep['outcome'], string> = {
  done: 'done',
  failed: 'failed',
  skipped: 'left out',
  interrupted: 'interrupted',
  'not-reached': 'not reached',
};
