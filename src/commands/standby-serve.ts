import { MailrecoverError } from '../errors/error.ts';
import type { Sink } from '../standby/sync/model.ts';
import type { Hello } from '../standby/sync/serve.ts';
import { settleOf } from './backup-options.ts';
import { placeOf } from './from-config.ts';
import { READING_EXIT_CODES } from './shared.ts';
import { agentHere } from './standby/agents.ts';
import { guardDirection, refuseWhereServed, sourceOn } from './standby/hosts.ts';
import { hostNamed, otherHost, syncStores, thisHost } from './standby/pair.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'standby serve',
  summary: 'answer the other host of the pair (standby sync runs this over SSH)',
  description: [
    "Reads this host's mail for the other host, writes what that sends, or is looked at and prepared as a whole, and talks to it over standard input and output. Nobody needs to type it: 'standby sync', 'standby prepare' and their like run it.",
    'Before every batch that changes mail here the repository is asked who serves. Where this host serves, or the other host carries an older epoch, nothing is written.',
  ],
  arguments: {},
  options: {},
  examples: [{ command: 'mailrecover standby serve', says: 'Wait for requests on standard input; an end of input ends it.' }],
  exitCodes: { 0: 'the other host has ended the conversation', ...READING_EXIT_CODES },
  json: {},
  async run(context): Promise<CommandResult> {
    const config = await context.config();
    const [{ PassThrough }, { serveSync }] = await Promise.all([import('node:stream'), import('../standby/sync/serve.ts')]);
    const me = thisHost(config).name;
    const output = new PassThrough();
    // Its output is read as long as it talks: when it has ended, so has this command.
    void serveSync({
      input: context.input(),
      output,
      source: (hello) => sourceOn(context, me, { from: hello.from, to: me, epoch: hello.epoch }, hello.mailboxes ?? []),
      sink: (hello) => sinkHere(context, hello),
      host: (hello) => agentHere(context, { from: hello.from, to: me, epoch: hello.epoch }),
    }).finally(() => output.end());
    return { outcome: 'ok', output };
  },
});

async function sinkHere(context: CommandContext, { from, epoch, run }: Hello): Promise<Sink> {
  const config = await context.config();
  const me = thisHost(config).name;
  if (hostNamed(config, from).name !== otherHost(config, me).name)
    throw new MailrecoverError('config', `'${from}' is what this host is called in its own configuration`, {
      hint: "'ssh' is left out of the host that the file lies on",
      subject: from,
    });
  const { target } = await placeOf(context);
  const way = { from, to: me, epoch, run };
  const { liveSink } = await import('../standby/sync/write-live.ts');
  const sink = liveSink({
    state: config.state,
    stores: syncStores(config),
    epoch,
    from,
    guard: () => guardDirection(config, target, way),
    settle: await settleOf(config),
    dovecot: config.dovecot?.config,
    signal: context.signal,
  });
  await guardDirection(config, target, way);
  await refuseWhereServed(context, way);
  return sink;
}
