/** What has systemd stop mail where there is no lease: units as files, for `standby lease --install`. */
import { withInstances } from '../units.ts';

export const LEASE_UNIT = 'mailrecover-lease.service';
export const SERVING_UNIT = 'mailrecover-serving.service';
const RUNTIME = 'mailrecover-lease';
/** There as long as the lease is. */
export const HELD = `/run/${RUNTIME}/held`;
const DROP_IN = 'mailrecover-lease.conf';

export interface LeaseUnits {
  /** The program and its arguments, each quoted for systemd. */
  command: readonly string[];
  seconds: number;
  stopSeconds: number;
  /** Mail services. */
  services: readonly string[];
}

/**
 * The files below `/etc/systemd/system`. The program that holds the lease is one unit; a second is up as long as the lease is there, and mail services are bound
 * to that (BindsTo=, systemd.unit(5)): they are stopped when the lease ends, however it ends, and fail to start where it does not come soon. A program that
 * hangs is ended by systemd's watchdog, well before the time of the lease is over.
 */
export function leaseUnits({ command, seconds, stopSeconds, services }: LeaseUnits): { path: string; text: string }[] {
  const section = (name: string, lines: readonly string[]): string => [`[${name}]`, ...lines, ''].join('\n');
  const lease = [
    section('Unit', [
      'Description=Holds the lease by which this host serves mail (mailrecover standby lease)',
      'Wants=network-online.target',
      'After=network-online.target',
      'StartLimitIntervalSec=0',
    ]),
    section('Service', [
      'Type=notify',
      'NotifyAccess=all',
      // Gone with the program, also where that is killed.
      `RuntimeDirectory=${RUNTIME}`,
      `ExecStart=${command.join(' ')}`,
      `WatchdogSec=${Math.floor(seconds / 2)}`,
      'Restart=always',
      'RestartSec=2',
      'SuccessExitStatus=143',
      'TimeoutStopSec=5',
      'OOMScoreAdjust=-900',
    ]),
    section('Install', ['WantedBy=multi-user.target']),
  ].join('\n');
  const serving = [
    section('Unit', ['Description=This host has the lease and may serve mail', `BindsTo=${LEASE_UNIT}`, `After=${LEASE_UNIT}`]),
    section('Service', [
      'Type=oneshot',
      'RemainAfterExit=yes',
      `ExecStart=/bin/sh -c 'until test -e ${HELD}; do sleep 0.2; done'`,
      'TimeoutStartSec=30',
    ]),
  ].join('\n');
  const bound = [
    section('Unit', [`BindsTo=${SERVING_UNIT}`, `After=${SERVING_UNIT}`]),
    // No session goes on without its master, whatever the unit itself says.
    section('Service', [`TimeoutStopSec=${stopSeconds}`, 'KillMode=control-group', 'SendSIGKILL=yes']),
  ].join('\n');
  return [
    { path: LEASE_UNIT, text: lease },
    { path: SERVING_UNIT, text: serving },
    ...withInstances(services).map((unit) => ({ path: `${unit}.d/${DROP_IN}`, text: bound })),
  ];
}
