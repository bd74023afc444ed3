/** What the guard does where it finds that this host must not serve, or may again. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Verdict } from '../../standby/guard/judge.ts';
import type { RanCommand, Remote } from '../../standby/remote.ts';
import type { Told } from '../../standby/guard/judge.ts';
import { isoNow, monotonic, sleep } from '../../system/clock.ts';
import { placeOf } from '../from-config.ts';
import { tell } from '../../report/text/tell.ts';
import { reportRun } from '../report/after.ts';
import type { Artifact, CommandContext, CommandResult } from '../types.ts';
import { hostNamed, otherHost, pairOf, thisHost } from './pair.ts';

const REPOSITORY_MS = 5000;
const CONNECT_MS = 5000;
const SILENT_MS = 2000;
const TELL_SECONDS = 15;
const TURN_MS = 2000;

/** Everybody is asked once. */
export async function askOnce(context: CommandContext): Promise<Verdict> {
  const config = await context.config();
  const { primary, clouds } = pairOf(config);
  const me = thisHost(config).name;
  const other = otherHost(config, me).name;
  const { askWhoServes } = await import('../../standby/guard/ask.ts');
  return askWhoServes({
    state: config.state,
    me,
    other,
    services: clouds.map(({ name }) => name),
    primary: primary.name,
    repository: async () => (await placeOf(context)).target,
    askOther: () => askHost(context, other),
    patienceMs: REPOSITORY_MS,
    signal: context.signal,
  });
}

/** Undefined where it can't be asked, or does not know either: that proves nothing. */
async function askHost(context: CommandContext, name: string): Promise<Told | undefined> {
  const config = await context.config();
  const named = hostNamed(config, name);
  const { openHost } = await import('../../standby/remote.ts');
  const patience = { connectMs: CONNECT_MS, ...(named.ssh?.via === undefined ? { silentMs: SILENT_MS } : {}) };
  const host = openHost(named, { signal: context.signal, ...patience });
  try {
    const argv = [...pairOf(config).sync.program, 'standby', 'guard', '--tell', '--json'];
    const { stdout } = await host.run(argv, { ok: 'any', seconds: TELL_SECONDS });
    const { told } = JSON.parse(stdout) as { told?: Partial<Told> | null };
    const { serves, isSure, runs } = told ?? {};
    if (typeof serves?.epoch !== 'number' || typeof serves.host !== 'string') return undefined;
    return { serves: { epoch: serves.epoch, host: serves.host }, isSure: isSure === true, runs: runs === true };
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof MailrecoverError || error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    host.close();
  }
}

/** For the other host, which asks. */
export async function tellOther(context: CommandContext): Promise<CommandResult> {
  const config = await context.config();
  const { primary, services } = pairOf(config);
  const [{ tellWhoServes }, { runs, unitStates }] = await Promise.all([
    import('../../standby/guard/ask.ts'),
    import('../../standby/units.ts'),
  ]);
  const there = (await unitStates(await here(context), services)).filter(({ load }) => load !== 'not-found');
  const told = await tellWhoServes({
    state: config.state,
    me: thisHost(config).name,
    primary: primary.name,
    runs: there.length > 0 && there.every(runs),
    repository: async () => (await placeOf(context)).target,
    patienceMs: REPOSITORY_MS,
    signal: context.signal,
  });
  return {
    outcome: 'ok',
    fields: { told: told ?? null },
    render: (text) =>
      told === undefined ? text.say`nothing is known here` : text.say`${told.serves.host} serves since epoch ${told.serves.epoch}`,
  };
}

async function here(context: CommandContext): Promise<Remote> {
  const { openHost } = await import('../../standby/remote.ts');
  return openHost({ name: thisHost(await context.config()).name }, { signal: context.signal });
}

/** The same, where what is run is written down; on a disk that is full it is not. */
async function recordedHere(context: CommandContext, head: Record<string, unknown>): Promise<{ host: Remote; artifacts: Artifact[] }> {
  const [{ openHost }, { beginRecord }] = await Promise.all([import('../../standby/remote.ts'), import('../../standby/run-record.ts')]);
  const config = await context.config();
  const { name } = thisHost(config);
  const record = await beginRecord(config.state, 'guarded', { host: name, ...head }).catch(unwritten);
  const write = (ran: RanCommand): void => {
    try {
      record?.ran(ran);
    } catch (error) {
      unwritten(error);
    }
  };
  return {
    host: openHost({ name }, { record: write, signal: context.signal }),
    artifacts: record === undefined ? [] : [{ kind: 'record', path: record.path }],
  };
}

