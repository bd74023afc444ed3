/** A service at a provider that takes the place of a mail host: a tenant of Microsoft 365 or Google, or any other host of IMAP and SMTP. */
import { MailrecoverError } from '../../errors/error.ts';
import type { DirectoryUser } from '../../notify/directory/user.ts';
import type { GoogleRest } from '../../notify/google-rest.ts';
import type { ImapAccount } from '../../store/imap/account.ts';
import type { ProofServer } from '../proof.ts';
import type { Remote } from '../remote.ts';
import type { FillLimits } from './limits.ts';

export interface CloudService {
  /** By which `--to` names it, and by which the epoch says that it serves. */
  name: string;
  kind: 'microsoft' | 'google' | 'imap';
  /** Where mail for the domains goes in: what the MX will name. */
  smtp: ProofServer;
  /** A certificate authority to trust beside the usual ones, PEM. */
  ca?: string | undefined;
  /** Who has a mailbox there; absent where only the SMTP server can be asked. */
  users?: ((signal: AbortSignal) => Promise<DirectoryUser[]>) | undefined;
  /** How a mailbox is logged in to over IMAP. */
  account(mailbox: string): ImapAccount;
  /** The Gmail API for a mailbox, where it is filled by that. */
  gmail?: ((mailbox: string, signal: AbortSignal) => Promise<GoogleRest>) | undefined;
  limits: FillLimits;
  /** Mailboxes that are filled before all others, in this order; `*` stands for any characters. */
  first: readonly string[];
}

/** A service as one of the two sides of a switch: it has a name, and no command runs there. */
export function serviceSide({ name, smtp }: Pick<CloudService, 'name' | 'smtp'>): Remote {
  const nobody = (): Promise<never> =>
    Promise.reject(new MailrecoverError('failed', `'${name}' is a service: no command runs there`, { subject: name }));
  return { name, address: smtp.host, run: nobody, start: nobody, close: () => undefined };
}
