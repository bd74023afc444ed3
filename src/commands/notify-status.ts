import type { Finding } from '../errors/finding.ts';
import { notifyOf } from './notify-config.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'notify status',
  summary: 'see what waits to be sent, and why',
  description: [
    'Shows the transports in their order and the mails in the spool: for whom each waits, how often it was tried, when it is tried again, and what was said. It sends nothing.',
  ],
  arguments: {},
  options: {},
  examples: [{ command: 'mailrecover notify status', says: 'See whether a message is stuck.' }],
  exitCodes: { 0: 'nothing waits, or it is tried again by itself', 1: 'a mail is refused for good, or damaged' },
  json: {
    'transports[].{name,kind,from}': 'the ways of sending, in order',
    'spool[].{id,subject,writtenAt,left,attempts,nextAt}': 'mails that wait; without nextAt one is tried again only by flush --all',
    'spool[].said[].{transport,code,message,hint,said}': 'what each transport said last',
    reserved: 'whether the space for the day of the full disk is set aside',
    'counts.waiting': 'how many mails wait',
    'counts.refused': 'how many are refused for good',
  },
  async run(context): Promise<CommandResult> {
    const { delivery, to } = await notifyOf(context);
    const [{ shownSender }, { openSpool }, { damagedFinding }, { isoTime }] = await Promise.all([
      import('../notify/routes.ts'),
      import('../notify/spool.ts'),
      import('../notify/deliver.ts'),
      import('../system/clock.ts'),
    ]);
    const spool = openSpool(delivery.state, delivery.reserve);
    const { mails, damaged } = await spool.list();
    const reserved = await spool.setAside();
    const findings: Finding[] = damaged.map(damagedFinding);
    for (const { mail, state } of mails) {
      const why = state.said.at(-1);
      const because = why === undefined ? '' : `: ${why.transport}: ${why.refusal.message}`;
      const refused = state.nextAt === undefined;
      findings.push({
        severity: refused ? 'error' : 'warning',
        code: refused ? 'mail-refused' : 'mail-spooled',
        message: `'${mail.subject}' ${refused ? 'is refused for good' : 'waits'}${because}`,
        hint:
          why === undefined
            ? 'mailrecover notify flush'
            : refused
              ? `${why.refusal.hint}; then: mailrecover notify flush --all`
              : why.refusal.hint,
        subject: mail.id,
      });
    }
    if (!reserved)
      findings.push({
        severity: 'warning',
        code: 'no-reserve',
        message: 'there is no room to set space aside for the day of the full disk',
        hint: `free some space in ${delivery.state}`,
      });
    if (delivery.routes.length === 0)
      findings.push({
        severity: 'warning',
        code: 'no-transport',
        message: 'no transport is configured, so nobody is told',
        hint: "add 'notify.transports' to the configuration",
      });
    if (to.length === 0 && !(delivery.routes.length > 0 && delivery.routes.every(({ kind }) => kind === 'webhook')))
      findings.push({
        severity: 'warning',
        code: 'no-recipient',
        message: 'nobody is named to be told',
        hint: "add 'notify.to' to the configuration",
      });
    const failed = findings.some(({ severity }) => severity === 'error');
    const refused = mails.filter(({ state }) => state.nextAt === undefined).length;
    return {
      outcome: failed ? 'failed' : findings.length > 0 ? 'warning' : 'ok',
      counts: { waiting: mails.length - refused, refused },
      findings,
      fields: {
        transports: delivery.routes.map((route) => ({ name: route.name, kind: route.kind, from: shownSender(route) })),
        spool: mails.map(({ mail, state }) => ({
          id: mail.id,
          subject: mail.subject,
          writtenAt: isoTime(mail.writtenAt),
          left: state.left,
          attempts: state.attempts,
          ...(state.nextAt === undefined ? {} : { nextAt: isoTime(state.nextAt) }),
          said: state.said.map(({ transport, refusal }) => ({ transport, ...refusal })),
        })),
        reserved,
      },
      render: (text) =>
        [
          text.table(
            delivery.routes.map((route) => [route.name, route.kind, shownSender(route)]),
            { head: [text.say`transport`, text.say`kind`, text.say`from`] },
          ),
          mails.length === 0
            ? text.green(text.say`nothing waits`)
            : text.table(
                mails.map(({ mail, state }) => [
                  text.time(isoTime(mail.writtenAt)),
                  mail.subject,
                  state.left.join(', '),
                  text.number(state.attempts),
                  state.nextAt === undefined ? text.red(text.say`refused`) : text.time(isoTime(state.nextAt)),
                ]),
                { head: [text.say`written`, text.say`subject`, text.say`for`, text.say`tries`, text.say`next`], right: [3] },
              ),
        ]
          .filter((part) => part !== '')
          .join('\n\n'),
    };
  },
});
