import { notifyOf } from './notify-config.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'notify flush',
  summary: 'send what waits in the spool',
  description: [
    'Sends mails whose time has come; run it from a timer every few minutes. Several for the same recipients go as one mail that holds them all, and what is late says so. Two runs never send the same mail at once.',
  ],
  arguments: {},
  options: {
    all: { kind: 'flag', description: 'also mails whose time has not come, and those that were refused for good' },
    dryRun: { kind: 'flag', description: 'only say what would be sent' },
  },
  examples: [
    { command: 'mailrecover notify flush --quiet', says: 'From a timer.' },
    { command: 'mailrecover notify flush --all', says: 'After a transport was mended.' },
  ],
  exitCodes: {
    0: 'nothing that was due waits any longer',
    1: 'some mail could not be sent',
    3: 'some was sent, some not',
    12: 'a credential is missing or refused',
    13: 'nobody could be reached',
  },
  json: {
    due: 'ids of what would be sent, with --dry-run',
    sent: 'ids of the mails that were sent',
    waiting: 'ids of those that wait',
    'counts.sent': 'how many were sent',
    'counts.waiting': 'how many wait',
  },
  recordsHistory: 'all',
  async run(context, _args, { all, dryRun }): Promise<CommandResult> {
    const { delivery } = await notifyOf(context);
    const [{ flush }, { openSpool }, { now }] = await Promise.all([
      import('../notify/deliver.ts'),
      import('../notify/spool.ts'),
      import('../system/clock.ts'),
    ]);
    if (dryRun) {
      const { mails } = await openSpool(delivery.state, delivery.reserve).list();
      const due = mails.filter(({ state }) => all || (state.nextAt !== undefined && state.nextAt <= now()));
      return {
        outcome: 'ok',
        counts: { sent: 0, waiting: mails.length },
        fields: { due: due.map(({ mail }) => mail.id), waiting: mails.map(({ mail }) => mail.id) },
        render: (text) => text.say`${text.number(due.length)} of ${text.number(mails.length)} mails would be sent`,
      };
    }
    const { sent, waiting, findings } = await flush({ ...delivery, all, now: false });
    const failed = findings.some(({ severity }) => severity === 'error');
    return {
      outcome: failed ? (sent.length > 0 ? 'partial' : 'failed') : findings.length > 0 ? 'warning' : 'ok',
      counts: { sent: sent.length, waiting: waiting.length },
      findings,
      fields: { sent: sent.map(({ mail }) => mail.id), waiting: waiting.map(({ mail }) => mail.id) },
      render: (text) => text.say`${text.number(sent.length)} sent, ${text.number(waiting.length)} waiting`,
    };
  },
});