function unwritten(error: unknown): undefined {
  if (error instanceof MailrecoverError) return undefined;
  throw error;
}

/** Before mail starts: an answer is waited for, but not for long. */
export async function beforeMail(context: CommandContext): Promise<CommandResult> {
  const { guard } = pairOf(await context.config());
  const until = monotonic() + guard.wait * 1000;
  let verdict = await askOnce(context);
  // What is only remembered counts where nobody says anything newer.
  while (verdict.kind !== 'here' && (verdict.kind !== 'other' || verdict.isRemembered === true) && monotonic() < until) {
    await sleep(TURN_MS, context.signal);
    verdict = await askOnce(context);
  }
  if (verdict.kind === 'here') return mayServe(context, verdict);
  if (verdict.kind === 'other') return stop(context, verdict);
  if (verdict.kind === 'switching' || guard.silence === 'hold') return hold(context, verdict);
  const me = thisHost(await context.config()).name;
  const finding: Finding = {
    severity: 'warning',
    code: 'guard-unanswered',
    message: `nobody could say whether '${me}' still serves, and its mail starts: ${verdict.why}`,
    hint: 'it goes on asking; see who serves: mailrecover standby status',
    subject: me,
  };
  return result(verdict, 'none', [finding]);
}

/** While the host is up: only what is proved, and by others, counts. */
export async function whileUp(context: CommandContext): Promise<CommandResult> {
  // Looked at before anybody is asked: what a switch to this host starts meanwhile must not be stopped by an answer from before.
  const { services, stopAlso } = pairOf(await context.config());
  const { runs, unitStates, withInstances } = await import('../../standby/units.ts');
  const up = (await unitStates(await here(context), withInstances([...stopAlso, ...services]))).some(runs);
  const verdict = await askOnce(context);
  if (verdict.kind === 'here') return mayServe(context, verdict);
  if (up && verdict.kind === 'other' && verdict.isRemembered !== true)
    return (await isIdle(context, verdict)) ? result(verdict, 'none', [idle(verdict)]) : stop(context, verdict);
  return result(verdict, 'none', []);
}

/** Whether the host that is said to serve says itself that it does not: then the one that does is not stopped, whatever stands in the repository. */
async function isIdle(context: CommandContext, { serves, by }: Verdict & { kind: 'other' }): Promise<boolean> {
  const config = await context.config();
  if (by !== 'the repository' || serves.host !== otherHost(config, thisHost(config).name).name) return false;
  const told = await askHost(context, serves.host);
  return told !== undefined && !told.runs;
}

function idle({ serves }: Verdict & { kind: 'other' }): Finding {
  return {
    severity: 'warning',
    code: 'nobody-serves',
    message: `the repository says that '${serves.host}' serves since epoch ${serves.epoch}, and its mail services do not run: mail goes on here`,
    hint: 'see who is to serve: mailrecover standby status',
    subject: serves.host,
  };
}

/** Mail that was held back is started; the guard lets it, since it asks again before that. */
async function mayServe(context: CommandContext, verdict: Verdict & { kind: 'here' }): Promise<CommandResult> {
  const config = await context.config();
  const { readGuard, writeGuard } = await import('../../standby/guard/memory.ts');
  const { held, stoppedAt } = readGuard(config.state);
  if (held === undefined && stoppedAt === undefined) return result(verdict, 'none', []);
  if (held !== undefined) {
    const { host } = await recordedHere(context, { epoch: verdict.epoch, by: verdict.by });
    const { enabledUnits } = await import('../../standby/units.ts');
    const units = await enabledUnits(host, pairOf(config).services);
    if (units.length > 0) await host.run(['systemctl', 'start', '--no-block', '--', ...units]);
  }
  // Forgotten when it was done: where it failed, or was killed, the next turn starts mail.
  const { held: _, stoppedAt: __, ...rest } = readGuard(config.state);
  await writeGuard(config.state, rest);
  return reported(context, result(verdict, held === undefined ? 'none' : 'started', []));
}

