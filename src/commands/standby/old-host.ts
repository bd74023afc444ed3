/** Before a merge: the old host must not take or change mail any more. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { confirm } from '../confirm.ts';
import type { CommandContext } from '../types.ts';
import type { Recorder } from './hosts.ts';
import { hostNamed, pairOf } from './pair.ts';

/**
 * Stops and masks the mail services of a host that does not serve by the epoch, and runs them all the same, as after a split brain.
 * @param record told of everything that is run there
 * @returns what is worth telling
 * @throws MailrecoverError `refused` where that is not confirmed; `failed` where they do not stop
 */
export async function stopOldHost(
  context: CommandContext,
  name: string,
  { dryRun, yes }: { dryRun: boolean; yes: boolean },
  record: Recorder | undefined,
): Promise<Finding[]> {
  const config = await context.config();
  const { services, stopAlso, vip } = pairOf(config);
  const [{ openHost }, { hasSystemd, runs, unitStates, withInstances }, { sshFence }, { queued }] = await Promise.all([
    import('../../standby/remote.ts'),
    import('../../standby/units.ts'),
    import('../../standby/fences/ssh.ts'),
    import('../../standby/postfix.ts'),
  ]);
  const host = openHost(hostNamed(config, name), { signal: context.signal, ...(record === undefined ? {} : { record }) });
  context.onEnd(() => host.close());
  // Whatever runs its mail there, it is nothing that could be asked, or stopped, from here.
  if (!(await hasSystemd(host))) return [];
  const up = (await unitStates(host, withInstances([...stopAlso, ...services]))).filter(runs).map(({ unit }) => unit);
  if (up.length === 0) return [];
  const what = `'${name}' does not serve any more, and takes mail all the same: ${up.join(', ')}`;
  if (dryRun)
    return [
      {
        severity: 'warning',
        code: 'old-host-runs',
        message: what,
        hint: 'they are stopped and masked before anything is merged',
        subject: name,
      },
    ];
  await confirm(context, yes, () => what, `stop and mask them on '${name}'?`);
  const fence = sshFence({ name: 'ssh', host, services, also: stopAlso, vip, before: { ran: [], masked: [], vip: false } });
  await fence.fence();
  if ((await fence.evidence()) === undefined)
    throw new MailrecoverError('failed', `the mail services of '${name}' do not stop`, {
      hint: `look there: systemctl status ${up.join(' ')}`,
      subject: name,
    });
  const count = pairOf(config).queue ? await queued(host) : 0;
  return [
    {
      severity: 'info',
      code: 'old-host-stopped',
      message: `what ran on '${name}' is stopped and masked now: ${up.join(', ')}`,
      subject: name,
    },
    ...(count === 0
      ? []
      : [
          {
            severity: 'warning' as const,
            code: 'old-queue',
            message: `${count} messages lie in the queue of '${name}': they go on when it serves again`,
            hint: `'mailrecover standby promote --planned --to ${name}'`,
            subject: name,
          },
        ]),
  ];
}
