/** Sending a report, and saying what came of it. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Message } from '../../notify/message.ts';
import type { Told } from '../../report/report/told.ts';
import { writeTold } from '../../report/report/told-file.ts';
import type { Notify } from '../notify-config.ts';
import type { CommandContext } from '../types.ts';

export interface Sent {
  /** As `deliver` says, or `lost` where not even that could be tried. */
  status: 'delivered' | 'spooled' | 'refused' | 'lost';
  id: string | undefined;
  subject: string;
  to: readonly string[];
  left: readonly string[];
  /** Whether it was kept or sent, so that nobody need be told again. */
  told: boolean;
  findings: readonly Finding[];
}

/** Never throws for what stands in the way of the message. @throws whatever the signal is aborted with, when nothing was kept */
export async function sendMessage(context: CommandContext, notify: Notify, message: Message): Promise<Sent> {
  const { deliver } = await import('../../notify/deliver.ts');
  const { subject, to } = message;
  try {
    const { status, id, left, findings } = await deliver(message, notify.delivery);
    const details = findings.map((each): Finding => (each.severity === 'error' ? { ...each, severity: 'warning' } : each));
    const problem = status === 'delivered' ? [] : [notSent(status, left, findings)];
    return {
      status,
      id,
      subject,
      to,
      left,
      told: status !== 'lost',
      findings: [...problem, ...details.filter(({ code }) => !SAID.has(code))],
    };
  } catch (error) {
    // It went into the spool before anything else was done.
    if (context.signal.aborted) return failed('spooled', message, 'the run was stopped', true);
    if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
    return failed('lost', message, error.message, false, error.hint);
  }
}

/** Said by {@link notSent} already. */
const SAID = new Set(['mail-spooled', 'mail-refused']);

function failed(status: Sent['status'], { subject, to }: Message, why: string, told: boolean, hint?: string): Sent {
  const message = `the report is ${status === 'spooled' ? 'not sent yet' : 'lost'}: ${why}`;
  return {
    status,
    id: undefined,
    subject,
    to,
    left: to,
    told,
    findings: [{ severity: 'error', code: 'report-not-sent', message, hint: hint ?? 'mailrecover notify flush --all' }],
  };
}

function notSent(status: 'spooled' | 'refused' | 'lost', left: readonly string[], findings: readonly Finding[]): Finding {
  const because = [...new Set(findings.filter(({ code }) => !SAID.has(code)).map(({ message }) => message))].slice(0, 3).join('; ');
  const why = `${left.length === 0 ? '' : ` (for ${left.join(', ')})`}${because === '' ? '' : `: ${because}`}`;
  const message = {
    spooled: `the report is not sent yet, and is tried again${why}`,
    refused: `the report is refused by every transport, and is kept${why}`,
    lost: `the report is lost, it could be neither sent nor kept${why}`,
  }[status];
  return {
    severity: 'error',
    code: 'report-not-sent',
    message,
    hint:
      status === 'lost'
        ? 'free some space, then: mailrecover report --send'
        : "see why: 'mailrecover notify status'; send now: 'mailrecover notify flush --all'",
  };
}

/** Keeps what was told; where that can't be (a full disk), it is told once more next time. */
export async function remember({ delivery }: Notify, key: string, told: Told | undefined): Promise<readonly Finding[]> {
  const { state, reserve } = delivery;
  const { openSpool } = await import('../../notify/spool.ts');
  const spool = openSpool(state, reserve);
  try {
    // On a full disk people would else be told again by every run.
    await spool.withReserve(() => writeTold(state, key, told));
    await spool.setAside();
    return [];
  } catch (error) {
    if (!(error instanceof MailrecoverError) || error.code === 'bug') throw error;
    return [
      {
        severity: 'warning',
        code: 'told-unkept',
        message: `that people were told can't be kept, so they will be told again: ${error.message}`,
      },
    ];
  }
}
