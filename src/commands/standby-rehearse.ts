import type { Config } from '../config/schema.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Rehearsed, RehearseOptions } from '../standby/rehearse/rehearse.ts';
import { readAuthority } from './standby/authority.ts';
import { readSecret } from '../system/secret.ts';
import { placeOf } from './from-config.ts';
import { agentOn } from './standby/agents.ts';
import { directionNow, type Direction } from './standby/hosts.ts';
import { hostNamed, pairOf } from './standby/pair.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'standby rehearse',
  summary: 'send real mail from the standby and to it, before the day',
  description: [
    "Starts a Postfix on the standby for a minute, with the configuration that is there and a queue of its own, and sends a real message through it to a mailbox somewhere else: by the standby's own way out, its address or its relay, its filters and DKIM keys. So a closed port 25, a block list, SPF, DKIM and PTR show before the day on which they count. Where that mailbox is read over IMAP, what the receiver found is told, and whether the message was taken for junk; the message is deleted there afterwards.",
    "Then a message is sent to port 25 of the standby. It is taken by the standby's own rules, with its certificate, and is not delivered: mail of others is told to come again meanwhile. Nothing of the standby's services is started, and its queue is not touched.",
    'Make it a job of the schedule: ways out close without a word.',
  ],
  arguments: {},
  options: { dryRun: { kind: 'flag', description: 'say what would be sent, and send nothing' } },
  examples: [
    { command: 'mailrecover standby rehearse', says: 'See whether mail gets out of the standby, and into it.' },
    { command: 'mailrecover standby rehearse --quiet', says: 'From a timer, once a week.' },
  ],
  exitCodes: {
    0: 'mail got out and in, perhaps with warnings',
    1: 'mail did not get out or in, or arrived without what makes others trust it',
    10: 'the repository, which says who serves, is not there',
    11: 'a switch is under way',
    12: 'the mailbox somewhere else does not let us in',
    13: 'the standby, the mailbox somewhere else or the repository could not be reached',
    20: 'the host that would be rehearsed serves',
  },
  json: {
    host: 'the host that was rehearsed',
    dryRun: 'true where nothing was sent',
    'evidence[]': 'what was proved',
    'out.{status,relay,dsn,said}': "how the message left: Postfix's status, who took it, and what was said",
    'judged.{results,from,signatures}':
      'what the receiver found (spf, dkim, dmarc), the address that it saw, and the signatures that the message carried',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const config = await context.config();
    const { target } = await placeOf(context);
    const way = await directionNow(config, target);
    const wanted = await optionsOf(context, config, way);
    if (options.dryRun) return planned(wanted);
    const { rehearse } = await import('../standby/rehearse/rehearse.ts');
    const agent = await agentOn(context, way.to, way);
    const done = await rehearse({ ...wanted, standby: { ...wanted.standby, agent } });
    return result(way, done);
  },
});

type Wanted = Omit<RehearseOptions, 'standby'> & { standby: Omit<RehearseOptions['standby'], 'agent'> };

async function optionsOf(context: CommandContext, config: Config, way: Direction): Promise<Wanted> {
  const { rehearsal, prepare, proof } = pairOf(config);
  if (rehearsal === undefined)
    throw new MailrecoverError('config', 'no mailbox somewhere else is named, to which the standby could send', {
      hint: "name one under 'standby.rehearsal' in the configuration; docs/standby-prepare.md says how",
    });
  const { from, to, imap, user, password, wait } = rehearsal;
  const { namesBy } = await import('../standby/prepare/dns/ask.ts');
  const { address, ssh } = hostNamed(config, way.to);
  const outside =
    imap === undefined || password === undefined
      ? undefined
      : {
          imap,
          user: user ?? to,
          password: await readSecret(password, `the password of ${user ?? to}`),
          ca: await readAuthority(rehearsal.caFile),
        };
  return {
    standby: { name: way.to, address: address ?? ssh?.host ?? '127.0.0.1' },
    from,
    to,
    outside,
    inbound: {
      from: proof?.from ?? to,
      to: proof?.to ?? from,
      server: { port: 25, security: proof?.smtp.port === 25 ? proof.smtp.security : 'none', name: proof?.smtp.name },
      ca: await readAuthority(proof?.caFile),
    },
    lists: rehearsal.blockLists,
    names: namesBy(prepare.resolvers ?? config.system?.resolvers),
    waitMs: wait * 1000,
    progress: context.progress,
    signal: context.signal,
  };
}

function planned({ standby, from, to, inbound, lists, outside }: Wanted): CommandResult {
  return {
    outcome: 'ok',
    fields: { host: standby.name, dryRun: true, evidence: [] },
    render: (text) =>
      [
        text.bold(text.say`what would be sent, by a Postfix of its own on '${standby.name}':`),
        text.say`a message from ${from} to ${to}`,
        ...(outside === undefined ? [] : [text.say`looked for at ${outside.imap.host}, and deleted there`]),
        text.say`a message from ${inbound.from} to ${inbound.to}, into ${standby.address}, and not delivered`,
        ...(lists.length === 0 ? [] : [text.say`block lists that are asked: ${lists.join(', ')}`]),
        text.dim(text.say`nothing was changed`),
      ].join('\n'),
  };
}

function result({ to }: Direction, { findings, evidence, out, judged }: Rehearsed): CommandResult {
  const failed = findings.some(({ severity }) => severity === 'error');
  const order = ['error', 'warning', 'info'];
  return {
    outcome: failed ? 'failed' : findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
    ...(failed ? { cause: 'failed' as const, exit: 1 } : {}),
    findings: findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity)),
    fields: {
      host: to,
      dryRun: false,
      evidence,
      out:
        out === undefined ? null : { status: out.status ?? null, relay: out.relay ?? null, dsn: out.dsn ?? null, said: out.said ?? null },
      judged: judged ?? null,
    },
    render: (text) => screen(to, failed, evidence, text),
  };
}

function screen(host: string, failed: boolean, evidence: readonly string[], text: TextHelpers): string {
  return [
    failed
      ? text.red(text.bold(text.say`'${host}' could not send and take mail as it is`))
      : text.green(text.bold(text.say`mail gets out of '${host}', and into it`)),
    ...evidence.map((line) => `  ${line}`),
  ].join('\n');
}
