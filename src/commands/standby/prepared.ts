/** How `standby prepare` tells what it found and did. */
import type { Done, Prepared } from '../../standby/prepare/prepare.ts';
import type { TextHelpers } from '../types.ts';
import type { Direction } from './hosts.ts';

const WHAT = { new: 'new', content: 'changed', owner: 'owner or mode', link: 'link' } as const;
const PLAIN = { number: (value: number): string => String(value), bold: (text: string): string => text };

/** The difference, file by file. */
export function describeChanges(
  { to }: Direction,
  { shown, accounts }: Prepared,
  text: Pick<TextHelpers, 'number' | 'bold'> = PLAIN,
): string {
  const blocks = [
    ...accounts.map(({ kind, name, id, password }) => (password === true ? `password  ${name}` : `${kind}  ${name} (${id})`)),
    ...shown.map(({ path, what, detail, diff }) =>
      [
        `${WHAT[what]}  ${text.bold(path)}${detail === undefined ? '' : `  (${detail})`}`,
        ...(diff ?? []).map((line) => `    ${line}`),
      ].join('\n'),
    ),
  ];
  if (blocks.length === 0) return `'${to}' has everything already`;
  return [`what comes to '${to}':`, ...blocks].join('\n');
}

export function fieldsOf({ shown, accounts, plan, logins }: Prepared): Record<string, unknown> {
  return {
    changes: shown,
    accounts: accounts.map(({ kind, name, id, password }) => ({ kind, name, id, what: password === true ? 'password' : 'new' })),
    onlyThere: plan.onlyThere,
    logins:
      logins === undefined
        ? null
        : {
            users: logins.users,
            inFiles: logins.inFiles,
            readable: logins.readable,
            emergency: logins.emergency.length,
            issued: logins.issued.length,
            uncovered: logins.uncovered,
          },
  };
}

export function verdictOf(
  way: Direction,
  prepared: Prepared,
  { lacks, done, dryRun }: { lacks: number; done: Done | undefined; dryRun: boolean },
  text: TextHelpers,
): string {
  const { shown, accounts, logins, plan } = prepared;
  const differs = shown.length + accounts.length;
  const lines: string[] = [];
  if (done?.putBack === true)
    lines.push(
      text.red(text.bold(`nothing of '${way.to}' is changed: its servers did not understand what was copied, and all was put back`)),
    );
  else if (lacks > 0)
    lines.push(text.red(text.bold(`a switch to '${way.to}' would lack ${text.number(lacks)} ${lacks === 1 ? 'thing' : 'things'}, below`)));
  else if (done === undefined && differs > 0)
    lines.push(text.yellow(text.bold(`${text.number(differs)} files, users or groups are not on '${way.to}' yet`)));
  else lines.push(text.green(text.bold(`'${way.to}' has what it needs to take the place of '${way.from}'`)));
  if (done !== undefined && !done.putBack)
    lines.push(`copied as run ${done.run}; to put the old files back: mailrecover standby prepare --undo ${done.run}`);
  const rows: [string, string][] = [
    [
      'files',
      `${text.number(plan.alike)} alike, ${text.number(shown.length)} ${done === undefined ? 'differ' : 'differed'}${plan.onlyThere.length === 0 ? '' : `, ${text.number(plan.onlyThere.length)} only on '${way.to}' (they stay)`}`,
    ],
  ];
  if (logins !== undefined)
    rows.push([
      'logins',
      `of ${text.number(logins.users)} users ${[
        `${text.number(logins.inFiles)} by files that are copied`,
        ...(logins.readable > 0 ? [`${text.number(logins.readable)} by the snapshot`] : []),
        ...(logins.emergency.length > 0 ? [`${text.number(logins.emergency.length)} by an emergency password`] : []),
        ...(logins.uncovered.length > 0 ? [`${text.number(logins.uncovered.length)} not, without their directory`] : []),
      ].join(', ')}`,
    ]);
  lines.push('', text.pairs(rows));
  if (done === undefined && differs > 0) lines.push('', describeChanges(way, prepared, text));
  if (dryRun) lines.push('', text.dim('nothing was changed'));
  return lines.join('\n');
}
