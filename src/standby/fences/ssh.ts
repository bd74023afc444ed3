import { MailrecoverError } from '../../errors/error.ts';
import type { Remote } from '../remote.ts';
import { leftOf, runs, startUnits, stopAndMask, unitStates, unmask, withInstances } from '../units.ts';
import { addressesOn, type VirtualAddress } from '../vip.ts';
import type { Fence } from './fence.ts';

export interface SshFence {
  name: string;
  host: Remote;
  /** In the order in which they are stopped. */
  services: readonly string[];
  /** Units that must not run either. */
  also: readonly string[];
  vip: VirtualAddress | undefined;
  /** Which of the units ran before, and whether the address was there: what `release` gives back. */
  before: { ran: readonly string[]; masked: readonly string[]; vip: boolean };
}

/** The host itself stops its services, has them masked, and says so. */
export function sshFence({ name, host, services, also, vip, before }: SshFence): Fence {
  const units = [...also, ...services];
  return {
    name,
    grade: 'B',
    keepsHost: true,
    plan: [
      `on ${host.name}: stop and mask ${units.join(', ')}`,
      ...(vip === undefined ? [] : [`on ${host.name}: remove the address ${vip.address} from ${vip.device}`]),
      `ask ${host.name} whether they are stopped and masked`,
    ],
    async evidence() {
      const states = (await unitStates(host, withInstances(units))).filter(({ load }) => load !== 'not-found');
      const open = states.filter((state) => runs(state) || (units.includes(state.unit) && state.load !== 'masked'));
      if (
        open.length > 0 ||
        (await leftOf(host, withInstances(units))).length > 0 ||
        (vip !== undefined && (await addressesOn(host, vip)).includes(vip.address))
      )
        return undefined;
      return [
        ...states.map(({ unit, active, load }) => `${host.name} says: ${unit} is ${active} and ${load}`),
        `${host.name} says: no process of theirs is left`,
      ];
    },
    async fence() {
      await stopAndMask(host, units);
      if (vip !== undefined && (await addressesOn(host, vip)).includes(vip.address))
        await host.run(['ip', 'address', 'delete', vip.address, 'dev', vip.device]);
    },
    async release() {
      const ours = (await unitStates(host, units)).filter(({ load, unit }) => load === 'masked' && !before.masked.includes(unit));
      await unmask(
        host,
        ours.map(({ unit }) => unit),
      );
      if (vip !== undefined && before.vip && !(await addressesOn(host, vip)).includes(vip.address))
        await host.run(['ip', 'address', 'add', vip.address, 'dev', vip.device]);
      await startUnits(host, units.filter((unit) => before.ran.includes(unit)).toReversed());
      const down = (await unitStates(host, before.ran)).filter((state) => !runs(state)).map(({ unit }) => unit);
      if (down.length > 0)
        throw new MailrecoverError('failed', `${down.join(', ')} did not come back on '${host.name}'`, {
          hint: `look there: systemctl status ${down.join(' ')}`,
          subject: host.name,
        });
    },
  };
}
