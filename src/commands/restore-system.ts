/** `restore --system`. */
import { join } from 'node:path';
import type { Finding } from '../errors/finding.ts';
import type { Identity } from '../repository/age/keys.ts';
import type { Repository, StoredSnapshot } from '../repository/repository.ts';
import type { SystemReport } from '../restore/system/restore.ts';
import { monotonic } from '../system/clock.ts';
import { audit } from './audit.ts';
import { threadsOf, type Place } from './from-config.ts';
import type { CommandContext, CommandResult, TextHelpers } from './types.ts';

interface Wishes {
  repository: Repository;
  snapshot: StoredSnapshot;
  identities: readonly Identity[] | undefined;
  to: string;
  mapOwner: ReadonlyMap<string, string>;
  dryRun: boolean;
  findings: Finding[];
}

export async function restoreServer(context: CommandContext, place: Place, wishes: Wishes): Promise<CommandResult> {
  const begun = monotonic();
  const { snapshot, to, dryRun, findings } = wishes;
  const { restoreSystem, DIFFERENCES_FILE, REBUILD_FILE } = await import('../restore/system/restore.ts');
  if (!dryRun) findings.push(...(await audit(place, 'restore', { snapshot: snapshot.id, part: 'system', to })));
  const report = await restoreSystem({
    repository: wishes.repository,
    snapshot,
    identities: wishes.identities,
    layoutOf: place.layoutOf,
    to,
    mapOwner: wishes.mapOwner,
    threads: await threadsOf(place.config),
    dryRun,
    progress: context.progress,
    signal: context.signal,
  });
  const { files } = report.counts;
  const { differences } = report;
  const differing = new Set(differences?.files.map(({ path }) => path)).size;
  return {
    outcome: report.outcome === 'ok' && findings.length > 0 ? 'warning' : report.outcome,
    counts: dryRun ? {} : { files, differences: differing },
    findings: [...findings, ...report.findings],
    ...(dryRun
      ? {}
      : {
          artifacts: [
            { kind: 'restore', path: to },
            { kind: 'differences', path: join(to, DIFFERENCES_FILE) },
            { kind: 'rebuild', path: join(to, REBUILD_FILE) },
          ],
        }),
    fields: {
      snapshot: snapshot.id,
      target: to,
      ...(dryRun ? { plan: { files } } : { resumed: report.resumed }),
      ...(differences === undefined ? {} : { differences }),
    },
    render: (text) => render({ report, snapshot: snapshot.id, to, differing, milliseconds: monotonic() - begun }, text),
  };
}

interface Shown {
  report: SystemReport;
  snapshot: string;
  to: string;
  differing: number;
  milliseconds: number;
}

function render({ report, snapshot, to, differing, milliseconds }: Shown, text: TextHelpers): string {
  const { differences } = report;
  const rows: [string, string][] = [
    [text.say`snapshot`, text.bold(snapshot.slice(0, 16))],
    [differences === undefined ? text.say`would go to` : text.say`restored to`, to],
    [text.say`files`, text.number(report.counts.files)],
  ];
  if (differences !== undefined) {
    const { missing, otherVersion } = differences.packages;
    rows.push(
      [
        text.say`this host`,
        differing === 0
          ? text.green(text.say`no file differs`)
          : text.yellow(text.say`${text.number(differing)} files differ or are missing`),
      ],
      [text.say`packages`, text.say`${text.number(missing.length)} missing here, ${text.number(otherVersion.length)} in another version`],
      [text.say`took`, text.duration(milliseconds)],
      [text.say`read next`, join(to, 'REBUILD.md')],
    );
  }
  return text.pairs(rows);
}
