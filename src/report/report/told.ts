/** Whether there is something to tell: what persists is told once, then again after a while; that it is over is told, too. */
import { LEVELS, type Level } from '../metrics/model.ts';

/** What was told last of one subject: a command on this host, or a report. */
export interface Told {
  level: Level;
  /** What was wrong, since it was last told in full. */
  problems: readonly string[];
  /** Since when something is wrong, and when that was last told; UTC ISO 8601. */
  since: string;
  toldAt: string;
}

export interface TellingRules {
  /** Which verdicts are told. */
  on: readonly Level[];
  /** Seconds after which what persists is told again. */
  remindAfter: number;
}

export interface State {
  level: Level;
  problems: readonly string[];
  /** UTC ISO 8601. */
  at: string;
}

export interface Decision {
  /** Undefined where nothing is to be told. */
  kind: 'news' | 'reminder' | 'recovery' | 'success' | undefined;
  /** Since when what it is about lasts, or lasted. */
  since: string | undefined;
  /** What to remember once that is done; undefined where nothing is wrong any more. */
  next: Told | undefined;
}

/** @param before what was told last; undefined where nothing was wrong then */
export function decide(before: Told | undefined, state: State, { on, remindAfter }: TellingRules): Decision {
  const { level, problems, at } = state;
  if (level === 'ok' || !on.includes(level)) {
    if (before !== undefined) return { kind: 'recovery', since: before.since, next: undefined };
    return { kind: level === 'ok' && on.includes('ok') ? 'success' : undefined, since: undefined, next: undefined };
  }
  if (before === undefined) return { kind: 'news', since: undefined, next: { level, problems, since: at, toldAt: at } };
  const { since } = before;
  const isWorse = LEVELS.indexOf(level) > LEVELS.indexOf(before.level);
  const isNew = problems.some((problem) => !before.problems.includes(problem));
  // One that comes and goes is no news each time, so what was told stays remembered until it is told again.
  if (isWorse || isNew) return { kind: 'news', since, next: { level, problems: union(before.problems, problems), since, toldAt: at } };
  const isDue = Date.parse(at) - Date.parse(before.toldAt) >= remindAfter * 1000;
  // A clock that was set back must not silence anybody.
  const isFuture = Date.parse(before.toldAt) > Date.parse(at);
  if (isDue || isFuture) return { kind: 'reminder', since, next: { level, problems, since, toldAt: at } };
  return { kind: undefined, since, next: before };
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].toSorted();
}
