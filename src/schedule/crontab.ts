/** A file for /etc/cron.d, where there is no systemd. */
import { MailrecoverError } from '../errors/error.ts';
import { plainCron } from './cron.ts';
import type { Schedule } from './jobs.ts';
import { crontabWord } from './quote.ts';
import type { Host } from './systemd/units.ts';
import { localZone } from '../system/zone.ts';

/**
 * @throws MailrecoverError `config` where cron can't do what the schedule asks: another time zone than the host's
 */
export function crontab({ jobs, timeZone }: Schedule, host: Host): string {
  if (timeZone !== undefined && timeZone !== localZone()) {
    throw new MailrecoverError('config', `cron knows the clock of this host (${localZone()}) only, and the schedule asks for ${timeZone}`, {
      hint: "write the times for the host's clock and take 'timeZone' out of 'schedule'",
    });
  }
  const lines = ['SHELL=/bin/sh', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ''];
  for (const { at, words } of jobs) {
    const when = at === undefined ? '@reboot' : plainCron(at);
    const command = [host.program, '--config', host.config, ...words].map(crontabWord).join(' ');
    lines.push(`${when}\t${host.user}\t${command}`);
  }
  return `${lines.join('\n')}\n`;
}
