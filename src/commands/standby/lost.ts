/** The mail that a dead host accepted and the new one does not have, as the new one knows it. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Lost } from '../../standby/ledger/lost.ts';
import type { CommandContext } from '../types.ts';
import type { Recorder } from './hosts.ts';
import { hostNamed, pairOf, syncStores } from './pair.ts';

export type KnownLost = Omit<Lost, 'since'>;

const SECONDS = 600;

/**
 * Asks the host that serves.
 * @returns undefined where it has no ledger, or can't say
 */
export async function lostOn(context: CommandContext, from: string, to: string, record: Recorder): Promise<KnownLost | undefined> {
  const config = await context.config();
  try {
    if (hostNamed(config, to).ssh === undefined) {
      const { lostMail } = await import('../../standby/ledger/lost.ts');
      return await lostMail(config.state, from, syncStores(config), { dovecot: config.dovecot?.config, signal: context.signal });
    }
    const { openHost } = await import('../../standby/remote.ts');
    const host = openHost(hostNamed(config, to), { record, signal: context.signal });
    context.onEnd(() => host.close());
    const { stdout } = await host.run([...pairOf(config).sync.program, 'standby', 'ledger', '--json'], { ok: [0, 1], seconds: SECONDS });
    const { until, lost, asked = false } = JSON.parse(stdout) as { until?: string; lost?: Lost['messages']; asked?: boolean };
    return until === undefined || !Array.isArray(lost) ? undefined : { until, messages: lost, asked };
  } catch (error) {
    // The switch is made: a list that can't be had does not undo that.
    if (error instanceof MailrecoverError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
