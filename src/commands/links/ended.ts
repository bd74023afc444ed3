import type { Ended } from '../../notify/links/links.ts';
import type { CommandResult } from '../types.ts';
import { shownLink } from './shown.ts';

export const END_EXIT_CODES = {
  0: 'what was to be removed is removed',
  1: 'nothing could be removed',
  3: 'some of it could be removed',
  12: 'a credential is missing or refused',
  13: 'the place could not be reached',
} as const;

export function endedResult({ ended, findings }: Ended, done: string): CommandResult {
  return {
    outcome: findings.length === 0 ? 'ok' : ended.length > 0 ? 'partial' : 'failed',
    counts: { ended: ended.length },
    findings,
    fields: { links: ended.map(shownLink) },
    render: (text) =>
      [`${text.number(ended.length)} ${done}`, ...ended.map(({ id, name, place }) => `${id}  ${name}  (${place})`)].join('\n'),
  };
}
