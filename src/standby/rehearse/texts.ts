/** Messages that are sent, and settings of Postfix. */
import { isoNow } from '../../system/clock.ts';

export const INBOUND = {
  subject: 'mailrecover: rehearsal of a standby mail server',
  text: 'This message shows that a standby takes mail. It is not delivered.\n',
  headers: { 'Auto-Submitted': 'auto-generated' },
} as const;

export const HOLD = 'check_client_access static:HOLD';
export const SMTP_SERVICE = 'smtp/inet=smtp inet n - n - - smtpd';
export const LOG_SERVICE = 'postlog/unix-dgram=postlog unix-dgram n - n - 1 postlogd';

/** cidr_table(5): everybody else is told to come again. */
export function gateTable(allow: readonly string[]): string {
  return `${allow.map((address) => `${address} DUNNO\n`).join('')}0.0.0.0/0 DEFER mail is not taken here\n::/0 DEFER mail is not taken here\n`;
}

export function behindGate(gate: string, before: string): string {
  return `check_client_access cidr:${gate}${before === '' ? '' : `, ${before}`}`;
}

/** The message that goes out. */
export function message({ from, to, id, host }: { from: string; to: string; id: string; host: string }): string {
  return [
    `From: <${from}>`,
    `To: <${to}>`,
    'Subject: mailrecover: rehearsal of a standby mail server',
    // RFC 5322, section 3.3.
    `Date: ${rfcDate(isoNow())}`,
    `Message-ID: ${id}`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `This message shows that mail gets out of ${host}. It may be deleted.`,
    '',
  ].join('\n');
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function rfcDate(iso: string): string {
  const [, year = '', month = '', day = '', time = ''] = /^(\d+)-(\d+)-(\d+)T([\d:]+)/.exec(iso) ?? [];
  const weekday = DAYS[Math.floor(Date.parse(`${year}-${month}-${day}T00:00:00Z`) / 86_400_000 + 4) % 7] ?? '';
  return `${weekday}, ${day} ${MONTHS[Number(month) - 1] ?? ''} ${year} ${time} +0000`;
}
