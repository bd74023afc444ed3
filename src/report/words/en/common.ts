import { count } from './count.ts';

export const common = {
  /** Between the parts of a list. */
  and: ', ',
  justNow: 'just now',
  ago: (span: string) => `${span} ago`,
  none: 'none',
  never: 'never',
  unknown: 'not known',
  error: 'error:',
  warning: 'warning:',
  note: 'note:',
  hint: 'hint:',
  /** Findings that are not printed. */
  more: (left: number) => `and ${count(left, 'more', 'more')}; --verbose or --json lists them all`,
};
