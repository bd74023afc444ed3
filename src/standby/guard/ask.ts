/** One turn of the guard: everybody is asked who serves, and what was learned is remembered. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Target } from '../../repository/target.ts';
import { inTime, sureEpoch, type SureEpoch } from '../sure-epoch.ts';
import { byAll, byRepository, isStarting, type Known, type Told, type Verdict } from './judge.ts';
import { lastKnown, promotedSinceBoot, readGuard, writeGuard, type Serves } from './memory.ts';

export interface AskOptions extends Pick<Known, 'me' | 'other' | 'services' | 'primary'> {
  /** The directory of the local state. */
  state: string;
  repository: () => Promise<Target>;
  /** Asks the other host; undefined where that can't be asked. */
  askOther: () => Promise<Told | undefined>;
  /** How long the repository may take, milliseconds. */
  patienceMs: number;
  signal: AbortSignal;
}

/** @throws the signal's reason; MailrecoverError `io` of the local state */
export async function askWhoServes(options: AskOptions): Promise<Verdict> {
  const { state } = options;
  const answer = await askRepository(options);
  const withdrawn = withdrawnBy(answer);
  const promoted = promotedSinceBoot(options.me);
  const known = {
    ...options,
    memory: lastKnown(state, withdrawn),
    promoted: promoted === undefined || withdrawn.includes(promoted) ? undefined : promoted,
  };
  const first = byRepository(answer, known);
  const told = first.kind === 'here' || first.kind === 'other' ? undefined : await options.askOther();
  options.signal.throwIfAborted();
  const verdict = byAll(first, told, known);
  const guard = readGuard(state);
  const before = guard.serves === undefined || withdrawn.includes(guard.serves.epoch) ? undefined : guard.serves;
  const serves = learned(verdict, options.me);
  await writeGuard(state, {
    ...guard,
    seen: answer !== undefined && 'seen' in answer ? answer.seen : guard.seen,
    serves: serves === undefined || serves.epoch < (before?.epoch ?? 0) ? before : serves,
  });
  return verdict;
}

/** A switch that was taken back must not be remembered: nobody would serve, by the word of each for the other. */
function withdrawnBy(answer: SureEpoch | undefined): readonly number[] {
  return answer !== undefined && 'state' in answer ? answer.state.withdrawn : [];
}

function learned(verdict: Verdict, me: string): Serves | undefined {
  if (verdict.kind === 'here') return verdict.epoch === 0 ? undefined : { epoch: verdict.epoch, host: me };
  return verdict.kind === 'other' && verdict.isRemembered !== true ? verdict.serves : undefined;
}

type RepositoryOptions = Pick<AskOptions, 'state' | 'repository' | 'patienceMs' | 'signal'>;

async function askRepository({ state, repository, patienceMs, signal }: RepositoryOptions): Promise<SureEpoch | undefined> {
  const look = async (): Promise<SureEpoch> => {
    try {
      return await sureEpoch(await repository(), readGuard(state).seen);
    } catch (error) {
      // A key that can't be read, a name that does not resolve: nobody answers.
      if (error instanceof MailrecoverError) return { problem: error.message };
      throw error;
    }
  };
  const answer = await inTime(look(), patienceMs, signal);
  signal.throwIfAborted();
  return answer;
}

/** What this host tells the other one that asks. */
export async function tellWhoServes(
  options: RepositoryOptions & { me: string; primary: string; runs: boolean },
): Promise<Told | undefined> {
  const { state, me, primary, runs } = options;
  const answer = await askRepository(options);
  const memory = lastKnown(state, withdrawnBy(answer));
  if (answer !== undefined && 'state' in answer && answer.state.activeEpoch >= (memory?.epoch ?? 0)) {
    if (isStarting(answer.state) && !runs) return undefined;
    return { serves: { epoch: answer.state.activeEpoch, host: answer.state.active ?? primary }, isSure: true, runs };
  }
  const promoted = promotedSinceBoot(me);
  const serves = (promoted ?? 0) > (memory?.epoch ?? 0) ? { epoch: promoted ?? 0, host: me } : memory;
  return serves === undefined ? undefined : { serves, isSure: false, runs };
}
