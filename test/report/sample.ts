/** Reports for tests of what is made from them. */
import type { Finding } from '../../src/errors/finding.ts';
import type { HostReport, Report } from '../../src/report/report/model.ts';
import { actionsOf, byUrgency, levelOf, worst } from '../../src/report/report/verdict.ts';

export const NOW = '2026-11-22T06:00:00.000Z';

export function finding(severity: Finding['severity'], code: string, message: string, hint?: string): Finding {
  return { severity, code, message, ...(hint === undefined ? {} : { hint }) };
}

export function host(name: string, findings: readonly Finding[] = [], more: Partial<HostReport> = {}): HostReport {
  return {
    host: name,
    level: levelOf(findings),
    silent: false,
    backup: { snapshot: 'ab'.repeat(32), time: '2026-11-22T03:00:00.000Z', ageSeconds: 10_800, messages: 1234, bytes: 5_000_000 },
    proof: { snapshot: 'ab'.repeat(32), level: 'server', time: '2026-11-21T03:30:00.000Z', ageSeconds: 95_400, by: name, seconds: 65 },
    wholeProof: undefined,
    goals: { rpo: undefined, rto: undefined },
    totals: { backups: 144, newMessages: 321, bytesStored: 1_200_000, damaged: 0 },
    failures: [],
    incomplete: [],
    trend: [],
    runs: [],
    runsLeftOut: 0,
    findings,
    ...more,
  };
}

export function report(hosts: readonly HostReport[], findings: readonly Finding[] = [], more: Partial<Report> = {}): Report {
  return {
    madeAt: NOW,
    by: 'mx1',
    version: '1.0.0',
    period: { name: 'day', from: '2026-11-21T06:00:00.000Z', to: NOW },
    verdict: worst([...hosts.map(({ level }) => level), levelOf(findings)]),
    hosts: hosts.toSorted(byUrgency),
    actions: actionsOf(hosts.toSorted(byUrgency), findings),
    repository: { location: '/srv/backup', encrypted: true, bytes: 1e9, objects: 300, perDay: 12e6, free: 3e11, daysUntilFull: 25_000 },
    run: undefined,
    occasion: undefined,
    spool: { waiting: 0, refused: 0, oldest: undefined },
    findings,
    ...more,
  };
}

export const SILENT = finding('error', 'host-silent', "nothing was ever heard of host 'mx3'", "is it up? ask there: 'mailrecover status'");
export const OLD = finding(
  'warning',
  'backup-old',
  'the newest complete backup of mx2 is more than a day old',
  "make one: 'mailrecover backup'",
);
