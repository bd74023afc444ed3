/** A record at a terminal. */
import { OUTCOMES, verdictOf } from '../../drill/outcomes.ts';
import type { DrillRecord } from '../../drill/record.ts';
import { shownSeconds } from '../../drill/shown.ts';
import { tell } from '../../report/text/tell.ts';
import type { TextHelpers } from '../types.ts';

/** @param page where the page for managers lies */
export function renderRecord(record: DrillRecord, text: TextHelpers, page: string | undefined): string {
  const { recipe, outcome, seconds, steps, goals } = record;
  const colour = outcome === 'finished' ? (record.deviations.length === 0 ? text.green : text.yellow) : text.red;
  const took = shownSeconds(seconds.actual);
  return [
    colour(text.bold(`${recipe.title}: ${tell(verdictOf(record), text)}`)),
    '',
    text.table(
      steps.map(({ startedAt, title, planned, actual, outcome: how }) => [
        startedAt === null ? '' : startedAt.slice(11, 19),
        title,
        planned === null ? '' : shownSeconds(planned),
        actual === null ? '' : shownSeconds(actual),
        how === 'failed' || how === 'interrupted' ? text.red(tell(OUTCOMES[how], text)) : tell(OUTCOMES[how], text),
      ]),
      { head: ['UTC', text.say`step`, text.say`planned`, text.say`took`, text.say`result`], right: [2, 3] },
    ),
    '',
    ...goals.map(({ title, atMost, actual, kept }) => {
      const how = kept === false ? text.red(text.say`missed`) : kept === true ? text.green(text.say`kept`) : text.yellow(text.say`unknown`);
      return text.say`${how}  ${title}: ${actual ?? '?'}, at most ${atMost}`;
    }),
    text.dim(seconds.planned === 0 ? text.say`took ${took}` : text.say`took ${took}, planned ${shownSeconds(seconds.planned)}`),
    ...(page === undefined ? [] : [text.dim(text.say`for the file: ${page}`)]),
  ].join('\n');
}
