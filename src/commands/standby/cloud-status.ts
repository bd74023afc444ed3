/** What `standby status` says while a service serves in place of the hosts. */
import type { EpochState } from '../../standby/epoch.ts';
import { placeOf } from '../from-config.ts';
import type { CommandContext, CommandResult } from '../types.ts';
import { cloudNamed } from './cloud.ts';
import { pairOf } from './pair.ts';

/** The service that serves, or undefined where a host does. */
export async function servingService(context: CommandContext): Promise<{ name: string; epoch: EpochState } | undefined> {
  const config = await context.config();
  if (pairOf(config).clouds.length === 0) return undefined;
  const { target } = await placeOf(context);
  const { readEpoch } = await import('../../standby/epoch.ts');
  const epoch = await readEpoch(target);
  const { active } = epoch;
  return active !== undefined && cloudNamed(config, active) !== undefined ? { name: active, epoch } : undefined;
}

export async function serviceStatus(context: CommandContext, { name, epoch }: { name: string; epoch: EpochState }): Promise<CommandResult> {
  const { primary, standby } = pairOf(await context.config());
  const { open } = epoch;
  const back = `mailrecover standby promote --planned --to ${primary.name}`;
  return {
    outcome: open === undefined ? 'ok' : 'failed',
    ...(open === undefined ? {} : { cause: 'locked' as const }),
    fields: {
      active: name,
      standby: primary.name,
      epoch: epoch.epoch,
      underWay: open === undefined ? null : { host: open.host, run: open.run, stage: open.stage, since: open.since, by: open.by },
      lag: null,
      loss: { planned: null, forced: null },
      ready: open === undefined,
      lastSwitch: null,
    },
    render: (text) =>
      [
        open === undefined
          ? text.yellow(
              text.bold(
                text.say`${name} serves since epoch ${epoch.activeEpoch}: a service, in place of ${primary.name} and ${standby.name}`,
              ),
            )
          : text.say`${text.red(text.bold(text.say`a switch to ${open.host} is not finished`))}: begun ${text.time(open.since)} by ${open.by}; go on there with 'mailrecover standby promote'`,
        '',
        text.pairs([
          [text.say`fill it`, `mailrecover standby fill ${name}`],
          [text.say`go back`, back],
        ]),
      ].join('\n'),
  };
}
