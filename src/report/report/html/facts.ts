/** What the views say first: counts, the sentence of the verdict, and the extremes among the hosts. */
import type { Level } from '../../metrics/model.ts';
import type { HostReport, Report } from '../model.ts';
import type { Words } from '../../words/index.ts';
import { verdictOf } from '../subject.ts';
import type { Say } from './say.ts';

export interface Facts {
  counts: Readonly<Record<Level, number>>;
  /** The verdict in one sentence. */
  headline: string;
  /** What follows from it. */
  because: string;
  newMessages: number;
  bytesStored: number;
  /** The host whose newest backup is oldest; one without any comes first. */
  stalest: HostReport | undefined;
  /** The same of proofs. */
  unproved: HostReport | undefined;
  /** The host that takes longest to restore. */
  slowest: HostReport | undefined;
  /** Runs that failed and were not made up for, and those that never ended. */
  failedRuns: number;
  incompleteRuns: number;
  damaged: number;
}

export function factsOf(report: Report, say: Say): Facts {
  const { words } = say;
  const { hosts } = report;
  const counts: Record<Level, number> = { ok: 0, warning: 0, failed: 0 };
  for (const { level } of hosts) counts[level]++;
  const sum = (pick: (host: HostReport) => number): number => hosts.reduce((total, host) => total + pick(host), 0);
  return {
    counts,
    headline: headlineOf(report, say),
    because:
      report.verdict === 'ok' && report.actions.length === 0
        ? hosts.length === 1
          ? words.becauseOne
          : words.becauseWell
        : leadOf(report, words),
    newMessages: sum(({ totals }) => totals.newMessages),
    bytesStored: sum(({ totals }) => totals.bytesStored),
    stalest: worst(hosts, ({ backup }) => backup?.ageSeconds ?? Infinity),
    unproved: worst(hosts, ({ proof }) => proof?.ageSeconds ?? Infinity),
    slowest: worst(hosts, ({ wholeProof, proof }) => (wholeProof ?? proof)?.seconds ?? -1),
    failedRuns: sum(({ failures }) => failures.length),
    incompleteRuns: sum(({ incomplete }) => incomplete.length),
    damaged: sum(({ totals }) => totals.damaged),
  };
}

/** Most hosts that are named in the sentence below the verdict. */
const NAMED = 3;

function leadOf({ hosts, actions }: Report, words: Words['page']): string {
  const worst = hosts.filter(({ level }) => level === hosts[0]?.level && level !== 'ok');
  const names = hosts.length > 1 && worst.length <= NAMED ? worst.map(({ host }) => host).join(words.comma) : '';
  const parts = [names, actions.length > 0 ? words.todo(actions.length) : ''].filter((part) => part !== '');
  return parts.length === 0 ? '' : `${parts.join(words.colon)}${words.stop}`;
}

/** The same sentence as in the text, as a heading. */
function headlineOf(report: Report, { all }: Say): string {
  return capital(verdictOf(report, all));
}

export function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

function worst(hosts: readonly HostReport[], measure: (host: HostReport) => number): HostReport | undefined {
  let found: HostReport | undefined;
  for (const host of hosts) if (found === undefined || measure(host) > measure(found)) found = host;
  return found;
}

/** The level that a run's state stands for; undefined for one that is still going on. */
export function levelOfState(state: string): Level | undefined {
  if (state === 'running') return undefined;
  return state === 'ok' ? 'ok' : state === 'warning' ? 'warning' : 'failed';
}
