import type { Ended } from '../../notify/links/links.ts';
import type { CommandResult, TextHelpers } from '../types.ts';
import { shownLink } from './shown.ts';

/** What was, or would be, done to the links. */
type Deed = 'would be removed' | 'removed' | 'would be revoked' | 'revoked';

export function endedResult({ ended, findings }: Ended, done: Deed): CommandResult {
  return {
    outcome: findings.length === 0 ? 'ok' : ended.length > 0 ? 'partial' : 'failed',
    counts: { ended: ended.length },
    findings,
    fields: { links: ended.map(shownLink) },
    render: (text) =>
      [deedText(done, text.number(ended.length), text), ...ended.map(({ id, name, place }) => `${id}  ${name}  (${place})`)].join('\n'),
  };
}

function deedText(done: Deed, number: string, text: TextHelpers): string {
  const deeds = {
    'would be removed': text.say`${number} would be removed`,
    removed: text.say`${number} removed`,
    'would be revoked': text.say`${number} would be revoked`,
    revoked: text.say`${number} revoked`,
  };
  return deeds[done];
}
