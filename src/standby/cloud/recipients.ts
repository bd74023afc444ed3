/** Whether those who have mail at the old host have a mailbox at the service, too: who has none loses mail from the switch on. */
import type { Finding } from '../../errors/finding.ts';
import type { CloudService } from './service.ts';
import { askSmtp } from './smtp-ask.ts';

export interface Recipients {
  /** Whom mail reaches there, by their address at the old host; the value is who logs in there. */
  there: Map<string, string>;
  missing: { address: string; why: string }[];
  findings: Finding[];
  /** How it was found out, for the record. */
  how: string;
}

/** Names without a domain get the one that there is; where there are several they stay as they are, and nobody has them. */
export function addressesOf(accounts: readonly string[], domains: readonly string[]): string[] {
  const domain = domains.length === 1 ? domains[0]?.replace(/\.$/, '') : undefined;
  return [...new Set(accounts.map((account) => (account.includes('@') || domain === undefined ? account : `${account}@${domain}`)))].sort();
}

/**
 * Asks the directory of the service, or where it has none its SMTP server.
 * @throws MailrecoverError where it can't be asked
 */
export async function checkRecipients(
  service: CloudService,
  addresses: readonly string[],
  sender: string,
  signal: AbortSignal,
): Promise<Recipients> {
  return service.users === undefined
    ? bySmtp(service, addresses, sender, signal)
    : byDirectory(service, await service.users(signal), addresses);
}

function byDirectory(
  service: CloudService,
  users: Awaited<ReturnType<NonNullable<CloudService['users']>>>,
  addresses: readonly string[],
): Recipients {
  const byAddress = new Map(users.flatMap((user) => user.addresses.map((address) => [address, user] as const)));
  const there = new Map<string, string>();
  const missing: Recipients['missing'] = [];
  for (const address of addresses) {
    const user = byAddress.get(address.toLowerCase());
    if (user === undefined) missing.push({ address, why: 'has no account' });
    else if (user.problem !== undefined) missing.push({ address, why: user.problem });
    else there.set(address, user.login);
  }
  return { there, missing, findings: [], how: `the directory of ${service.name} has ${users.length} users` };
}

async function bySmtp(
  { name, smtp, ca }: CloudService,
  addresses: readonly string[],
  sender: string,
  signal: AbortSignal,
): Promise<Recipients> {
  const { answers, takesAll } = await askSmtp(smtp, { addresses, sender, ca }, signal);
  const there = new Map(answers.filter(({ takes }) => takes === 'yes').map(({ address }) => [address, address]));
  const missing = answers
    .filter(({ takes }) => takes !== 'yes')
    .map(({ address, takes, said }) => ({ address, why: takes === 'no' ? `is refused: ${said}` : `may be refused: ${said}` }));
  const findings: Finding[] = takesAll
    ? [
        {
          severity: 'warning',
          code: 'takes-all',
          message: `${smtp.host} takes mail for names that nobody has: that it takes an account's mail says nothing`,
          hint: `compare the accounts of '${name}' with 'doveadm user' by hand`,
          subject: name,
        },
      ]
    : [];
  return { there, missing, findings, how: `${smtp.host}:${smtp.port} was asked for each` };
}

const NAMED = 20;

/** Those who have none, for people. */
export function shownMissing(missing: Recipients['missing']): string {
  const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '';
  return `${missing
    .slice(0, NAMED)
    .map(({ address, why }) => `${address} ${why}`)
    .join('; ')}${more}`;
}
