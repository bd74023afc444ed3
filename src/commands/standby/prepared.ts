/** How `standby prepare` tells what it found and did. */
import type { Done, Prepared } from '../../standby/prepare/prepare.ts';
import type { TextHelpers } from '../types.ts';
import type { Direction } from './hosts.ts';

/** The difference, file by file. */
export function describeChanges({ to }: Direction, { shown, accounts }: Prepared, text: TextHelpers): string {
  const what = { new: text.say`new`, content: text.say`changed`, owner: text.say`owner or mode`, link: text.say`link` };
  const blocks = [
    ...accounts.map(({ kind, name, id, password }) => (password === true ? `${text.say`password`}  ${name}` : `${kind}  ${name} (${id})`)),
    ...shown.map(({ path, what: change, detail, diff }) =>
      [
        `${what[change]}  ${text.bold(path)}${detail === undefined ? '' : `  (${detail})`}`,
        ...(diff ?? []).map((line) => `    ${line}`),
      ].join('\n'),
    ),
  ];
  if (blocks.length === 0) return text.say`'${to}' has everything already`;
  return [text.say`what comes to '${to}':`, ...blocks].join('\n');
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
  const { number } = text;
  if (done?.putBack === true)
    lines.push(
      text.red(
        text.bold(text.say`nothing of '${way.to}' is changed: its servers did not understand what was copied, and all was put back`),
      ),
    );
  else if (lacks > 0) lines.push(text.red(text.bold(text.say`what a switch to '${way.to}' would lack: ${number(lacks)}, below`)));
  else if (done === undefined && differs > 0)
    lines.push(text.yellow(text.bold(text.say`${number(differs)} files, users or groups are not on '${way.to}' yet`)));
  else lines.push(text.green(text.bold(text.say`'${way.to}' has what it needs to take the place of '${way.from}'`)));
  if (done !== undefined && !done.putBack)
    lines.push(text.say`copied as run ${done.run}; to put the old files back: mailrecover standby prepare --undo ${done.run}`);
  const only = plan.onlyThere.length === 0 ? '' : text.say`, ${number(plan.onlyThere.length)} only on '${way.to}' (they stay)`;
  const rows: [string, string][] = [[text.say`files`, text.say`${number(plan.alike)} alike, ${number(shown.length)} not${only}`]];
  if (logins !== undefined)
    rows.push([
      text.say`logins`,
      [
        text.say`${number(logins.users)} users`,
        text.say`${number(logins.inFiles)} by files that are copied`,
        ...(logins.readable > 0 ? [text.say`${number(logins.readable)} by the snapshot`] : []),
        ...(logins.emergency.length > 0 ? [text.say`${number(logins.emergency.length)} by an emergency password`] : []),
        ...(logins.uncovered.length > 0 ? [text.say`${number(logins.uncovered.length)} not, without their directory`] : []),
      ].join(', '),
    ]);
  lines.push('', text.pairs(rows));
  if (done === undefined && differs > 0) lines.push('', describeChanges(way, prepared, text));
  if (dryRun) lines.push('', text.dim(text.say`nothing was changed`));
  return lines.join('\n');
}
