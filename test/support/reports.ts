/** Reports as hosts of all kinds would give them, to draw pages, mails and texts from. */
import type { Finding } from '../../src/errors/finding.ts';
import { actionsOf, byUrgency, levelOf, worst } from '../../src/report/report/verdict.ts';
import { silentHost as silentHostReport } from '../../src/commands/report/host.ts';
import { Random } from './random.ts';
import type { HostReport, ProofLine, Report, RunLine, TrendPoint } from '../../src/report/report/model.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const MADE = Date.UTC(2026, 10, 22, 5, 30, 12);

const ago = (seconds: number): string => new Date(MADE - seconds * 1000).toISOString();

type Kind = 'ok' | 'warning' | 'failed' | 'silent' | 'damaged';

interface HostWish {
  host: string;
  seed?: number;
  /** Days that the trend goes back, and backups a day. */
  days?: number;
  perDay?: number;
  /** Days of the report's period. */
  period?: number;
  kind?: Kind;
  /** Bytes of new mail on an ordinary day. */
  daily?: number;
}

/** One host with a history. */
function sampleHost(wish: HostWish): HostReport {
  const { host, seed = 1, days = 30, perDay = 1, period = 7, kind = 'ok', daily = 48_000_000 } = wish;
  const random = new Random(String(seed));
  const roll = (): number => random.float();
  const failedFor = kind === 'failed' ? 3 * DAY : 0;
  const trend: TrendPoint[] = [];
  const runs: RunLine[] = [];
  for (let index = Math.round(days * perDay); index >= 0; index--) {
    const age = index * (DAY / perDay) + 2.5 * HOUR;
    const time = ago(age);
    const first = index === Math.round(days * perDay) && days < 60;
    const weekday = new Date(time).getUTCDay();
    const busy = weekday === 0 || weekday === 6 ? 0.25 : 1;
    const ok = age > failedFor && (roll() > 0.02 || kind === 'ok');
    const bytesStored = Math.round((first ? 30 : busy * (0.6 + roll() * 0.9)) * (daily / perDay));
    const seconds = Math.round((18 + (bytesStored / daily) * 40 + roll() * 12) * 10) / 10;
    const messages = Math.round(bytesStored / 42_000);
    trend.push(
      ok
        ? { time, command: 'backup', ok, seconds, messages, bytesStored }
        : { time, command: 'backup', ok, seconds: 4 + Math.round(roll() * 5), messages: undefined, bytesStored: undefined },
    );
    if (age < period * DAY) {
      runs.push({
        id: `${host}-${index}`.slice(0, 32),
        host,
        command: 'backup',
        startedAt: time,
        seconds: ok ? seconds : 5,
        state: ok ? 'ok' : 'failed',
        counts: ok ? { messages: 150_000 + messages, newMessages: messages, bytesStored } : {},
        error: ok ? undefined : 'sftp server vault.example.net can not be reached',
        codes: ok ? [] : ['unreachable'],
      });
    }
    if (index % Math.max(1, Math.round(7 * perDay)) === 2) {
      const verified = ago(age - HOUR);
      const took = Math.round(1900 + (days - index / perDay) * Math.min(9, 1000 / days) + roll() * 240);
      trend.push({ time: verified, command: 'verify', ok: true, seconds: took, messages: undefined, bytesStored: undefined });
      if (age < period * DAY) {
        const counts = { messages: 150_000, mailboxes: 212 };
        runs.push({
          id: `v-${index}`,
          host,
          command: 'verify',
          startedAt: verified,
          seconds: took,
          state: 'ok',
          counts,
          error: undefined,
          codes: [],
        });
      }
    }
  }
  const newest = trend.findLast(({ command, ok }) => command === 'backup' && ok);
  const age = newest === undefined ? 0 : Math.round((MADE - Date.parse(newest.time)) / 1000);
  const proved = trend.findLast(({ command }) => command === 'verify');
  const proof: ProofLine | undefined =
    proved === undefined
      ? undefined
      : {
          snapshot: 'b6cdcc45925d',
          level: 'server',
          time: proved.time,
          ageSeconds: Math.round((MADE - Date.parse(proved.time)) / 1000),
          by: 'verifier.example.net',
          seconds: proved.seconds,
        };
  const inPeriod = trend.filter(({ time, command }) => command === 'backup' && Date.parse(time) > MADE - period * DAY * 1000);
  const sum = (pick: (point: TrendPoint) => number | undefined): number => inPeriod.reduce((total, point) => total + (pick(point) ?? 0), 0);
  if (kind === 'silent') return silentHost(host);
  const failures = kind === 'failed' ? runs.filter(({ state }) => state === 'failed') : [];
  const goal = perDay > 1 ? (2 * DAY) / perDay : 26 * HOUR;
  const rpo = { goalSeconds: goal, actualSeconds: age, met: age <= goal };
  return {
    host,
    level: kind === 'damaged' ? 'failed' : kind,
    silent: false,
    backup:
      newest === undefined
        ? undefined
        : {
            snapshot: '9f2c81d04be7',
            time: newest.time,
            ageSeconds: age,
            messages: 151_209 + Math.round(roll() * 9000),
            bytes: 21_480_000_000,
          },
    proof,
    wholeProof: proof,
    goals: { rpo, rto: { goalSeconds: HOUR, actualSeconds: proof?.seconds, met: (proof?.seconds ?? 0) <= HOUR } },
    totals: {
      backups: inPeriod.filter(({ ok }) => ok).length,
      newMessages: sum(({ messages }) => messages),
      bytesStored: sum(({ bytesStored }) => bytesStored),
      damaged: kind === 'damaged' ? 3 : 0,
    },
    failures,
    incomplete: [],
    trend: trend.sort((a, b) => (a.time < b.time ? -1 : 1)),
    runs: runs.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1)),
    findings: findingsOf(host, kind),
  };
}