/** As the fence of a switch would: stopped, masked, without the virtual address; with the same way back. */
async function stop(context: CommandContext, verdict: Verdict & { kind: 'other' }): Promise<CommandResult> {
  const config = await context.config();
  const { services, stopAlso, vip } = pairOf(config);
  const [{ sshFence }, { stopUnits }, { readGuard, writeGuard }] = await Promise.all([
    import('../../standby/fences/ssh.ts'),
    import('../../standby/units.ts'),
    import('../../standby/guard/memory.ts'),
  ]);
  const { host, artifacts } = await recordedHere(context, { serves: verdict.serves, by: verdict.by });
  const fence = sshFence({ name: 'guard', host, services, also: stopAlso, vip, before: { ran: [], masked: [], vip: false } });
  try {
    await fence.fence();
  } catch (error) {
    // Where they can't be masked they must not run all the same.
    await stopUnits(host, [...stopAlso, ...services]).catch(() => undefined);
    throw error;
  }
  const { held: _, ...rest } = readGuard(config.state);
  await writeGuard(config.state, { ...rest, stoppedAt: isoNow() });
  const { serves, by } = verdict;
  const finding: Finding = {
    severity: 'error',
    code: 'other-serves',
    message: `'${serves.host}' serves since epoch ${serves.epoch}, says ${by}: mail on '${host.name}' is stopped and masked`,
    hint: `merge what '${host.name}' has, on '${serves.host}': mailrecover standby failback`,
    subject: host.name,
  };
  return reported(context, { ...result(verdict, 'stopped', [finding]), artifacts });
}

/** What systemd was about to start is cancelled; nothing is masked, and the timer goes on asking. */
async function hold(context: CommandContext, verdict: Verdict & { kind: 'switching' | 'silent' }): Promise<CommandResult> {
  const config = await context.config();
  const [{ stopUnits, unitStates }, { readGuard, writeGuard }] = await Promise.all([
    import('../../standby/units.ts'),
    import('../../standby/guard/memory.ts'),
  ]);
  const { host, artifacts } = await recordedHere(context, { why: verdict.why });
  // One that runs is about to be restarted, not to be booted.
  const there = (await unitStates(host, pairOf(config).services))
    .filter(({ load, active }) => load !== 'not-found' && active !== 'active')
    .map(({ unit }) => unit);
  await writeGuard(config.state, { ...readGuard(config.state), held: { since: isoNow(), why: verdict.why } });
  if (there.length > 0) await stopUnits(host, there);
  const finding: Finding = {
    severity: 'error',
    code: 'mail-held',
    message: `nobody could say whether '${host.name}' still serves, and its mail does not start: ${verdict.why}`,
    hint: `it goes on asking, and starts mail as soon as it may; to start it all the same: mailrecover standby guard --remove, and then systemctl start ${there.join(' ')}`,
    subject: host.name,
  };
  return reported(context, { ...result(verdict, 'held', [finding]), artifacts });
}

/** People are told of it as of a run that failed, or of one that is well again. */
async function reported(context: CommandContext, ended: CommandResult): Promise<CommandResult> {
  const more = await reportRun(context, { command: 'standby guard', startedAt: isoNow(), result: ended, error: undefined });
  return { ...ended, findings: [...(ended.findings ?? []), ...more] };
}

type Action = 'none' | 'stopped' | 'held' | 'started';

export function result(verdict: Verdict, action: Action, findings: readonly Finding[]): CommandResult {
  const failed = action === 'stopped' || action === 'held';
  return {
    outcome: failed ? 'failed' : findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
    ...(failed ? { cause: 'refused' as const } : {}),
    findings,
    fields: {
      verdict: verdict.kind,
      serves: verdict.kind === 'other' ? verdict.serves : null,
      by: 'by' in verdict ? verdict.by : null,
      why: 'why' in verdict ? verdict.why : null,
      action,
    },
    render: (text) => {
      const said = tell('by' in verdict ? verdict.by : verdict.why, text);
      if (verdict.kind === 'here') return text.green(text.say`this host may serve, says ${said}`);
      if (verdict.kind === 'other')
        return text.red(text.bold(text.say`${verdict.serves.host} serves since epoch ${verdict.serves.epoch}, says ${said}`));
      return text.yellow(
        verdict.kind === 'switching' ? text.say`a switch is under way: ${said}` : text.say`nobody can say who serves: ${said}`,
      );
    },
  };
}
