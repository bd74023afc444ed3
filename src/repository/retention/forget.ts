/** Forgetting snapshots: a plan with a reason for each that stays, a signed record of those that go, and then their removal. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { writeRecord, type Author } from '../care/record.ts';
import type { HeldLock } from '../care/lock.ts';
import type { SnapshotHead } from '../check/snapshots.ts';
import type { Repository } from '../repository.ts';
import { hostFingerprint } from '../signing.ts';
import { isHeldBack } from './freeze.ts';
import { reasonsToKeep, type Policy } from './policy.ts';
import { mergeSpans, spanOf, spansOf, type Span } from './spans.ts';
import type { Survey } from './survey.ts';

export interface PlannedSnapshot {
  id: string;
  path: string;
  host: string;
  time: string;
  sequence: number;
  messages: number;
  /** Why it stays; empty where it goes. */
  keep: string[];
}

export interface ForgetPlan {
  /** Oldest first, host by host. */
  snapshots: PlannedSnapshot[];
}

export type ForgetWish = { ids: ReadonlySet<string> } | { policy: Policy; host: string | undefined };

/**
 * What would go, and why the rest stays. Never the newest of a host, nor its newest complete one, nor what is held or waits for a person.
 * @param mayHold whether a snapshot may hold a mailbox that is held; all may, as long as nobody reads them
 */
export function planForget(
  { checked, decisions }: Survey,
  believed: ReadonlySet<string>,
  wish: ForgetWish,
  mayHold: (id: string) => boolean = () => true,
): ForgetPlan {
  const chains = Map.groupBy(checked.heads, ({ key }) => key);
  const plan: PlannedSnapshot[] = [];
  const byHost = [...chains.values()].sort((a, b) => ((a[0]?.host ?? '') < (b[0]?.host ?? '') ? -1 : 1));
  for (const chain of byHost) {
    const newestFirst = chain.toSorted((a, b) => b.sequence - a.sequence);
    const waiting = (head: SnapshotHead): boolean => isHeldBack(head, decisions.approvals, believed);
    const good = newestFirst.filter((head) => head.outcome === 'complete' && !waiting(head));
    const [newest] = newestFirst;
    const [newestGood] = good;
    const byPolicy = 'policy' in wish ? reasonsToKeep(good, wish.policy) : undefined;
    for (const head of newestFirst.toReversed()) {
      const keep: string[] = [];
      if (head === newestGood) keep.push('newest complete');
      else if (head === newest) keep.push('newest');
      for (const hold of decisions.holds) {
        if (hold.snapshot === undefined ? mayHold(head.id) : [head.id, ...(head.replaces ?? [])].includes(hold.snapshot))
          keep.push(`held: ${hold.reason}`);
      }
      if (!believed.has(head.key)) keep.push('signed by a key that nobody trusts here');
      if (waiting(head)) keep.push('anomalous: not approved yet');
      if ('ids' in wish) {
        if (!wish.ids.has(head.id)) keep.push('not named');
      } else if (wish.host !== undefined && head.host !== wish.host) keep.push('another host');
      else {
        keep.push(...(byPolicy?.get(head.id) ?? []));
        if (head.outcome === 'partial' && head.sequence > (newestGood?.sequence ?? 0))
          keep.push('partial, but newer than the newest complete one');
      }
      const { id, path, host, time, sequence, counts } = head;
      plan.push({ id, path, host, time, sequence, messages: counts.messages, keep });
    }
  }
  return { snapshots: plan };
}

/**
 * The gate for snapshots that were named: each must be one that may go.
 * @throws MailrecoverError `refused`
 */
export function refuseKept({ snapshots }: ForgetPlan, ids: ReadonlySet<string>): void {
  for (const { id, keep, host } of snapshots) {
    if (!ids.has(id) || keep.length === 0) continue;
    const held = keep.find((reason) => reason.startsWith('held: '));
    throw new MailrecoverError('refused', `snapshot ${id.slice(0, 12)} of host '${host}' stays: ${keep.join(', ')}`, {
      hint:
        held === undefined
          ? 'the newest snapshot of a host is never forgotten: its next backup builds on it'
          : "see what is held, and by whom: 'mailrecover hold list'",
      subject: id,
    });
  }
}

export interface ForgetReport {
  forgotten: number;
  /** Snapshots that could not be removed. */
  left: number;
  findings: Finding[];
}

/** Carries out a plan: the record first, so that a gap is never there without one. */
export async function forgetSnapshots(
  repository: Repository,
  survey: Survey,
  plan: ForgetPlan,
  author: Author,
  lock: HeldLock,
): Promise<ForgetReport> {
  const going = new Set(plan.snapshots.filter(({ keep }) => keep.length === 0).map(({ id }) => id));
  const heads = survey.checked.heads.filter(({ id }) => going.has(id));
  const findings: Finding[] = [];
  if (heads.length === 0) return { forgotten: 0, left: 0, findings };
  await recordForgotten(
    repository,
    survey,
    author,
    heads.map((head) => spanOf(head, hostFingerprint(head.key))),
  );
  await lock.confirm();
  let left = 0;
  for (const { id, path } of heads.toSorted((a, b) => a.sequence - b.sequence)) {
    try {
      await repository.target.remove(path);
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code === 'unreachable') throw error;
      left++;
      findings.push({
        severity: 'warning',
        code: 'not-removed',
        message: `snapshot ${id.slice(0, 12)} could not be removed: ${error.message}`,
        hint: 'an append-only or locked place lets nothing be removed; run this again where it may be, or when the lock has run out',
        subject: path,
      });
    }
  }
  return { forgotten: heads.length - left, left, findings };
}

/** Writes one record of all that this host ever forgot, and removes those that it stands for. */
export async function recordForgotten(repository: Repository, survey: Survey, author: Author, spans: readonly Span[]): Promise<void> {
  const { target } = repository;
  const own = survey.records.filter(
    ({ kind, key, fields }) => kind === 'forget' && key === author.key.publicHex && fields['reason'] === undefined,
  );
  const all = mergeSpans([...own.flatMap((record) => spansOf(record)), ...spans]);
  const { path } = await writeRecord(
    target,
    author,
    'forget',
    {},
    all.map((span) => ({ ...span })),
  );
  for (const old of own) if (old.path !== path) await target.remove(old.path).catch(() => undefined);
}
