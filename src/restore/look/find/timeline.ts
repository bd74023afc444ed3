/** The snapshots of a chain as a search sees them. */
import type { KnownChain, Manifest } from './manifest.ts';

export interface Timeline {
  fingerprint: string;
  host: string;
  /** How many snapshots the index knows. */
  places: number;
  /** For each place the newest at or before it that the repository still has; -1 where there is none. */
  held: Int32Array;
  /** Place of the newest complete snapshot; -1 where there is none. */
  newestComplete: number;
  /** Whether the newest snapshot of the host is one of these: another key of it may have gone on. */
  current: boolean;
  idAt(place: number): string;
  /** Milliseconds since 1970. */
  timeAt(place: number): number;
  placeOf(id: string): number | undefined;
  /** The newest at or before a time; -1 where all are later. */
  placeAtTime(time: number): number;
}

/**
 * @param ids of the snapshots that the repository has
 * @param believed the only keys that are believed when they say that a snapshot is of this host
 * @returns by the places of the chains; undefined for one that is not believed
 */
export function timelinesOf(
  { chains }: Pick<Manifest, 'chains'>,
  ids: ReadonlySet<string>,
  believed: { host: string; keys: ReadonlySet<string> } | undefined,
): (Timeline | undefined)[] {
  const isStrange = ({ host, fingerprint }: KnownChain): boolean => host === believed?.host && !believed.keys.has(fingerprint);
  const newest = new Map<string, number>();
  for (const { host, snapshots } of chains.filter((chain) => !isStrange(chain)))
    newest.set(host, Math.max(newest.get(host) ?? -Infinity, snapshots.at(-1)?.[2] ?? -Infinity));
  return chains.map((chain) => {
    if (isStrange(chain)) return undefined;
    const { fingerprint, host, snapshots } = chain;
    const held = new Int32Array(snapshots.length);
    let last = -1;
    let newestComplete = -1;
    for (const [place, [, id, , complete]] of snapshots.entries()) {
      if (ids.has(id)) last = place;
      if (complete && ids.has(id)) newestComplete = place;
      held[place] = last;
    }
    const byId = new Map(snapshots.map(([, id], place) => [id, place]));
    return {
      fingerprint,
      host,
      places: snapshots.length,
      held,
      newestComplete,
      current: snapshots.at(-1)?.[2] === newest.get(host),
      idAt: (place) => snapshots[place]?.[1] ?? '',
      timeAt: (place) => snapshots[place]?.[2] ?? -Infinity,
      placeOf: (id) => byId.get(id),
      placeAtTime: (time) => snapshots.findLastIndex((snapshot) => snapshot[2] <= time),
    };
  });
}