function findingsOf(host: string, kind: Kind): Finding[] {
  if (kind === 'failed')
    return [
      {
        severity: 'error',
        code: 'backup-old',
        message: `the newest complete backup of ${host} is older than the goal of 26h: it is of ${ago(74.5 * HOUR)}`,
        hint: "make one: 'mailrecover backup'; see why there was none: 'mailrecover history'",
        subject: host,
      },
    ];
  if (kind === 'warning')
    return [
      {
        severity: 'warning',
        code: 'verify-old',
        message: `the last verification was on ${ago(41 * DAY)}`,
        hint: "prove it: 'mailrecover verify --level server'",
        subject: host,
      },
    ];
  if (kind === 'damaged')
    return [
      {
        severity: 'error',
        code: 'damage',
        message: `the last check (${ago(20 * HOUR)}) found damage`,
        hint: "see which: 'mailrecover check --read-data'",
        subject: 'packs/4f/4f0c7d1e88b2',
      },
    ];
  return [];
}

/** A host that should back up, and of which nothing is known. */
function silentHost(host: string): HostReport {
  return {
    ...silentHostReport(host),
    goals: { rpo: { goalSeconds: 26 * HOUR, actualSeconds: undefined, met: false }, rto: undefined },
    findings: [
      {
        severity: 'error',
        code: 'host-silent',
        message: `nothing was ever heard of host '${host}'`,
        hint: "is it up, and does its schedule run? ask there: 'mailrecover status'",
        subject: host,
      },
    ],
  };
}

/** The report that these hosts make. */
function sampleReport(hosts: readonly HostReport[], more: Partial<Report> = {}): Report {
  const sorted = hosts.toSorted(byUrgency);
  const { findings = [] } = more;
  return {
    madeAt: new Date(MADE).toISOString(),
    by: 'backup.example.org',
    version: '0.1.0',
    period: { name: 'week', from: ago(7 * DAY), to: ago(0) },
    verdict: worst([...sorted.map(({ level }) => level), levelOf(findings)]),
    hosts: sorted,
    actions: actionsOf(sorted, findings),
    repository: {
      location: 'sftp:backup@vault.example.net:/srv/mail',
      encrypted: true,
      bytes: 184_300_000_000,
      objects: 11_812,
      perDay: 640_000_000,
      free: 812_000_000_000,
      daysUntilFull: 1268,
    },
    run: undefined,
    spool: { waiting: 0, refused: 0, oldest: undefined },
    findings: [],
    ...more,
  };
}

const NAMES = [
  'mx1',
  'mx2',
  'mx3',
  'imap1',
  'imap2',
  'imap3',
  'imap4',
  'lists',
  'archive',
  'branch-osaka',
  'branch-sapporo',
  'branch-fukuoka',
  'sales',
  'support',
];

