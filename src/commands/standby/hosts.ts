/** The two ends of a synchronisation, on this host or the other. */
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { Target } from '../../repository/target.ts';
import type { RanCommand } from '../../standby/remote.ts';
import type { Sink, Source } from '../../standby/sync/model.ts';
import type { Handler, Peer } from '../../standby/sync/peer.ts';
import type { Hello } from '../../standby/sync/serve.ts';
import { sleep } from '../../system/clock.ts';
import type { Running } from '../../system/running.ts';
import { settleOf } from '../backup-options.ts';
import { placeOf } from '../from-config.ts';
import type { CommandContext } from '../types.ts';
import { hostNamed, pairOf, syncStores } from './pair.ts';

/** Told of what was run on a host. */
export type Recorder = (ran: RanCommand) => void;

export interface Direction {
  /** The host that serves, and the one that is written to; names of the configuration. */
  from: string;
  to: string;
  epoch: number;
  /** The switch that this is a part of. */
  run?: string | undefined;
}

/**
 * Which way mail is copied now.
 * @throws MailrecoverError `refused` where a switch is under way; others where nobody can say who serves
 */
export async function directionNow(config: Config, target: Target, run?: string): Promise<Direction> {
  const { checkWriter, readEpoch } = await import('../../standby/epoch.ts');
  const { primary, standby } = pairOf(config);
  const { active = primary.name } = await readEpoch(target);
  const from = hostNamed(config, active).name;
  const to = from === primary.name ? standby.name : primary.name;
  return { from, to, epoch: await checkWriter(target, { from, to, primary: primary.name, run }), run };
}

/** Throws where mail must not be written that way, or no longer in that epoch. */
export async function guardDirection(config: Config, target: Target, { from, to, epoch, run }: Direction): Promise<void> {
  const { checkWriter } = await import('../../standby/epoch.ts');
  const now = await checkWriter(target, { from, to, primary: pairOf(config).primary.name, run });
  if (now === epoch) return;
  throw new MailrecoverError('refused', `this is of epoch ${epoch}, and it is epoch ${now} by now`, {
    hint: "see who serves: 'mailrecover standby status'",
    subject: from,
  });
}

/** Reads mail of one of the hosts. */
export async function sourceOn(
  context: CommandContext,
  name: string,
  way: Direction,
  mailboxes: readonly string[],
  record?: Recorder,
): Promise<Source> {
  const config = await context.config();
  if (hostNamed(config, name).ssh === undefined) {
    const { liveSource } = await import('../../standby/sync/read-live.ts');
    return liveSource({
      state: config.state,
      stores: syncStores(config),
      guard: async () => guardDirection(config, (await placeOf(context)).target, way),
      settle: await settleOf(config),
      dovecot: config.dovecot?.config,
      log: pairOf(config).ledger.log,
      signal: context.signal,
      ...(mailboxes.length === 0 ? {} : { mailboxes }),
    });
  }
  const { farSource } = await import('../../standby/sync/far.ts');
  const { source, handlers } = farSource();
  return source(await talkTo(context, name, { ...greeting(way), role: 'source', mailboxes: [...mailboxes] }, handlers, record));
}

/**
 * Mail of a host whose services run is not written to, though another host serves: that would undo what its users changed, and is a case for a merge.
 * @throws MailrecoverError `refused`
 */
export async function refuseWhereServed(context: CommandContext, { from, to, run }: Direction): Promise<void> {
  // A switch looks after that itself.
  if (run !== undefined) return;
  const [{ openHost }, { hasSystemd, runs, unitStates }] = await Promise.all([
    import('../../standby/remote.ts'),
    import('../../standby/units.ts'),
  ]);
  const here = openHost({ name: to }, { signal: context.signal });
  if (!(await hasSystemd(here))) return;
  const up = (await unitStates(here, pairOf(await context.config()).services)).filter(runs).map(({ unit }) => unit);
  if (up.length === 0) return;
  throw new MailrecoverError('refused', `'${from}' serves, and mail services run on '${to}', too: ${up.join(', ')}`, {
    hint: `merge what '${to}' has, and stop it, on '${from}': mailrecover standby failback`,
    subject: to,
  });
}

