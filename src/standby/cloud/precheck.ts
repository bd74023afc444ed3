/** What must hold at the service before anything is changed. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { PromoteOptions } from '../promote/options.ts';
import { approvedLeftover, queued } from './leftover.ts';
import { checkRecipients } from './recipients.ts';
import { approvedMissing } from './steps.ts';
import type { CloudSwitch } from './switch.ts';

type Say = (severity: Finding['severity'], code: string, message: string, hint?: string, subject?: string) => void;

export async function cloudReady(
  { from, dns, signal }: PromoteOptions,
  { service, addresses, allowMissing, leaveQueue, postfix, sender, unread }: CloudSwitch,
  reachable: boolean,
  say: Say,
): Promise<void> {
  const told = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
      say('error', error.code, error.message, error.hint, service.name);
    }
  };
  if (addresses.length === 0)
    say('error', 'no-accounts', 'nobody knows who has mail: the old host does not say, and the repository has no mailboxes of it', unread);
  else
    await told(async () => {
      const found = await checkRecipients(service, addresses, sender, signal);
      for (const { severity, code, message, hint, subject } of found.findings) say(severity, code, message, hint, subject);
      approvedMissing(found, service.name, allowMissing);
      if (found.missing.length > 0)
        say(
          'warning',
          'no-mailbox',
          `${found.missing.length} accounts have no mailbox at '${service.name}', which is approved`,
          undefined,
          service.name,
        );
    });
  if (reachable && postfix) await told(async () => approvedLeftover(await queued(from), from.name, leaveQueue));
  if (dns.length === 0)
    say(
      'warning',
      'no-dns',
      `no names are moved to '${service.name}': mail goes to the old host until somebody changes the MX`,
      `name the records under 'dns' of the service in the configuration`,
    );
  if (unread !== undefined && addresses.length > 0)
    say('warning', 'no-forecast', `nobody knows how long filling takes: ${unread}`, undefined, service.name);
}
