/** How a host did over the last year, thin enough to be drawn and sent. */
import type { KnownRun } from '../../backup/all-runs.ts';
import type { Proof } from '../../backup/status/hosts.ts';
import type { TrendPoint } from '../../report/report/model.ts';

const YEAR_MS = 366 * 86_400_000;
/** As many points as are worth drawing. */
const MOST = 400;

/** @param runs of the host, oldest first @param proofs of its backups, wherever they were made @param to milliseconds since 1970 */
export function trendOf(runs: readonly KnownRun[], proofs: readonly Proof[], to: number): TrendPoint[] {
  const young = (time: string): boolean => to - Date.parse(time) <= YEAR_MS;
  const backups = runs
    .filter(({ command, state, startedAt }) => command === 'backup' && state !== 'running' && young(startedAt))
    .map(({ startedAt, finishedAt, state, counts }): TrendPoint => {
      const seconds = finishedAt === undefined ? undefined : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
      const ok = state === 'ok' || state === 'warning' || state === 'partial';
      return { time: startedAt, command: 'backup', ok, seconds, messages: counts['messages'], bytesStored: counts['bytesStored'] };
    });
  const verifications = [
    ...proofs.map(({ time, seconds }) => ({ time, seconds, ok: true })),
    ...runs
      .filter(({ command, state }) => command === 'verify' && state === 'failed')
      .map(({ startedAt }) => ({ time: startedAt, seconds: undefined, ok: false })),
  ]
    .filter(({ time }) => young(time))
    .map(({ time, seconds, ok }): TrendPoint => ({ time, command: 'verify', ok, seconds, messages: undefined, bytesStored: undefined }));
  const points = [...thinned(backups), ...thinned(verifications)];
  return points.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

/** Where there are too many, at most two a day: the last that went well, with all that was stored on it, and the last that did not. */
function thinned(points: readonly TrendPoint[]): readonly TrendPoint[] {
  if (points.length <= MOST) return points;
  return [...Map.groupBy(points, ({ time, ok }) => `${time.slice(0, 10)} ${String(ok)}`).values()].flatMap((day) => {
    const last = day.at(-1);
    if (last === undefined) return [];
    const stored = day.flatMap(({ bytesStored }) => bytesStored ?? []);
    const messages = day.flatMap((point) => point.messages ?? []).at(-1);
    return { ...last, messages, bytesStored: stored.length === 0 ? undefined : stored.reduce((sum, each) => sum + each, 0) };
  });
}
