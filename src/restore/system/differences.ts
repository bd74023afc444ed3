/** The report of differences, as text. */
import type { AccountDifference, Differences, FileDifference } from './compare.ts';

/** Verdict first, then file by file. */
export function differencesText(differences: Differences, snapshot: string, time: string): string {
  const { files, packages, users, groups, services } = differences;
  const paths = new Set(files.map(({ path }) => path));
  const verdict =
    paths.size === 0
      ? `All ${differences.compared} files and links of the snapshot are on this host as they were.`
      : `${paths.size} files, links or directories differ from this host, of ${differences.compared} files and links that were compared.`;
  const blocks = [
    `The server of snapshot ${snapshot.slice(0, 16)} (${time}), compared with this host\n\n${verdict}`,
    list(
      'Missing on this host',
      files.filter(({ difference }) => difference === 'missing'),
    ),
    list(
      'Other kinds of files, or links that lead elsewhere',
      files.filter(({ difference }) => difference === 'kind' || difference === 'link'),
    ),
    list(
      'Other owners or modes',
      files.filter(({ difference }) => difference === 'owner' || difference === 'mode'),
    ),
    accounts('Users', users),
    accounts('Groups', groups),
    packages.missing.length === 0 ? undefined : `Packages that are not installed here\n\n${indent(packages.missing)}`,
    packages.otherVersion.length === 0
      ? undefined
      : `Packages in another version\n\n${indent(packages.otherVersion.map(({ name, version, here }) => `${name}  ${here} here, was ${version}`))}`,
    services.length === 0 ? undefined : `Units that are not enabled here\n\n${indent(services)}`,
    contents(files.filter(({ difference }) => difference === 'content')),
  ];
  return `${blocks.filter((block) => block !== undefined).join('\n\n\n')}\n`;
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}`).join('\n');
}

function list(title: string, rows: readonly FileDifference[]): string | undefined {
  if (rows.length === 0) return undefined;
  return `${title}\n\n${indent(rows.map(({ path, detail }) => (detail === undefined ? path : `${path}  (${detail})`)))}`;
}

function accounts(title: string, rows: readonly AccountDifference[]): string | undefined {
  if (rows.length === 0) return undefined;
  const said = rows.map(({ name, difference, id, here }) =>
    difference === 'missing' ? `${name}  not here, was number ${id}` : `${name}  number ${here ?? '?'} here, was ${id}`,
  );
  return `${title}\n\n${indent(said)}`;
}

function contents(rows: readonly FileDifference[]): string | undefined {
  if (rows.length === 0) return undefined;
  const blocks = rows.map(({ path, detail, diff }) =>
    diff === undefined ? `${path}  (${detail ?? 'differs'})` : `${path}\n\n${indent(diff.split('\n'))}`,
  );
  return `Other content ('-' is this host, '+' the snapshot)\n\n${blocks.join('\n\n')}`;
}
