import type { Bench } from '../bench.ts';
import { medianWall, type Series } from '../rounds.ts';
import { borg } from '../tools/borg.ts';
import { type Ours, ours } from '../tools/ours.ts';
import { type Restic, restic } from '../tools/restic.ts';
import { rsync } from '../tools/rsync.ts';
import { tar } from '../tools/tar.ts';
import type { Place, RestoringTool, Tool } from '../tools/tool.ts';

/** A figure and what it may be at most. */
export interface Check {
  what: string;
  value: number;
  limit: number;
  /** How to print the value; a ratio when absent. */
  unit?: 'MB' | 's' | 'bytes';
}

export interface Result {
  series: Series[];
  checks: Check[];
  notes?: string[];
}

export interface Job {
  name: string;
  title: string;
  /** Bytes of disk that a message takes at the most, with the repositories of all programs; 130,000 when absent. */
  space?: number;
  /** Left out unless it is named. */
  onlyNamed?: true;
  run(bench: Bench, tools: Tools): Promise<Result>;
}

export interface Tools {
  ours: Ours;
  blind: Ours;
  restic: Restic;
  borg: Tool;
  tar: RestoringTool;
  rsync: Tool;
}

export function makeTools(place: Place): Tools {
  return { ours: ours(place), blind: ours(place, false), restic: restic(place), borg: borg(place), tar: tar(place), rsync: rsync(place) };
}

/** The ratio of the medians of two series, found by their labels, and its limit. */
export function ratio(series: Series[], mine: string, other: string, limit: number): Check {
  const wall = (label: string) => medianWall(series.find((one) => one.label === label));
  return { what: `${mine} / ${other}`, value: wall(mine) / wall(other), limit };
}