/** Writes mail of one of the hosts; the epoch is asked for there. */
export async function sinkOn(context: CommandContext, target: Target, way: Direction, record?: Recorder): Promise<Sink> {
  const config = await context.config();
  if (hostNamed(config, way.to).ssh === undefined) {
    await refuseWhereServed(context, way);
    const { liveSink } = await import('../../standby/sync/write-live.ts');
    return liveSink({
      state: config.state,
      stores: syncStores(config),
      epoch: way.epoch,
      from: way.from,
      guard: () => guardDirection(config, target, way),
      settle: await settleOf(config),
      dovecot: config.dovecot?.config,
      signal: context.signal,
    });
  }
  const { farSink } = await import('../../standby/sync/far.ts');
  const { sink, handlers } = farSink();
  return sink(await talkTo(context, way.to, { ...greeting(way), role: 'sink' }, handlers, record));
}

function greeting({ from, epoch, run }: Direction): Omit<Hello, 'protocol' | 'role'> {
  return { from, epoch, ...(run === undefined ? {} : { run }) };
}

/** Starts mailrecover on the other host and says who we are. */
export async function talkTo(
  context: CommandContext,
  name: string,
  hello: Omit<Hello, 'protocol'>,
  handlers: Record<string, Handler>,
  record?: Recorder,
): Promise<Peer> {
  const config = await context.config();
  const [{ openHost }, { Peer }, { greet }] = await Promise.all([
    import('../../standby/remote.ts'),
    import('../../standby/sync/peer.ts'),
    import('../../standby/sync/far.ts'),
  ]);
  const host = openHost(hostNamed(config, name), { signal: context.signal, ...(record === undefined ? {} : { record }) });
  context.onEnd(() => host.close());
  const { program } = pairOf(config).sync;
  const running = await host.start([...program, 'standby', 'serve']);
  const peer = new Peer(name, untilEnded(running), running.stdin, handlers);
  context.onEnd(async () => {
    running.stdin.end();
    await running.ended.catch(() => undefined);
  });
  const stop = (): void => running.kill();
  context.signal.addEventListener('abort', stop, { once: true });
  void running.ended.then(
    ({ exitCode, stderr }) => {
      if (exitCode !== 0) peer.fail(endedBadly(name, program.join(' '), exitCode, stderr));
    },
    // How it ended could not be written down.
    (error: Error) => peer.fail(error),
  );
  await greet(peer, hello);
  return peer;
}

/** How a command ended says more than that nothing comes from it any more, and is known a moment later. */
const END_MS = 2000;

async function* untilEnded({ stdout, ended }: Running): AsyncGenerator<Buffer | string> {
  try {
    yield* stdout;
  } finally {
    const late = new AbortController();
    await Promise.race([ended.catch(() => undefined), sleep(END_MS, late.signal)]);
    late.abort();
  }
}

const NOT_FOUND = 127;

function endedBadly(name: string, program: string, exitCode: number | undefined, stderr: string): MailrecoverError {
  if (exitCode === NOT_FOUND)
    return new MailrecoverError('not-found', `'${program}' is not installed on '${name}'`, {
      hint: "install mailrecover there, or say how it is called: 'standby: { sync: { program: […] } }'",
      subject: name,
    });
  // oxlint-disable-next-line no-control-regex
  const said = (stderr.trimEnd().split('\n').at(-1) ?? '').replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').slice(0, 200);
  return new MailrecoverError('unreachable', `mailrecover on '${name}' ended${said === '' ? '' : `: ${said}`}`, {
    hint: `try it there: ${program} standby serve </dev/null`,
    subject: name,
  });
}
