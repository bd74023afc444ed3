/** Telling systemd how a service is (sd_notify(3)); Node has no datagram sockets of that kind, so `systemd-notify` does it. */
import { run } from './exec.ts';

/** Whether systemd wants to be told. */
function isAsked(): boolean {
  return (process.env['NOTIFY_SOCKET'] ?? '') !== '';
}

/** Half of the time within which systemd wants a sign of life, in milliseconds; undefined where it wants none. */
export function watchdogPeriod(): number | undefined {
  const microseconds = Number(process.env['WATCHDOG_USEC'] ?? 0);
  return isAsked() && microseconds > 0 ? microseconds / 2000 : undefined;
}

/** Tells systemd; where that fails, the service goes on, and systemd draws its own conclusions. */
export async function tellSystemd(...assignments: readonly string[]): Promise<void> {
  if (!isAsked()) return;
  await run('systemd-notify', assignments, { timeoutMs: 10_000 }).catch(() => undefined);
}

/** Writes a line into the system's log, where this runs as a service of systemd. */
export async function logToSystem(message: string): Promise<void> {
  if (!isAsked()) return;
  await run('logger', ['-t', 'mailrecover', '-p', 'daemon.warning'], { input: message, timeoutMs: 10_000 }).catch(() => undefined);
}