/** Fourteen hosts, and all is well. */
export function allWell(): Report {
  return sampleReport(NAMES.map((name, seed) => sampleHost({ host: `${name}.example.org`, seed, daily: 9_000_000 * (1 + (seed % 5)) })));
}

/** Two of fourteen failed: one can't reach its repository, of one nothing is known; one is doubtful; mails wait. */
export function twoFailed(): Report {
  const kinds: Record<string, Kind> = { mx3: 'failed', 'branch-sapporo': 'silent', lists: 'warning' };
  const hosts = NAMES.map((name, seed) =>
    sampleHost({ host: `${name}.example.org`, seed, daily: 9_000_000 * (1 + (seed % 5)), kind: kinds[name] ?? 'ok' }),
  );
  const hosts2 = hosts.map((host) => {
    const first = host.host === 'imap2.example.org' ? host.runs[0] : undefined;
    return first === undefined
      ? host
      : { ...host, incomplete: [{ ...first, id: 'killed', state: 'incomplete', seconds: undefined, counts: {} }] };
  });
  return sampleReport(hosts2, {
    spool: { waiting: 2, refused: 0, oldest: ago(5 * HOUR) },
    findings: [
      {
        severity: 'warning',
        code: 'mail-waiting',
        message: `2 reports not sent yet, the oldest of ${ago(5 * HOUR)}: relay: the connection was refused`,
        hint: "see why: 'mailrecover notify status'; send now: 'mailrecover notify flush --all'",
      },
    ],
  });
}

/** One host with a year of nights. */
export function oneHost(): Report {
  return sampleReport([sampleHost({ host: 'mx1.example.org', days: 365, period: 30, daily: 130_000_000 })], {
    period: { name: 'month', from: ago(30 * DAY), to: ago(0) },
  });
}

/** One host, one run. */
export function oneRun(): Report {
  return sampleReport([sampleHost({ host: 'mx1.example.org', days: 0, period: 1 })], {
    period: { name: 'day', from: ago(DAY), to: ago(0) },
  });
}

/** Nothing ever ran. */
export function neverRan(): Report {
  return sampleReport([silentHost('mx1.example.org')], {
    repository: {
      location: '/srv/backup/mail',
      encrypted: false,
      bytes: 0,
      objects: 0,
      perDay: undefined,
      free: undefined,
      daysUntilFull: undefined,
    },
    spool: undefined,
  });
}

/** Two hundred hosts, a year each. */
export function manyHosts(count = 200, days = 365): Report {
  const kindOf = (index: number): Kind => (index % 41 === 7 ? 'failed' : index % 67 === 5 ? 'silent' : index % 29 === 3 ? 'warning' : 'ok');
  return sampleReport(
    Array.from({ length: count }, (_, index) =>
      sampleHost({
        host: `mail-${String(index + 1).padStart(3, '0')}.region-${index % 7}.example.org`,
        seed: index,
        days,
        kind: kindOf(index),
      }),
    ),
  );
}

/** Damage was found in what is stored. */
export function damaged(): Report {
  return sampleReport([
    sampleHost({ host: 'mx1.example.org', kind: 'damaged', days: 60 }),
    sampleHost({ host: 'mx2.example.org', seed: 4, days: 60 }),
  ]);
}

/** Text that would be markup, script, a style or a tag's end where it is not escaped. */
export const HOSTILE = `</script><script>alert(1)</script><img src=x onerror="alert('2')">&amp;"'\`]]>--><b>`;

/** Names and texts by somebody who wants in. */
export function hostile(): Report {
  const host = sampleHost({ host: HOSTILE, kind: 'failed', days: 20 });
  const long = `${'very-long-name-without-any-hyphenation-that-a-browser-could-use'.replaceAll('-', '')}.${'x'.repeat(60)}.example.org`;
  const finding: Finding = { severity: 'error', code: HOSTILE, message: HOSTILE, hint: `do 'mailrecover ${HOSTILE}'`, subject: HOSTILE };
  const report = sampleReport([
    {
      ...host,
      findings: [finding],
      runs: host.runs.map((run) => ({ ...run, id: HOSTILE, command: HOSTILE, state: HOSTILE, error: HOSTILE })),
    },
    sampleHost({ host: long, kind: 'warning', seed: 3 }),
  ]);
  return { ...report, by: HOSTILE, version: HOSTILE, repository: { ...report.repository, location: HOSTILE }, findings: [finding] };
}
