/** What there is to say of telling people: reports that did not get out, accounts that will stop working. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { SpooledMail } from '../../notify/spool.ts';
import type { Report } from '../../report/report/model.ts';
import { isoTime } from '../../system/clock.ts';
import type { CommandContext } from '../types.ts';

export interface MailState {
  spool: Report['spool'];
  findings: Finding[];
}

/** Looks, and sends nothing. Nothing is said where `notify` is not configured. @throws MailrecoverError `config` */
export async function mailState(context: CommandContext): Promise<MailState> {
  if ((await context.config()).notify === undefined) return { spool: undefined, findings: [] };
  try {
    const [{ notifyOf }, { openSpool }, { damagedFinding }, { accountFindings }] = await Promise.all([
      import('../notify-config.ts'),
      import('../../notify/spool.ts'),
      import('../../notify/deliver.ts'),
      import('../auth-status.ts'),
    ]);
    const notify = await notifyOf(context);
    const { mails, damaged } = await openSpool(notify.delivery.state, notify.delivery.reserve).list();
    const refused = mails.filter(({ state }) => state.nextAt === undefined);
    const waiting = mails.filter(({ state }) => state.nextAt !== undefined);
    const [oldest] = mails;
    return {
      spool: {
        waiting: waiting.length,
        refused: refused.length,
        oldest: oldest === undefined ? undefined : isoTime(oldest.mail.writtenAt),
      },
      findings: [
        ...damaged.map(damagedFinding),
        ...(refused.length === 0 ? [] : [stuck(refused, 'error')]),
        ...(waiting.length === 0 ? [] : [stuck(waiting, 'warning')]),
        ...(await accountFindings(notify)),
      ],
    };
  } catch (error) {
    if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
    return {
      spool: undefined,
      findings: [{ severity: 'warning', code: 'spool', message: `what waits to be sent can't be read: ${error.message}` }],
    };
  }
}

function stuck(mails: readonly SpooledMail[], severity: 'error' | 'warning'): Finding {
  const [oldest] = mails;
  const why = oldest?.state.said.at(-1);
  const because = why === undefined ? '' : `: ${why.transport}: ${why.refusal.message}`;
  const since = `${isoTime(oldest?.mail.writtenAt ?? 0)}${because}`;
  const { length } = mails;
  return {
    severity,
    code: severity === 'error' ? 'mail-refused' : 'mail-waiting',
    message:
      severity === 'error'
        ? `${length} ${length === 1 ? 'report' : 'reports'} refused for good, the oldest of ${since}`
        : `${length} ${length === 1 ? 'report' : 'reports'} not sent yet, the oldest of ${since}`,
    hint:
      severity === 'error' && why !== undefined
        ? `${why.refusal.hint}; then: mailrecover notify flush --all`
        : "see why: 'mailrecover notify status'; send now: 'mailrecover notify flush --all'",
  };
}
