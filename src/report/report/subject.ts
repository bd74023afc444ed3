/** The subject of the mail, and the verdict in one sentence: what is read on a telephone, half asleep. */
import type { Words } from '../words/index.ts';
import type { HostReport, Report } from './model.ts';

/** Longer ones are cut off by those who show them. */
const LONGEST = 110;
const MOST_NAMED = 3;

/** `[mailrecover] FAIL 2/14: mx1 backup too old, mx3 silent`, in one line and without control characters. */
export function reportSubject(report: Report, words: Words): string {
  const { subject, level } = words.report;
  const { verdict, hosts, occasion } = report;
  const isOver = occasion?.kind === 'recovery';
  const bad = isOver || verdict === 'ok' ? undefined : hosts.filter((host) => host.level === verdict);
  const share = bad === undefined ? whole(report, words) : shareOf(report, bad, words);
  const kind =
    occasion?.kind === 'summary'
      ? subject.summary[report.period.name]
      : occasion?.kind === 'reminder' && occasion.since !== undefined
        ? subject.reminder(occasion.since.slice(0, 10))
        : isOver && verdict !== 'ok'
          ? subject.now(level[verdict])
          : '';
  const tail = kind === '' ? '' : ` ${kind}`;
  const line = clean(`[mailrecover] ${isOver ? subject.over : level[verdict]} ${share}`);
  return `${line.length + tail.length > LONGEST ? `${line.slice(0, LONGEST - tail.length - 2).trimEnd()} …` : line}${tail}`;
}

/** Whose report it is, and of which run. */
function whole({ hosts, run }: Report, words: Words): string {
  const [only] = hosts;
  if (hosts.length !== 1 || only === undefined) return words.report.subject.allHosts(hosts.length);
  return run === undefined ? only.host : `${only.host} ${run.command}`;
}

function shareOf(report: Report, bad: readonly HostReport[], words: Words): string {
  const { hosts, findings, verdict } = report;
  const { subject, short } = words.report;
  const { and } = words.common;
  const wanted = verdict === 'failed' ? 'error' : 'warning';
  const codes = (all: readonly { severity: string; code: string }[]): string[] => [
    ...new Set(all.filter(({ severity }) => severity === wanted).map(({ code }) => short(code))),
  ];
  if (bad.length === 0) return subject.of(whole(report, words), codes(findings).join(and));
  const [only] = bad;
  if (hosts.length === 1 && only !== undefined) return subject.of(whole(report, words), codes(only.findings).join(and));
  const named = bad.slice(0, MOST_NAMED).map((host) => `${host.host} ${codes(host.findings)[0] ?? ''}`.trimEnd());
  return subject.of(subject.share(bad.length, hosts.length), `${named.join(and)}${bad.length > MOST_NAMED ? ' …' : ''}`);
}

/** What strangers wrote may hold line ends, and what turns the direction of writing. */
function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').replace(/ {2,}/g, ' ');
}

/** `something is wrong on 2 of 14 hosts`. */
export function verdictOf({ verdict, hosts }: Report, words: Words): string {
  const { verdict: says } = words.report;
  const bad = hosts.filter(({ level }) => level === verdict).length;
  return verdict === 'ok' ? says.ok(hosts.length) : says[verdict](bad, hosts.length);
}
