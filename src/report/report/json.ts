import type { Report } from './model.ts';

/** The report as the one JSON document that `report --json` prints, for programs that read the mail. */
export function reportDocument(report: Report): Record<string, unknown> {
  const { by, madeAt, verdict, hosts } = report;
  const findings = [...hosts.flatMap((host) => host.findings), ...report.findings];
  return {
    schema: 'mailrecover/1',
    command: 'report',
    host: by,
    startedAt: madeAt,
    finishedAt: madeAt,
    outcome: verdict,
    counts: reportCounts(report),
    findings,
    artifacts: [],
    report,
  };
}

export function reportCounts({ hosts }: Report): Record<string, number> {
  const of = (level: string): number => hosts.filter((host) => host.level === level).length;
  return { hosts: hosts.length, failed: of('failed'), warnings: of('warning') };
}
