/** The size of the standby: raised before it serves, and lowered when the old host serves again, by programs of the administrator. */
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { lastLine } from '../../../system/last-line.ts';
import type { CapacityOptions, PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';

type Sides = Pick<PromoteOptions, 'from' | 'to' | 'here'>;

/** `{host}` stands for the side whose size changes. */
function filled(argv: readonly string[], host: string): string[] {
  return argv.map((word) => word.replaceAll('{host}', host));
}

/** Runs before anything stops serving, since it may take minutes. */
export function raiseStep({ here, to }: Sides, { up = [], down, seconds, onFailure }: CapacityOptions): Step {
  const command = filled(up, to.name);
  let said = '';
  return {
    id: 'capacity',
    title: `scale ${to.name} up`,
    plan: [
      `here: ${command.join(' ')}`,
      onFailure === 'stop' ? 'where it fails, nothing is switched' : 'where it fails, that is told, and the switch goes on',
    ],
    ...(down === undefined ? {} : { undo: `here: ${filled(down, to.name).join(' ')}` }),
    once: true,
    check: async () => false,
    async apply(): Promise<Finding[]> {
      try {
        said = lastLine((await here.run(command, { seconds })).stdout);
        return [];
      } catch (error) {
        if (!(error instanceof MailrecoverError) || onFailure === 'stop') throw error;
        said = 'it failed, which was to be told alone';
        return [failedFinding(`'${to.name}' was not scaled up: ${error.message}`, command, to.name)];
      }
    },
    verify: async () => [`${command[0] ?? ''} ended${said === '' ? '' : `: ${said}`}`],
    ...(down === undefined ? {} : { rollback: async () => void (await here.run(filled(down, to.name), { seconds })) }),
  };
}

/** Runs when the other side serves already: nothing is lost where it fails. */
export function lowerStep({ here, from }: Sides, { down = [], seconds }: CapacityOptions): Step {
  const command = filled(down, from.name);
  let said = '';
  return {
    id: 'capacity-down',
    title: `scale ${from.name} down`,
    plan: [`here: ${command.join(' ')}`, 'where it fails, that is told'],
    once: true,
    check: async () => false,
    async apply(): Promise<Finding[]> {
      try {
        said = lastLine((await here.run(command, { seconds })).stdout);
        return [];
      } catch (error) {
        if (!(error instanceof MailrecoverError)) throw error;
        said = 'it failed';
        return [failedFinding(`'${from.name}' was not scaled down, and costs what it costs: ${error.message}`, command, from.name)];
      }
    },
    verify: async () => [`${command[0] ?? ''} ended${said === '' ? '' : `: ${said}`}`],
  };
}

function failedFinding(message: string, command: readonly string[], subject: string): Finding {
  return { severity: 'warning', code: 'capacity', message, hint: `run it by hand: ${command.join(' ')}`, subject };
}
