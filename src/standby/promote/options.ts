/** What a switch is told, as plain values. */
import type { Target } from '../../repository/target.ts';
import type { Progress } from '../../system/progress.ts';
import type { CloudSwitch } from '../cloud/switch.ts';
import type { DialCounts } from '../dial/model.ts';
import type { KnownAccounts } from '../accounts.ts';
import type { Dial } from '../dial/record.ts';
import type { DnsZone } from '../dns.ts';
import type { Lag } from '../lag.ts';
import type { ProofOptions } from '../proof.ts';
import type { RanCommand, Remote } from '../remote.ts';
import type { VirtualAddress } from '../vip.ts';

export interface FenceOptions {
  kind: 'command' | 'ssh' | 'nft' | 'lease' | 'attestation';
  name: string;
  off?: readonly string[] | undefined;
  status?: readonly string[] | undefined;
  expect?: string | undefined;
  on?: readonly string[] | undefined;
  /** How long each program may take. */
  seconds: number;
}

/** How the mail of two hosts compares. */
export interface MailDifference {
  mailboxes: number;
  /** Mailboxes that are not alike, by name, and in what. */
  different: string[];
}

/** How mail is copied; it works under the epoch and the run of the switch. */
export interface MailSync {
  /** Brings the new host up to what the old one has. @throws MailrecoverError where it can't be read as a whole */
  last(run: string, epoch: number): Promise<MailDifference>;
  /** Compares them without changing anything. */
  compare(run: string, epoch: number): Promise<MailDifference>;
  /** Leaves UIDs out on the new host that the old one may have given since. @returns in how many folders */
  leaveUids(run: string, epoch: number): Promise<number>;
  /** Begins mailboxes of the new host anew that have no state of that time (UTC) or later, or says what would be done. */
  dial(run: string, epoch: number, keepSince: string, dryRun: boolean): Promise<DialCounts>;
  /** Takes that back. */
  undial(run: string, epoch: number): Promise<void>;
}

/** Programs that change how large the standby is; they run here. */
export interface CapacityOptions {
  /** `up` where the standby shall serve, `down` where it shall not any more. */
  way: 'up' | 'down';
  up?: readonly string[] | undefined;
  down?: readonly string[] | undefined;
  /** How long each may take. */
  seconds: number;
  /** What a failure to scale up means for the switch. */
  onFailure: 'stop' | 'report';
}

export interface PromoteOptions {
  /** The directory of the local state, for the journal. */
  state: string;
  /** Who is to serve is decided here. */
  target: Target;
  mode: 'planned' | 'forced';
  /** The host that serves, and the one that shall. */
  from: Remote;
  to: Remote;
  /** This host, for programs that fence. */
  here: Remote;
  services: readonly string[];
  stopAlso: readonly string[];
  fences: readonly FenceOptions[];
  dns: readonly DnsZone[];
  vip: VirtualAddress | undefined;
  queue: boolean;
  /** How long mail that is under way may take, milliseconds. */
  drainMs: number;
  /** What is always approved, and what was approved for this switch: seconds of mail; Infinity for any. */
  allowedLoss: number | undefined;
  allowLoss: number | undefined;
  attested: string | undefined;
  /** Serve with empty mailboxes where there is no current mail. */
  dialTone: boolean;
  proof: ProofOptions | undefined;
  sync: MailSync;
  capacity?: CapacityOptions | undefined;
  /** Present where one of the two sides is a service rather than a host. */
  cloud?: CloudSwitch | undefined;
  /** Mailboxes of the old host that were begun anew. */
  dial: () => Promise<Dial | undefined>;
  /** How far the new host is behind, as it knows itself. */
  lag: () => Promise<Lag | undefined>;
  /** The accounts of the old host, as the last synchronisation wrote them down on the new one. */
  known: () => Promise<KnownAccounts | undefined>;
  /** Told of what is run here and there. */
  record: (ran: RanCommand) => void;
  /** Who runs it, and where. */
  by: string;
  progress: Progress;
  signal: AbortSignal;
}
