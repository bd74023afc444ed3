/** People and senders reach the new host: by its address, by names, and with a message that proves it. */
import { MailrecoverError } from '../../../errors/error.ts';
import type { Finding } from '../../../errors/finding.ts';
import { agreement, standing, updateZone } from '../../dns.ts';
import { prove } from '../../proof.ts';
import { hasAddress, takeAddress } from '../../vip.ts';
import type { PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';

export function vipStep({ to }: PromoteOptions, vip: NonNullable<PromoteOptions['vip']>): Step {
  return {
    id: 'vip',
    title: `move the address ${vip.address}`,
    plan: [
      `on ${to.name}: see that no other host answers for ${vip.address}, take it on ${vip.device}, and tell the network (gratuitous ARP)`,
    ],
    check: () => hasAddress(to, vip),
    apply: () => takeAddress(to, vip),
    async verify() {
      if (!(await hasAddress(to, vip)))
        throw new MailrecoverError('failed', `'${to.name}' does not have the address ${vip.address}`, { subject: vip.address });
      return [`${to.name} has ${vip.address} on ${vip.device}`];
    },
  };
}

export function dnsStep({ signal, here, record }: PromoteOptions, zone: PromoteOptions['dns'][number]): Step {
  let findings: Finding[] = [];
  return {
    id: `dns:${zone.zone}`,
    title: `move the names in ${zone.zone}`,
    plan: [
      ...zone.records.map(
        ({ name, type, ttl, values }) =>
          `${name} ${type}: ${shownValues(values.from)} becomes ${shownValues(values.to)} (TTL ${ttl} s), if it still is what it was`,
      ),
      ...(zone.update === undefined ? [] : [`by the program on this host: ${zone.update.join(' ')}`]),
      `ask every authoritative server of ${zone.zone} until those that answer agree, ${zone.waitMs / 1000} s at most`,
    ],
    check: async () => (await Promise.all(zone.records.map((record) => standing(zone, record)))).every((stand) => stand === 'to'),
    async apply() {
      await updateZone(zone, { host: here.name, record });
      const agreed = await agreement(zone, signal);
      findings = agreed.findings;
      return findings;
    },
    verify: async () => (await agreement(zone, signal)).evidence,
  };
}

function shownValues(values: readonly string[]): string {
  return values.length === 0 ? 'no record' : `'${values.join("', '")}'`;
}

export function proofStep({ proof, to, signal }: PromoteOptions): Step {
  const options = proof as NonNullable<typeof proof>;
  let evidence: string[] = [];
  return {
    id: 'proof',
    title: 'prove it with a real message',
    plan: [
      `send a message to ${options.to} through ${options.smtp.host}:${options.smtp.port}, and fetch it from ${options.imap.host}:${options.imap.port}`,
    ],
    once: true,
    check: async () => false,
    async apply() {
      evidence = await prove(options, signal);
    },
    verify: async () => [...evidence, `${to.name} serves`],
  };
}
