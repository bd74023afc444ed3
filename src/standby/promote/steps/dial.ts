/** Serving at once where there is no current mail: empty mailboxes, whose history comes later. */
import type { Finding } from '../../../errors/finding.ts';
import { isoTime } from '../../../system/clock.ts';
import type { DialCounts } from '../../dial/model.ts';
import { spanOf } from '../loss.ts';
import type { PromoteOptions } from '../options.ts';
import type { Step } from '../step.ts';
import type { StepContext } from './context.ts';

/** From when on a mailbox counts as current: what is missing in it is within what was approved. @param at milliseconds since 1970 */
export function keepSince(approved: Pick<PromoteOptions, 'allowedLoss' | 'allowLoss'>, at: number): string {
  return isoTime(Math.max(0, at - spanOf(approved) * 1000));
}

export function dialStep(options: PromoteOptions, { head, startedAt }: Pick<StepContext, 'head' | 'startedAt'>): Step {
  const { to, sync } = options;
  const { run, epoch } = head;
  let counts: DialCounts | undefined;
  return {
    id: 'dial-tone',
    title: 'begin mailboxes anew that are not current',
    plan: [
      `on ${to.name}: mailboxes that were synchronised within what is approved to be lost stay as they are`,
      'every other one is moved aside, and an empty one with its folders, subscriptions and filters takes its place',
    ],
    undo: 'the empty mailboxes go, and what was moved aside is where it was',
    once: true,
    check: async () => false,
    async apply() {
      counts = await sync.dial(run, epoch, keepSince(options, Date.parse(startedAt)), false);
    },
    verify: async () =>
      counts === undefined
        ? []
        : [
            `mailboxes of ${to.name}: ${counts.kept} current, ${counts.anew} begun anew; what these had is kept beside them in ${counts.aside}`,
          ],
    rollback: () => sync.undial(run, epoch),
  };
}

const SECONDS = 900;

/** Opens every INBOX once: what can't be opened would receive nothing. */
export function mailboxesStep({ to }: PromoteOptions): Step {
  let evidence: string[] = [];
  return {
    id: 'mailboxes',
    title: 'see that every mailbox opens',
    plan: [`on ${to.name}: have Dovecot open the INBOX of every account, which makes those that are not there`],
    once: true,
    check: async () => false,
    async apply() {
      const { exitCode, stdout, stderr } = await to.run(['doveadm', '-f', 'tab', 'mailbox', 'status', '-A', 'messages', 'INBOX'], {
        ok: 'any',
        seconds: SECONDS,
      });
      const opened = Math.max(0, stdout.split('\n').filter((line) => line !== '').length - 1);
      evidence = [`accounts of ${to.name} whose INBOX opens: ${opened}`];
      const findings: Finding[] = [
        {
          severity: 'warning',
          code: 'dial-tone',
          message: `mailboxes that began anew receive and send, and have no history yet`,
          hint: `on ${to.name}: mailrecover restore --behind; name those who can't wait with --first`,
          subject: to.name,
        },
      ];
      if (exitCode === 0) return findings;
      const said = stderr.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
      findings.push({
        severity: 'warning',
        code: 'mailboxes',
        message: `not every mailbox of '${to.name}' could be opened${said === '' ? '' : `: ${said}`}`,
        hint: 'look there: doveadm mailbox status -A messages INBOX',
        subject: to.name,
      });
      return findings;
    },
    verify: async () => evidence,
  };
}
