/** What a switch to a service, or back from one, is told beside what every switch is told. */
import type { Forecast } from './limits.ts';
import type { CloudService } from './service.ts';

export interface CloudSwitch {
  service: CloudService;
  /** `to`: the service shall serve; `back`: a host shall, in its place. */
  way: 'to' | 'back';
  /** Who has mail at the old host, by address: as that host says, else as the repository does. */
  addresses: readonly string[];
  /** So many of them may be without a mailbox at the service. */
  allowMissing: number;
  /** Whether mail may stay in the queue of the old host until that is back. */
  leaveQueue: boolean;
  /** Whether the old host has Postfix, whose queue is looked at. */
  postfix: boolean;
  /** What brings the last mail into the repository, run on the old host. */
  backup: readonly string[];
  /** The sender that the SMTP server of the service is asked with. */
  sender: string;
  /** How long filling will take; absent where the repository can't be read here. */
  forecast: Forecast | undefined;
  /** Why it is absent. */
  unread: string | undefined;
}
