/** The record of a run: what was planned, what happened, who agreed, and what was otherwise than planned. */
import { isoNow } from '../system/clock.ts';
import { deviationsOf } from './deviations.ts';
import type { Answer, DrillState, Remark, StepEnd } from './journal.ts';
import type { RecipeStep } from './schema.ts';
import { fill } from './values.ts';

/** Its name and version. */
export const RECORD_SCHEMA = 'mailrecover-drill/1';

export interface RecordedStep {
  id: string;
  title: string;
  kind: 'command' | 'program' | 'approval' | 'manual';
  role: string | null;
  /** Who has that role. */
  person: string | null;
  /** What was run or asked; null where it was not reached. */
  does: string | null;
  outcome: StepEnd['outcome'] | 'not-reached';
  /** UTC. */
  startedAt: string | null;
  endedAt: string | null;
  /** Seconds. */
  planned: number | null;
  actual: number | null;
  tries: number;
  exitCode: number | null;
  says: string | null;
  remarks: Remark[];
  outputs: Record<string, string>;
}

export interface Deviation {
  /** Null where it is about the run as a whole. */
  step: string | null;
  /** Stable name, e.g. `late`. */
  code: string;
  message: string;
}

export interface DrillRecord {
  schema: typeof RECORD_SCHEMA;
  run: string;
  recipe: { name: string; title: string; path: string; sha256: string };
  purpose: string;
  variables: Record<string, string>;
  roles: { name: string; does: string; person: string | null }[];
  by: string;
  host: string;
  version: string;
  startedAt: string;
  endedAt: string | null;
  outcome: 'finished' | 'finished-with-failures' | 'stopped' | 'interrupted' | 'given-up';
  /** Why it stands still, where it does. */
  because: string | null;
  seconds: { planned: number; actual: number };
  goals: { title: string; atMost: number; actual: number | null; kept: boolean | null }[];
  steps: RecordedStep[];
  approvals: (Answer & { time: string })[];
  deviations: Deviation[];
}

export function recordOf(state: DrillState): DrillRecord {
  const { head, lines, startedAt, ended } = state;
  const { content, ...recipe } = head.recipe;
  const steps = content.steps.map((step) => recordedStep(step, state));
  const last = lines.at(-1);
  const stopped = last?.event === 'stopped' ? last : undefined;
  const endedAt = ended !== undefined || stopped !== undefined ? (last?.time ?? null) : null;
  const values = new Map(Object.entries(head.variables));
  for (const { id, outputs } of steps) for (const [name, value] of Object.entries(outputs)) values.set(`${id}.${name}`, value);
  const record: Omit<DrillRecord, 'deviations'> = {
    schema: RECORD_SCHEMA,
    run: head.run,
    recipe: { ...recipe, title: content.title },
    purpose: head.purpose,
    variables: head.variables,
    roles: content.roles.map(({ name, does }) => ({ name, does, person: personOf(name, state) ?? null })),
    by: head.by,
    host: head.host,
    version: head.version,
    startedAt,
    endedAt,
    outcome:
      ended === 'given-up'
        ? 'given-up'
        : ended === 'finished'
          ? steps.some(({ outcome }) => outcome === 'failed')
            ? 'finished-with-failures'
            : 'finished'
          : stopped !== undefined && stopped.why !== 'interrupted'
            ? 'stopped'
            : 'interrupted',
    because: stopped === undefined ? null : `${titleOf(content.steps, stopped.step)}: ${stopped.message}`,
    seconds: {
      planned: content.steps.filter((_, index) => steps[index]?.outcome !== 'skipped').reduce((sum, { planned = 0 }) => sum + planned, 0),
      actual: between(startedAt, endedAt ?? last?.time ?? isoNow()),
    },
    goals: content.goals.map(({ title, value, atMost }) => {
      const text = fill(value, values, () => '');
      const actual = text.trim() === '' || Number.isNaN(Number(text)) ? null : Number(text);
      return { title, atMost, actual, kept: actual === null ? null : actual <= atMost };
    }),
    steps,
    approvals: lines.flatMap((line) => {
      if (line.event !== 'answer') return [];
      const { event: _, ...answer } = line;
      return [answer];
    }),
  };
  return { ...record, deviations: deviationsOf(record, lines) };
}

function titleOf(steps: readonly RecipeStep[], id: string): string {
  return steps.find((step) => step.id === id)?.title ?? id;
}

/** Seconds, to a tenth. */
export function between(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 100) / 10;
}

/** Who was named for a role beforehand, or answered in it. */
function personOf(role: string, { head, lines }: DrillState): string | undefined {
  const answered = lines.findLast((line) => line.event === 'answer' && line.role === role && line.how === 'terminal');
  return head.roles[role] ?? (answered?.event === 'answer' ? answered.by : undefined);
}

function recordedStep(step: RecipeStep, state: DrillState): RecordedStep {
  const { lines, cut } = state;
  const begins = lines.filter((line) => line.event === 'begin').filter((line) => line.step === step.id);
  const end = lines.filter((line) => line.event === 'end').findLast((line) => line.step === step.id);
  const startedAt = begins[0]?.time ?? null;
  const isCut = cut === step.id;
  const endedAt = isCut ? null : (end?.time ?? null);
  return {
    id: step.id,
    title: step.title,
    kind: step.uses !== undefined ? 'command' : step.run !== undefined ? 'program' : step.approve !== undefined ? 'approval' : 'manual',
    role: step.role ?? null,
    person: (step.role === undefined ? undefined : personOf(step.role, state)) ?? null,
    does: begins.at(-1)?.does ?? null,
    outcome: isCut ? 'interrupted' : (end?.outcome ?? 'not-reached'),
    startedAt,
    endedAt,
    planned: step.planned ?? null,
    actual: startedAt === null || endedAt === null ? null : between(startedAt, endedAt),
    tries: begins.length,
    exitCode: end?.exitCode ?? null,
    says: end?.says ?? null,
    remarks: end?.remarks ?? [],
    outputs: end?.outputs ?? {},
  };
}
