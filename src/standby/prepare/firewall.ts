/** Whether mail reaches the standby's ports: something listens there for a moment, and is connected to from here and from the primary. */
import type { Finding } from '../../errors/finding.ts';
import { MailrecoverError } from '../../errors/error.ts';
import { MAIL_PORTS, reach, type Reached } from '../reach.ts';
import type { HostAgent, Survey } from './model.ts';

export interface FirewallOptions {
  primary: { name: string; agent: HostAgent; survey: Survey };
  standby: { name: string; address: string; agent: HostAgent; survey: Survey };
}

/** With that of ManageSieve. */
const PORTS: readonly number[] = [...MAIL_PORTS, 4190];

/** Nothing is found where the standby's ports are taken: then it serves, and others tell that. */
export async function firewallFindings({ primary, standby }: FirewallOptions): Promise<Finding[]> {
  const wanted = PORTS.filter((port) => primary.survey.listens.includes(port));
  if (wanted.length === 0) return [];
  const open = await standby.agent.listen(wanted);
  const findings: Finding[] = [];
  try {
    const targets = open.map((port) => ({ host: standby.address, port }));
    const [here, there] = await Promise.all([
      Promise.all(targets.map(({ host, port }) => patiently(host, port))),
      primary.agent.reach(targets).catch((error: unknown) => {
        if (error instanceof MailrecoverError) return targets.map((): Reached => 'silent');
        throw error;
      }),
    ]);
    const shut = open.filter((_, at) => here[at] !== 'open' && there[at] !== 'open');
    const half = open.filter((_, at) => (here[at] === 'open') !== (there[at] === 'open'));
    if (shut.length > 0)
      findings.push({
        severity: 'error',
        code: 'port-shut',
        message: `nothing gets through to ${standby.address} on ${ports(shut)}, where '${primary.name}' is reached`,
        hint: `open ${shut.length === 1 ? 'it' : 'them'} in the firewall of '${standby.name}', and of its provider: nft list ruleset`,
        subject: standby.name,
      });
    if (half.length > 0)
      findings.push({
        severity: 'warning',
        code: 'port-half-open',
        message: `${standby.address} is reached on ${ports(half)} from here or from '${primary.name}' alone`,
        hint: 'see whom the firewall lets through: nft list ruleset',
        subject: standby.name,
      });
  } finally {
    await standby.agent.close();
  }
  return findings;
}

/** A packet may get lost, and a busy host may be slow. */
async function patiently(host: string, port: number): Promise<Reached> {
  const first = await reach(host, port);
  return first === 'open' ? first : reach(host, port);
}

function ports(list: readonly number[]): string {
  return `${list.length === 1 ? 'port' : 'ports'} ${list.join(', ')}`;
}
