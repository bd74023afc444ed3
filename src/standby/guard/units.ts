/** What has systemd ask who serves before mail is served, and now and then afterwards: units as files, for `standby guard --install`. */
import { withInstances } from '../units.ts';

export const GUARD_UNIT = 'mailrecover-guard.service';
const WATCH = 'mailrecover-guard-watch';
export const WATCH_TIMER = `${WATCH}.timer`;
const DROP_IN = 'mailrecover-guard.conf';
/** Stopping mail takes as long as that may, and telling people of it, too. */
const ACTING_SECONDS = 300;

export interface GuardUnits {
  /** The program and its arguments, each quoted for systemd; the options of the two units come behind it. */
  command: readonly string[];
  /** How long nobody may answer before mail is served or not, seconds. */
  wait: number;
  /** How often it is asked afterwards, seconds. */
  every: number;
  /** Whether mail must not be served where the guard itself fails. */
  hold: boolean;
  /** Units that wait for the answer. */
  services: readonly string[];
}

/**
 * The files below `/etc/systemd/system`. Mail services want the guard, and are started after it; it masks and stops what must not serve, which cancels what systemd
 * was about to start. So a guard that is broken keeps no mail from being served, unless that is asked for (`Requires=`). A timer asks again while the host is up.
 */
export function guardUnits({ command, wait, every, hold, services }: GuardUnits): { path: string; text: string }[] {
  const section = (name: string, lines: readonly string[]): string => [`[${name}]`, ...lines, ''].join('\n');
  const file = (...sections: readonly [string, readonly string[]][]): string => sections.map((each) => section(...each)).join('\n');
  const network = ['Wants=network-online.target', 'After=network-online.target nss-lookup.target remote-fs.target'];
  return [
    {
      path: GUARD_UNIT,
      text: file(
        ['Unit', ['Description=Asks who serves mail, before this host does (mailrecover standby guard)', ...network]],
        [
          'Service',
          [
            'Type=oneshot',
            // Once a boot: to restart a mail service is nothing that anybody need be asked for.
            'RemainAfterExit=yes',
            `ExecStart=${[...command, '--boot'].join(' ')}`,
            `TimeoutStartSec=${wait + ACTING_SECONDS}`,
          ],
        ],
      ),
    },
    {
      path: `${WATCH}.service`,
      text: file(
        ['Unit', ['Description=Asks whether another host serves mail in place of this one (mailrecover standby guard)', ...network]],
        ['Service', ['Type=oneshot', `ExecStart=${[...command, '--watch', '--quiet'].join(' ')}`, `TimeoutStartSec=${ACTING_SECONDS}`]],
      ),
    },
    {
      path: WATCH_TIMER,
      text: file(
        ['Unit', ['Description=Asks now and then whether another host serves mail in place of this one']],
        ['Timer', [`OnActiveSec=${every}`, `OnUnitInactiveSec=${every}`, 'AccuracySec=1']],
        ['Install', ['WantedBy=timers.target']],
      ),
    },
    // What begins before all services do, such as a socket, can't wait for one; the service behind it does.
    ...withInstances(services.filter((unit) => unit.endsWith('.service'))).map((unit) => ({
      path: `${unit}.d/${DROP_IN}`,
      text: file(['Unit', [`${hold ? 'Requires' : 'Wants'}=${GUARD_UNIT}`, `After=${GUARD_UNIT}`]]),
    })),
  ];
}
