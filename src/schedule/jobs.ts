/** What runs when. */

/** One entry of the schedule. */
export interface Job {
  /** Names its units; letters, digits and hyphens. */
  name: string;
  /** The command with its options, such as `verify --level server`: `['verify', '--level', 'server']`. */
  words: readonly string[];
  /** A cron expression; undefined for what runs all the time (`watch`). */
  at: string | undefined;
  /** Seconds by which a start may be put off at random. */
  randomDelay: number;
  /** Seconds after which a run is stopped. */
  timeout: number;
  /** Most memory, as systemd writes it: `1G`. */
  memory: string;
  /** Its runs do not stand in the history, so nobody can say whether one was missed. */
  unrecorded?: boolean;
}

/** Who reads the schedule: systemd leaves out times that do not exist on the day clocks go forward, cron runs them after the change. */
export type Scheduler = 'systemd' | 'cron';

export interface Schedule {
  jobs: readonly Job[];
  /** As the configuration names it; undefined for that of the host. */
  timeZone: string | undefined;
}

interface Recommended {
  name: string;
  run: string;
  at: string;
  /** What the configuration must have for it. */
  needs?: Needs;
  unrecorded?: boolean;
}

/** A private key on this host, a policy of what is kept, places that copies go to, ways of sending, accounts that they use, places for links, how often a summary is sent, a standby host, and a mailbox somewhere else for its rehearsal. */
export type Needs =
  | 'key'
  | 'policy'
  | 'copies'
  | 'transports'
  | 'accounts'
  | 'links'
  | 'daily'
  | 'weekly'
  | 'monthly'
  | 'standby'
  | 'rehearsal';

/**
 * What runs where the configuration names no jobs. Times keep clear of 01:00 to 03:00, where clocks change in Europe and America; snapshots are forgotten before
 * prune looks what nobody needs.
 */
export const RECOMMENDED: readonly Recommended[] = [
  { name: 'backup', run: 'backup --quiet', at: '*/10 * * * *' },
  { name: 'copy', run: 'copy --quiet', at: '25 * * * *', needs: 'copies' },
  { name: 'verify', run: 'verify --level server --rotate 30 --quiet', at: '30 3 * * *', needs: 'key' },
  { name: 'verify-all', run: 'verify --level server --quiet', at: '30 4 1 * *', needs: 'key' },
  { name: 'forget', run: 'forget --policy --quiet', at: '15 5 * * *', needs: 'policy' },
  { name: 'prune', run: 'prune --quiet', at: '45 5 * * *' },
  { name: 'check', run: 'check --read-data --quiet', at: '0 6 * * 0' },
  { name: 'report', run: 'report --send --quiet', at: '0 7 * * *', needs: 'daily' },
  { name: 'report', run: 'report --send --period week --quiet', at: '0 7 * * 1', needs: 'weekly' },
  { name: 'report', run: 'report --send --period month --quiet', at: '0 7 1 * *', needs: 'monthly' },
  { name: 'notify', run: 'notify flush --quiet', at: '*/5 * * * *', needs: 'transports', unrecorded: true },
  { name: 'auth', run: 'auth refresh --quiet', at: '20 6 * * 1', needs: 'accounts' },
  { name: 'standby', run: 'standby prepare --check --quiet', at: '10 6 * * *', needs: 'standby' },
  { name: 'rehearse', run: 'standby rehearse --quiet', at: '40 6 * * 1', needs: 'rehearsal' },
  { name: 'links', run: 'links expire --quiet', at: '35 * * * *', needs: 'links' },
];
