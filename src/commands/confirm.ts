import { MailrecoverError } from '../errors/error.ts';
import type { CommandContext, TextHelpers } from './types.ts';

/**
 * Shows a plan and asks whether it shall be carried out.
 * @param yes whether that was said already
 * @throws MailrecoverError `refused` where the answer is no, or nobody can answer
 */
export async function confirm(context: CommandContext, yes: boolean, plan: (text: TextHelpers) => string, question: string): Promise<void> {
  if (yes) return;
  if (!context.interactive)
    throw new MailrecoverError('refused', 'nobody is there to confirm the plan', {
      hint: 'look at it with --dry-run, and add --yes to carry it out; nothing was changed',
    });
  const { textHelpers } = await import('../report/text/helpers.ts');
  const shown = plan(textHelpers({ color: false, lang: context.lang }));
  const answer = await context.ask(`${shown}\n\n${question} [yes/no] `);
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new MailrecoverError('refused', 'the plan was not confirmed', { hint: 'nothing was changed' });
}
