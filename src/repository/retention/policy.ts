/** Which snapshots of one host a policy keeps, and why; `keep-…` means what it means to restic. */

export interface Policy {
  last?: number;
  hourly?: number;
  daily?: number;
  weekly?: number;
  monthly?: number;
  yearly?: number;
  /** Seconds before the newest snapshot. */
  within?: number;
}

export interface Dated {
  id: string;
  /** UTC, ISO 8601. */
  time: string;
}

const UNITS = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
type Unit = (typeof UNITS)[number];

/** Whether a policy keeps anything by itself: one that says nothing would forget all. */
export function isEmptyPolicy(policy: Policy): boolean {
  return UNITS.every((unit) => (policy[unit] ?? 0) <= 0) && (policy.within ?? 0) <= 0;
}

/** Days since 1970 of a local date, so that days and weeks can be counted without caring for summer time. */
function dayNumber(date: Date): number {
  return Math.floor(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000);
}

/** What is the same for two snapshots of the same hour, day … in local time; weeks begin on Monday (ISO 8601). */
function bucketOf(unit: Unit, time: string, index: number): number {
  const date = new Date(time);
  if (unit === 'last') return index;
  if (unit === 'hourly') return dayNumber(date) * 24 + date.getHours();
  if (unit === 'daily') return dayNumber(date);
  if (unit === 'weekly') return Math.floor((dayNumber(date) + 3) / 7);
  if (unit === 'monthly') return date.getFullYear() * 12 + date.getMonth();
  return date.getFullYear();
}

/**
 * Why each snapshot is kept: nothing for those that are not.
 * @param snapshots of one host, newest first in the order of the chain
 */
export function reasonsToKeep(snapshots: readonly Dated[], policy: Policy): Map<string, string[]> {
  const kept = new Map<string, string[]>();
  const left = new Map<Unit, number>(UNITS.map((unit) => [unit, policy[unit] ?? 0]));
  const lastBucket = new Map<Unit, number>();
  const newest = Math.max(...snapshots.map(({ time }) => Date.parse(time)));
  for (const [index, { id, time }] of snapshots.entries()) {
    const reasons: string[] = [];
    const oldest = index === snapshots.length - 1;
    for (const unit of UNITS) {
      const count = left.get(unit) ?? 0;
      if (count <= 0) continue;
      const bucket = bucketOf(unit, time, index);
      const isNew = lastBucket.get(unit) !== bucket;
      // While some are left, the oldest is kept too: as much history as there is.
      if (!isNew && !oldest) continue;
      reasons.push(isNew ? unit : `oldest ${unit}`);
      lastBucket.set(unit, bucket);
      left.set(unit, count - 1);
    }
    if (policy.within !== undefined && newest - Date.parse(time) < policy.within * 1000) reasons.push('within');
    if (reasons.length > 0) kept.set(id, reasons);
  }
  return kept;
}
