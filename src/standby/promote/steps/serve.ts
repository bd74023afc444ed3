/** The new host serves: from here on there is no way back but another switch. */
import { MailrecoverError } from '../../../errors/error.ts';
import { putStage, readEpoch, type Claim } from '../../epoch.ts';
import { nftFence } from '../../fences/nft.ts';
import { tellPromoted } from '../../guard/memory.ts';
import type { Memory } from '../../journal.ts';
import { change, explicitSetting } from '../../postfix.ts';
import { runs, startUnits, stopUnits, unitStates, unmask, withInstances } from '../../units.ts';
import type { PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';

export interface ServeMemory extends Memory {
  soft: string | null;
  since: Record<string, number>;
}

export function serveStep({ to, target, services, queue, fences }: PromoteOptions, claim: Claim): Step {
  const states = (): ReturnType<typeof unitStates> => unitStates(to, withInstances(services));
  const there = async (): Promise<Awaited<ReturnType<typeof states>>> => (await states()).filter(({ load }) => load !== 'not-found');
  return {
    id: 'serve',
    title: `let ${to.name} serve`,
    plan: [
      `in the repository: ${to.name} serves from epoch ${claim.epoch} on`,
      ...(queue ? [`on ${to.name}: soft_bounce = yes, so that nothing is refused for good while accounts may be missing`] : []),
      `on ${to.name}: start ${services.toReversed().join(', ')}`,
    ],
    undo: 'the services are stopped again, as long as none of them ever ran',
    noReturn: true,
    remember: async () => ({
      soft: queue ? ((await explicitSetting(to, 'soft_bounce')) ?? null) : null,
      since: Object.fromEntries((await states()).map(({ unit, activeSince }) => [unit, activeSince])),
    }),
    passed: async (memory) =>
      (await states()).some((state) => runs(state) || state.activeSince !== (memory as ServeMemory).since[state.unit]),
    check: async () => (await there()).every(({ active }) => active === 'active') && (await readEpoch(target)).active === to.name,
    async apply() {
      if (queue) await change(to, 'soft_bounce', 'yes');
      await putStage(target, claim, 'active');
      await tellPromoted(to, claim.epoch);
      const masked = (await unitStates(to, services)).filter(({ load }) => load === 'masked').map(({ unit }) => unit);
      await unmask(to, masked);
      // What refused connections here since the switch away from this host.
      for (const { name } of fences.filter(({ kind }) => kind === 'nft')) await nftFence(name, to).release();
      // One after the other: where the first fails, nobody ever saw this host.
      for (const unit of services.toReversed()) await startUnits(to, [unit]);
    },
    async verify() {
      const down = (await there()).filter(({ active }) => active !== 'active');
      if (down.length > 0)
        throw new MailrecoverError('failed', `${down.map(({ unit, active }) => `${unit} is ${active}`).join(', ')} on '${to.name}'`, {
          hint: `look there: journalctl -u ${down[0]?.unit ?? ''} -n 50`,
          subject: to.name,
        });
      return (await there()).map(({ unit, active }) => `${to.name} says: ${unit} is ${active}`);
    },
    async rollback(memory) {
      await stopUnits(to, services);
      if (queue) await change(to, 'soft_bounce', (memory as ServeMemory).soft ?? undefined);
    },
  };
}

/** After all that people wait for: systemd takes seconds for it. */
export function bootStep({ to, services }: PromoteOptions): Step {
  // A unit that is generated, or has no file of its own, can't be enabled, and is not to be.
  const left = async (): Promise<string[]> =>
    (await unitStates(to, services)).filter(({ file }) => file === 'disabled').map(({ unit }) => unit);
  return {
    id: 'boot',
    title: `let ${to.name} serve after its next boot, too`,
    plan: [`on ${to.name}: enable ${services.join(', ')}`],
    check: async () => (await left()).length === 0,
    apply: async () => void (await to.run(['systemctl', 'enable', '--', ...services], { ok: 'any' })),
    async verify() {
      const [unit] = await left();
      if (unit === undefined) return [`${to.name} starts ${services.join(', ')} when it boots`];
      throw new MailrecoverError('failed', `${unit} is not enabled on '${to.name}': after a boot it would not serve`, {
        hint: `there: systemctl enable ${unit}`,
        subject: to.name,
      });
    },
  };
}
