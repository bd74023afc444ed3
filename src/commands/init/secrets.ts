/** The passphrase that a new private key is wrapped in. */
import { MailrecoverError } from '../../errors/error.ts';
import type { CommandContext } from '../types.ts';

/**
 * Asks for a passphrase, twice.
 * @param required whether an empty one (none) is refused
 * @returns undefined for none
 */
export async function askNewPassphrase(context: CommandContext, required: boolean): Promise<string | undefined> {
  if (!context.interactive)
    throw new MailrecoverError('usage', 'there is no terminal to ask for the passphrase at', {
      hint: 'leave out --passphrase, or run the command at a terminal',
    });
  for (;;) {
    const first = await context.ask(`passphrase for the private key${required ? '' : ' (empty for none)'}: `, { secret: true });
    if (first === '' && !required) return undefined;
    if (first !== '' && (await context.ask('the same again: ', { secret: true })) === first) return first;
  }
}
