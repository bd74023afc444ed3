/** Where files of the schedule go, and telling systemd of them. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import type { PlannedFile } from '../../schedule/install.ts';
import type { Scheduler } from '../../schedule/jobs.ts';
import { run } from '../../system/exec.ts';

export interface FilesPlace {
  scheduler: Scheduler;
  /** Where the files go. */
  directory: string;
  /** Below another root: nothing is started, and nothing is written down. */
  elsewhere: boolean;
}

/** Whether systemd runs this host (sd_booted(3)). */
function isSystemdRunning(): boolean {
  return existsSync('/run/systemd/system');
}

/**
 * systemd where it runs, or where files go below another root; cron where it was asked for, or where there is no systemd.
 * @throws MailrecoverError `failed` where there is neither
 */
export function filesPlace({ root, crontab }: { root: string | undefined; crontab: boolean }): FilesPlace {
  const elsewhere = root !== undefined;
  const top = resolve(root ?? '/');
  if (!crontab && (elsewhere || isSystemdRunning())) return { scheduler: 'systemd', directory: join(top, 'etc/systemd/system'), elsewhere };
  const directory = join(top, 'etc/cron.d');
  if (!elsewhere && !existsSync(directory)) {
    throw new MailrecoverError('failed', `neither systemd runs here nor is there '${directory}'`, {
      hint: "install cron, or write the files elsewhere: 'mailrecover schedule install --root DIR'",
    });
  }
  return { scheduler: 'cron', directory, elsewhere };
}

/** Has systemd read its files anew. @throws MailrecoverError `failed` */
export async function reloadSystemd(): Promise<void> {
  await systemctl('daemon-reload');
}

export async function systemctl(...args: string[]): Promise<void> {
  await run('systemctl', args, { timeoutMs: 120_000 });
}

/**
 * Of the units that go, those that systemd started at boot: timers, and services without a timer. A service that its timer started may end by itself.
 */
export function startedUnits(files: readonly PlannedFile[]): string[] {
  const units = files
    .filter(({ path, action }) => action === 'remove' && /\.(?:timer|service)$/.test(path))
    .map(({ path }) => basename(path));
  return units.filter((unit) => !unit.includes('@') && (unit.endsWith('.timer') || !units.includes(unit.replace(/service$/, 'timer'))));
}
