/** The report as JUnit XML, for what shows results of tests: a suite a host, and in it a case for each thing that was promised. */
import type { Finding } from '../../errors/finding.ts';
import type { HostReport, Report } from './model.ts';

/** Which findings make which case fail; whatever fits none is of the last. */
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['backup', ['no-backup', 'backup-old', 'host-silent', 'partial-snapshot', 'last-backup', 'missed-run']],
  ['proof', ['never-verified', 'verify-old', 'last-verify', 'mailboxes-failed', 'mailboxes-unproved']],
  ['restore time', ['rto-missed', 'rto-unknown']],
  ['integrity', ['damage']],
  ['everything else', []],
];

interface Case {
  name: string;
  seconds: number | undefined;
  findings: readonly Finding[];
}

/** After the schema that Jenkins, GitLab and others read (testsuites, testsuite, testcase with failure, error or system-out). Errors of the report fail; warnings are only told. */
export function reportJunit(report: Report): string {
  const suites = [
    ...report.hosts.map((host) => ({ name: host.host, cases: casesOf(host) })),
    { name: 'repository and delivery', cases: [{ name: 'everything', seconds: undefined, findings: report.findings }] },
  ];
  const tests = suites.reduce((sum, { cases }) => sum + cases.length, 0);
  const failures = suites.reduce((sum, { cases }) => sum + cases.filter(isFailure).length, 0);
  const lines = suites.flatMap((suite) => suiteLines(suite, report));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="mailrecover" tests="${tests}" failures="${failures}" errors="0" time="0">`,
    ...lines,
    '</testsuites>',
    '',
  ].join('\n');
}

function casesOf({ findings, wholeProof }: HostReport): Case[] {
  const named = new Set(CASES.flatMap(([, codes]) => codes));
  return CASES.map(([name, codes]) => ({
    name,
    seconds: name === 'restore time' ? wholeProof?.seconds : undefined,
    findings: findings.filter(({ code }) => (codes.length === 0 ? !named.has(code) : codes.includes(code))),
  }));
}

function isFailure({ findings }: Case): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

function suiteLines({ name, cases }: { name: string; cases: readonly Case[] }, { madeAt, by }: Report): string[] {
  const failures = cases.filter(isFailure).length;
  // xs:dateTime as the schema has it: without a zone.
  const timestamp = madeAt.slice(0, 19);
  const head = `  <testsuite name="${xml(name)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0" time="0" timestamp="${timestamp}" hostname="${xml(by)}">`;
  return [head, ...cases.flatMap((each) => caseLines(name, each)), '  </testsuite>'];
}

function caseLines(suite: string, { name, seconds = 0, findings }: Case): string[] {
  const open = `    <testcase classname="mailrecover.${xml(suite)}" name="${xml(name)}" time="${seconds}"`;
  const errors = findings.filter(({ severity }) => severity === 'error');
  const others = findings.filter(({ severity }) => severity !== 'error');
  const [first] = errors;
  if (first === undefined && others.length === 0) return [`${open}/>`];
  const body = errors.map(({ message, hint }) => `${message}${hint === undefined ? '' : `\nhint: ${hint}`}`).join('\n');
  return [
    `${open}>`,
    ...(first === undefined ? [] : [`      <failure type="${xml(first.code)}" message="${xml(first.message)}">${xml(body)}</failure>`]),
    ...(others.length === 0
      ? []
      : [`      <system-out>${xml(others.map(({ severity, message }) => `${severity}: ${message}`).join('\n'))}</system-out>`]),
    '    </testcase>',
  ];
}

/** Text for an element or an attribute (XML 1.0, 2.2 and 2.4): what no XML may hold becomes a replacement character. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character] ?? '&quot;');
}
