/** From findings to a verdict, and to what must be done. */
import type { Finding } from '../../errors/finding.ts';
import { LEVELS, type Level } from '../metrics/model.ts';
import type { Action, HostReport } from './model.ts';

export function levelOf(findings: readonly Finding[]): Level {
  if (findings.some(({ severity }) => severity === 'error')) return 'failed';
  return findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok';
}

export function worst(levels: readonly Level[]): Level {
  return LEVELS[Math.max(0, ...levels.map((level) => LEVELS.indexOf(level)))] ?? 'ok';
}

/** The worst first, then by name. */
export function byUrgency(a: HostReport, b: HostReport): number {
  return LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level) || (a.host < b.host ? -1 : a.host > b.host ? 1 : 0);
}

/** What to do: the hints of errors, then of warnings, in the order of the hosts; each once. */
export function actionsOf(hosts: readonly HostReport[], general: readonly Finding[]): Action[] {
  const all = [
    ...hosts.flatMap(({ host, findings }) => findings.map((because) => ({ because, host }))),
    ...general.map((because) => ({ because, host: undefined })),
  ];
  const actions = new Map<string, Action>();
  const isSaid = (hint: string, host: string | undefined): boolean =>
    actions.has(`${host ?? ''} ${hint}`) || (host === undefined && [...actions.values()].some((each) => each.hint === hint));
  for (const wanted of ['error', 'warning']) {
    for (const { because, host } of all) {
      const { hint, severity } = because;
      if (severity === wanted && hint !== undefined && !isSaid(hint, host)) actions.set(`${host ?? ''} ${hint}`, { hint, because, host });
    }
  }
  return [...actions.values()];
}
