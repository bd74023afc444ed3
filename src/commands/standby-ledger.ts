import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Lost } from '../standby/ledger/lost.ts';
import { otherHost, syncStores, thisHost } from './standby/pair.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'standby ledger',
  summary: 'name the mail that a dead host accepted and this one does not have, with its senders',
  description: [
    "Whatever the host that serves accepts stands in Postfix's log: queue id, Message-ID, sender and recipients. `standby sync` brings that to the other host each time, and with --follow this command does so as the log grows, as a service on the host that serves. After a switch away from a host that died, what it had accepted and nobody has can be named, so that the senders can be asked again.",
    'Run without options on the host that serves after a forced switch. A message counts as lost where none of its mailboxes here has its Message-ID, or where it still lay in the queue of the dead host; when that comes back, `standby failback` merges what lay in its mailboxes, and its queue goes on once it serves again. Messages that somebody has deleted here since are named as well: standby promote makes the list at the moment of the switch, and keeps it in its result.',
    'What was accepted after the last word of the ledger can not be named; when that was is told. To have no such gap for what comes by SMTP, set standby.ledger.wait, and let Postfix ask before it accepts (docs/standby.md has the line for main.cf): each message is written down on the other host before its sender hears that it was accepted. Mail goes first: it waits so long at most, and not at all where the other host does not answer.',
  ],
  arguments: {},
  options: {
    follow: {
      kind: 'flag',
      description: 'on the host that serves: bring what it accepts to the other host as it comes, until it is stopped',
    },
  },
  examples: [
    { command: 'mailrecover standby ledger', says: 'After a forced switch: whose mail is missing?' },
    { command: 'mailrecover standby ledger --follow --quiet', says: 'Keep the list, as a service does on the host that serves.' },
  ],
  exitCodes: {
    0: 'nothing that is known is missing; with --follow: it was told to stop',
    1: 'messages are missing, and are named',
    10: 'the repository, which says who serves, is not there',
    11: 'with --follow: a switch is under way, or another such program answers Postfix',
    13: 'with --follow: the repository does not answer; a host that does not is tried again',
    20: 'there is no ledger; with --follow: this host does not serve, or Postfix logs to no file',
  },
  json: {
    host: 'the host that accepted the mail',
    until: 'what it accepted until then is known; what came later is not (UTC)',
    since: 'of what was accepted before, all is here (UTC)',
    asked:
      'whether Postfix told this host of each message before it accepted it: what came by SMTP later is named, too, as far as the hosts reached each other then',
    'counts.lost': 'messages that are missing',
    'lost[].{queue,at,id,from,to}':
      'each of them: queue id, time of acceptance, Message-ID, envelope sender, recipients that did not get it',
    'lost[].lay':
      '`mailbox`: it was delivered on the dead host; `queue`: it was not; `incoming`: it was about to be accepted, and nobody knows whether its sender heard that it was',
  },
  async run(context, _args, options): Promise<CommandResult> {
    if (!options.follow) return show(context);
    const { follow } = await import('./standby/follow.ts');
    return follow(context);
  },
});

async function show(context: CommandContext): Promise<CommandResult> {
  const config = await context.config();
  const host = otherHost(config, thisHost(config).name).name;
  const { lostMail } = await import('../standby/ledger/lost.ts');
  const lost = await lostMail(config.state, host, syncStores(config), { dovecot: config.dovecot?.config, signal: context.signal });
  if (lost === undefined)
    throw new MailrecoverError('refused', `nothing is known here of what '${host}' accepted`, {
      hint: "before the day: 'mailrecover standby sync' from a timer, and 'mailrecover standby ledger --follow' as a service on the host that serves",
      subject: host,
    });
  const { messages, until, since, asked } = lost;
  const findings = messages.length === 0 ? [] : [lostFinding(host, lost, 'they are above, with their senders')];
  return {
    outcome: messages.length === 0 ? 'ok' : 'failed',
    cause: 'failed',
    counts: { lost: messages.length },
    findings,
    fields: { host, until, since: since === '' ? null : since, asked, lost: messages },
    render: (text) =>
      [
        messages.length === 0
          ? text.green(text.say`nothing that '${host}' accepted until ${text.time(until)} is known to be missing`)
          : text.table(
              messages.map(({ at, from, to, id, lay }) => [
                text.time(at),
                from === null ? text.say`(sender not logged)` : from === '' ? '<>' : from,
                to.join(', ') || text.say`(recipients not logged)`,
                id ?? text.say`(no Message-ID)`,
                lay === 'queue' ? text.say`in its queue` : lay === 'incoming' ? text.say`perhaps not accepted` : '',
              ]),
            ),
        text.dim(
          asked
            ? text.say`what '${host}' accepted after ${text.time(until)} is known as far as it came by SMTP while the hosts reached each other`
            : text.say`what '${host}' accepted after ${text.time(until)} is not known`,
        ),
      ].join('\n\n'),
  };
}

/** What of a dead host's mail is missing, in one sentence. */
export function lostFinding(host: string, { messages, until, asked }: Omit<Lost, 'since'>, hint: string): Finding {
  const queued = messages.filter(({ lay }) => lay === 'queue').length;
  const incoming = messages.filter(({ lay }) => lay === 'incoming').length;
  const rest = asked
    ? `what it accepted after ${until} is known as far as it came by SMTP while the hosts reached each other`
    : `what it accepted after ${until} is not known`;
  return {
    severity: 'warning',
    code: 'lost-mail',
    message: `of the mail that '${host}' accepted, ${messages.length} messages are not here, ${queued} of them in its queue, ${incoming} perhaps not accepted; ${rest}`,
    hint,
    subject: host,
  };
}
