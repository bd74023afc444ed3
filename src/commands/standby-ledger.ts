import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { LostMessage } from '../standby/ledger/accepted.ts';
import { placeOf } from './from-config.ts';
import { directionNow, sinkOn, sourceOn } from './standby/hosts.ts';
import { otherHost, syncStores, thisHost } from './standby/pair.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'standby ledger',
  summary: 'name the mail that a dead host accepted and this one does not have, with its senders',
  description: [
    "Whatever the host that serves accepts stands in Postfix's log: queue id, Message-ID, sender and recipients. `standby sync` brings that to the other host each time, and with --follow this command does so every second, as a service on the host that serves. After a switch away from a host that died, what it had accepted and nobody has can be named, so that the senders can be asked again.",
    'Run without options on the host that serves after a forced switch. A message counts as lost where none of its mailboxes here has its Message-ID, or where it still lay in the queue of the dead host; when that comes back, `standby failback` merges what lay in its mailboxes, and its queue goes on once it serves again. Messages that somebody has deleted here since are named as well: standby promote makes the list at the moment of the switch, and keeps it in its result.',
    'What was accepted after the last word of the ledger can not be named; when that was is told.',
  ],
  arguments: {},
  options: {
    follow: {
      kind: 'flag',
      description: 'on the host that serves: bring what it accepts to the other host every second, until it is stopped',
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
    11: 'with --follow: a switch is under way',
    13: 'with --follow: the other host went away',
    20: 'there is no ledger; with --follow: this host does not serve, or Postfix logs to no file',
  },
  json: {
    host: 'the host that accepted the mail',
    until: 'what it accepted until then is known; what came later is not (UTC)',
    since: 'of what was accepted before, all is here (UTC)',
    'counts.lost': 'messages that are missing',
    'lost[].{queue,at,id,from,to}':
      'each of them: queue id, time of acceptance, Message-ID, envelope sender, recipients that did not get it',
    'lost[].lay': '`mailbox`: it was delivered on the dead host; `queue`: it was not',
  },
  async run(context, _args, options): Promise<CommandResult> {
    return options.follow ? follow(context) : show(context);
  },
});

const TURN_MS = 1000;

async function follow(context: CommandContext): Promise<CommandResult> {
  const config = await context.config();
  const me = thisHost(config).name;
  const { target } = await placeOf(context);
  const way = await directionNow(config, target);
  if (way.from !== me)
    throw new MailrecoverError('refused', `'${way.from}' serves, and this is '${me}'`, { hint: `run it on '${way.from}'`, subject: me });
  const [{ shipAccepted }, { sleep }, { tellSystemd }] = await Promise.all([
    import('../standby/sync/sync.ts'),
    import('../system/clock.ts'),
    import('../system/notify-systemd.ts'),
  ]);
  const source = await sourceOn(context, me, way, []);
  const sink = await sinkOn(context, target, way);
  await tellSystemd('--ready');
  for (;;) {
    const until = await shipAccepted(source, sink);
    if (until === undefined)
      throw new MailrecoverError('refused', 'there is no log of Postfix that could be read', {
        hint: "name it under 'standby: { ledger: { log: … } }', or have Postfix write one: postconf -e maillog_file=/var/log/postfix.log",
      });
    await sleep(TURN_MS, context.signal);
    context.signal.throwIfAborted();
  }
}

async function show(context: CommandContext): Promise<CommandResult> {
  const config = await context.config();
  const host = otherHost(config, thisHost(config).name).name;
  const { lostMail } = await import('../standby/ledger/lost.ts');
  const lost = await lostMail(config.state, host, syncStores(config), context.signal);
  if (lost === undefined)
    throw new MailrecoverError('refused', `nothing is known here of what '${host}' accepted`, {
      hint: "before the day: 'mailrecover standby sync' from a timer, and 'mailrecover standby ledger --follow' as a service on the host that serves",
      subject: host,
    });
  const { messages, until, since } = lost;
  const findings = messages.length === 0 ? [] : [lostFinding(host, messages, until, 'they are above, with their senders')];
  return {
    outcome: messages.length === 0 ? 'ok' : 'failed',
    cause: 'failed',
    counts: { lost: messages.length },
    findings,
    fields: { host, until, since: since === '' ? null : since, lost: messages },
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
                lay === 'queue' ? text.say`in its queue` : '',
              ]),
            ),
        text.dim(text.say`what '${host}' accepted after ${text.time(until)} is not known`),
      ].join('\n\n'),
  };
}

/** What of a dead host's mail is missing, in one sentence. */
export function lostFinding(host: string, messages: readonly LostMessage[], until: string, hint: string): Finding {
  const queued = messages.filter(({ lay }) => lay === 'queue').length;
  return {
    severity: 'warning',
    code: 'lost-mail',
    message: `of the mail that '${host}' accepted, ${messages.length} messages are not here, ${queued} of them in its queue; what it accepted after ${until} is not known`,
    hint,
    subject: host,
  };
}
