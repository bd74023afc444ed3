/** `standby ledger --follow`: both hosts connected, and Postfix answered where that is wanted. */
import type { Config } from '../../config/schema.ts';
import { MailrecoverError } from '../../errors/error.ts';
import type { FollowOptions, Line } from '../../standby/ledger/follow.ts';
import { logToSystem, tellSystemd, watchdogPeriod } from '../../system/notify-systemd.ts';
import { placeOf } from '../from-config.ts';
import type { CommandContext } from '../types.ts';
import { directionNow, sinkOn, sourceOn } from './hosts.ts';
import { otherHost, pairOf, thisHost } from './pair.ts';

/** Never ends by itself. @throws MailrecoverError as the command says */
export async function follow(context: CommandContext): Promise<never> {
  const config = await context.config();
  const { ledger } = pairOf(config);
  const [{ followAccepted }, { mailLog }] = await Promise.all([
    import('../../standby/ledger/follow.ts'),
    import('../../standby/ledger/source.ts'),
  ]);
  // Before anything is answered: where the other host serves, this program has nothing to do here.
  await serving(context, config);
  const teller = ledger.wait === undefined ? undefined : await answerPostfix(context, ledger.wait);
  const alive = watchdogPeriod();
  const beat = alive === undefined ? undefined : setInterval(() => void tellSystemd('WATCHDOG=1'), alive);
  context.onEnd(() => clearInterval(beat));
  await tellSystemd('--ready');
  const other = otherHost(config, thisHost(config).name).name;
  return followAccepted({
    connect: () => connect(context, config),
    serving: () => serving(context, config),
    log: () => mailLog(ledger.log),
    teller,
    async onLine(problem) {
      const says =
        problem === undefined
          ? `'${other}' hears what is accepted here`
          : `'${other}' does not hear what is accepted here: ${problem.message}`;
      context.progress.phase(says);
      await tellSystemd(`--status=${says}`);
      if (problem !== undefined) await logToSystem(says);
    },
    signal: context.signal,
  });
}

async function serving(context: CommandContext, config: Config): ReturnType<typeof directionNow> {
  const me = thisHost(config).name;
  const { target } = await placeOf(context);
  const way = await directionNow(config, target);
  if (way.from === me) return way;
  throw new MailrecoverError('refused', `'${way.from}' serves, and this is '${me}'`, { hint: `run it on '${way.from}'`, subject: me });
}

/** A connection of its own, which leaves nothing behind when it is lost. */
async function connect(context: CommandContext, config: Config): Promise<Line> {
  const way = await serving(context, config);
  const { target } = await placeOf(context);
  const ends: (() => void | Promise<void>)[] = [];
  const lost = new AbortController();
  const stop = (): void => lost.abort(context.signal.reason);
  context.signal.addEventListener('abort', stop, { once: true });
  const close = async (): Promise<void> => {
    context.signal.removeEventListener('abort', stop);
    lost.abort();
    for (const end of ends.toReversed()) await end();
  };
  const own: CommandContext = { ...context, signal: lost.signal, onEnd: (end) => void ends.push(end) };
  try {
    return { source: await sourceOn(own, way.from, way, []), sink: await sinkOn(own, target, way), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function answerPostfix(context: CommandContext, waitSeconds: number): Promise<FollowOptions['teller']> {
  const [{ policyPlace, servicesThatDoNotAsk }, { servePolicy }, { Teller }, { userId }] = await Promise.all([
    import('../../standby/ledger/asks.ts'),
    import('../../standby/ledger/policy-server.ts'),
    import('../../standby/ledger/taking.ts'),
    import('../../system/owners.ts'),
  ]);
  const { path, owner } = await policyPlace();
  const uid = userId(owner);
  if (uid === undefined)
    throw new MailrecoverError('not-found', `there is no user '${owner}' here, as which Postfix runs`, { subject: owner });
  const teller = new Teller(waitSeconds * 1000);
  const server = await servePolicy(path, uid, (taking) => teller.tell(taking));
  context.onEnd(() => server.close());
  return { teller, except: servicesThatDoNotAsk };
}
