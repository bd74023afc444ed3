/** The record as a page that a manager reads: the verdict first, then what was promised, what happened, and what was otherwise than planned. */
import { OUTCOMES, verdictOf } from './outcomes.ts';
import type { DrillRecord, RecordedStep } from './record.ts';
import { shownSeconds } from './shown.ts';

export function recordMarkdown(record: DrillRecord): string {
  const { recipe, seconds, goals, steps, approvals, deviations, roles, because } = record;
  const parts = [
    `# ${escape(recipe.title)}: ${verdictOf(record)}`,
    ...(because === null ? [] : [`**${escape(because)}**`]),
    table(
      ['', ''],
      [
        ['Purpose', record.purpose === '' ? 'not said' : record.purpose],
        ['Began', `${utc(record.startedAt)} UTC`],
        ['Ended', record.endedAt === null ? 'not yet' : `${utc(record.endedAt)} UTC`],
        ['Took', `${shownSeconds(seconds.actual)}${seconds.planned === 0 ? '' : `; planned ${shownSeconds(seconds.planned)}`}`],
        ['Run by', `${record.by}, on ${record.host}`],
        ...roles.map(({ name, does, person }) => [sentence(name), `${person ?? 'nobody was named'} (${does})`]),
        ...Object.entries(record.variables).flatMap(([name, value]) => (value === '' ? [] : [[`\`${name}\``, value]])),
      ],
    ),
  ];
  if (goals.length > 0)
    parts.push(
      '## What was promised',
      table(
        ['goal', 'at most', 'was', 'kept'],
        goals.map(({ title, atMost, actual, kept }) => [
          title,
          String(atMost),
          actual === null ? 'unknown' : String(actual),
          kept === null ? 'unknown' : kept ? 'yes' : '**no**',
        ]),
      ),
    );
  parts.push(
    '## Deviations',
    deviations.length === 0
      ? 'None.'
      : deviations.map(({ step, message }) => `- ${step === null ? '' : `${escape(titleOf(steps, step))}: `}${escape(message)}`).join('\n'),
    '## What happened',
    table(
      ['began (UTC)', 'step', 'who', 'planned', 'took', 'result'],
      steps.map((step) => [
        step.startedAt === null ? '–' : clock(step.startedAt),
        step.title,
        step.person ?? step.role ?? '',
        step.planned === null ? '' : shownSeconds(step.planned),
        step.actual === null ? '' : shownSeconds(step.actual),
        step.outcome === 'failed' ? `**${OUTCOMES.failed}**` : OUTCOMES[step.outcome],
      ]),
    ),
    '## Approvals and answers',
    approvals.length === 0
      ? 'None were asked for.'
      : table(
          ['when (UTC)', 'what', 'who', 'answer', 'how'],
          approvals.map(({ time, step, by, role, answer, how, remark }) => [
            clock(time),
            titleOf(steps, step),
            role === undefined ? by : `${by} (${role})`,
            remark === undefined ? answer : `${answer}: ${remark}`,
            how === 'terminal' ? 'at the terminal' : 'beforehand, with `--yes`',
          ]),
        ),
    '## Each step',
    ...steps.filter(({ outcome }) => outcome !== 'not-reached').map(details),
    '## Observations and actions',
    'To be filled in at the review: what went well, what did not, who does what until when.',
    table(
      ['what', 'who', 'until'],
      [
        ['', '', ''],
        ['', '', ''],
      ],
    ),
    `Run \`${record.run}\` of the recipe \`${recipe.name}\` (SHA-256 \`${recipe.sha256.slice(0, 16)}…\`), mailrecover ${record.version}. All times are UTC.`,
  );
  return `${parts.join('\n\n')}\n`;
}

function details({ title, does, says, exitCode, remarks, outputs, kind }: RecordedStep): string {
  const code = kind === 'command' || kind === 'program';
  const lines = [
    `### ${escape(title)}`,
    ...(does === null
      ? []
      : [
          code
            ? `    ${does}`
            : does
                .split('\n')
                .map((line) => `> ${escape(line)}`)
                .join('\n'),
        ]),
    ...(says === null ? [] : [`${escape(says)}${exitCode === null ? '' : ` (exit code ${exitCode})`}`]),
    remarks.map(({ severity, message }) => `- ${severity}: ${escape(message)}`).join('\n'),
    Object.entries(outputs)
      .map(([name, value]) => `- \`${name}\` = ${escape(value === '' ? '(empty)' : value)}`)
      .join('\n'),
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}

function titleOf(steps: readonly RecordedStep[], id: string): string {
  return steps.find((step) => step.id === id)?.title ?? id;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => escape(cell).replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

/** What would end a cell, or begin a tag. */
function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** `2026-11-20 03:00:07` */
function utc(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

function clock(iso: string): string {
  return iso.slice(11, 19);
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
