import type { Report } from '../../model.ts';
import type { Level } from '../../../metrics/model.ts';
import type { Facts } from '../facts.ts';
import { type Markup, markup } from '../markup.ts';
import type { Say } from '../say.ts';
import { sign } from '../signs.ts';

/** Days; nobody knows what is in ten years. */
const FAR_AWAY = 3650;

export interface Tile {
  label: string;
  value: string;
  /** Below the value. */
  note?: string | undefined;
  /** Where the value is good or bad, and not just a number. */
  level?: Level | undefined;
}

/** What counts, as label, number and note. */
export function tilesOf(report: Report, facts: Facts, say: Say): Tile[] {
  const { words } = say;
  const { hosts, repository, spool } = report;
  const [only] = hosts;
  const single = hosts.length === 1;
  const tiles: Tile[] = [];
  const when = (time: string | undefined): string | undefined => (time === undefined ? undefined : say.dates.moment(Date.parse(time)));
  if (hosts.length > 1) {
    const { ok } = facts.counts;
    tiles.push({ label: words.hostsWell, value: words.ofAll(say.number(ok), say.number(hosts.length)) });
  }
  if (only !== undefined && facts.stalest !== undefined) {
    const { stalest } = facts;
    const { rpo } = stalest.goals;
    tiles.push({
      label: single ? words.lastBackup : words.furthestBehind,
      value: say.ago(stalest.backup?.ageSeconds),
      note: joined(
        [single ? when(stalest.backup?.time) : stalest.host, rpo === undefined ? undefined : words.goal(say.brief(rpo.goalSeconds))],
        say,
      ),
      level: stalest.backup === undefined ? 'failed' : metLevel(rpo),
    });
    const { unproved } = facts;
    const proof = unproved?.proof;
    tiles.push({
      label: single ? words.lastProof : words.oldestProof,
      value: say.ago(proof?.ageSeconds),
      note: joined(
        [single ? when(proof?.time) : unproved?.host, proof === undefined ? undefined : words.proofBy(proof.level, proof.by)],
        say,
      ),
      level: proof === undefined ? 'warning' : undefined,
    });
    const { slowest } = facts;
    const seconds = (slowest?.wholeProof ?? slowest?.proof)?.seconds;
    const rto = slowest?.goals.rto;
    tiles.push({
      label: single ? words.restoreTakes : words.longestRestore,
      value: seconds === undefined ? say.common.unknown : say.brief(seconds),
      note: joined([single ? undefined : slowest?.host, rto === undefined ? words.noGoal : words.goal(say.brief(rto.goalSeconds))], say),
      level: seconds === undefined ? undefined : metLevel(rto),
    });
  }
  if (single && only?.backup !== undefined) {
    const { messages, bytes, snapshot } = only.backup;
    tiles.push({
      label: words.held,
      value: say.number(messages),
      note: joined([say.size(bytes), `${words.snapshot} ${shortId(snapshot)}`], say),
    });
  }
  tiles.push(
    { label: words.newMail, value: say.number(facts.newMessages), note: words.inPeriod[report.period.name] },
    { label: words.stored, value: say.size(facts.bytesStored), note: words.inPeriod[report.period.name] },
    {
      label: words.repository,
      value: say.size(repository.bytes),
      note: joined(
        [
          repository.perDay === undefined ? undefined : words.perDay(say.size(repository.perDay)),
          repository.encrypted ? say.report.encrypted : say.report.notEncrypted,
        ],
        say,
      ),
    },
  );
  const { free, daysUntilFull } = repository;
  tiles.push({
    label: words.room,
    value: free === undefined ? say.common.unknown : say.size(free),
    note:
      free === undefined
        ? words.roomUnknown
        : daysUntilFull === undefined || daysUntilFull > FAR_AWAY
          ? undefined
          : words.daysLeft(daysUntilFull),
    level: daysUntilFull === undefined || daysUntilFull >= 14 ? undefined : daysUntilFull < 2 ? 'failed' : 'warning',
  });
  const bad = facts.failedRuns + facts.incompleteRuns;
  if (bad > 0)
    tiles.push({
      label: words.runsFailed,
      value: say.number(bad),
      note: facts.incompleteRuns > 0 ? `${words.neverEnded}${words.colon}${say.number(facts.incompleteRuns)}` : undefined,
      level: 'failed',
    });
  if (facts.damaged > 0) tiles.push({ label: words.damagedObjects, value: say.number(facts.damaged), level: 'failed' });
  if (spool !== undefined && spool.waiting + spool.refused > 0) {
    const oldest =
      spool.oldest === undefined ? undefined : words.spoolOldest(say.brief((Date.parse(report.madeAt) - Date.parse(spool.oldest)) / 1000));
    const refused = spool.refused > 0 ? words.spoolRefused(spool.refused) : undefined;
    tiles.push({
      label: words.spool,
      value: say.number(spool.waiting),
      note: joined([oldest, refused], say),
      level: spool.refused > 0 ? 'failed' : 'warning',
    });
  }
  const [first] = report.certificates ?? [];
  if (first !== undefined)
    tiles.push({
      label: words.certificate,
      value: first.daysLeft < 0 ? words.ended : words.daysMore(first.daysLeft),
      note: joined([first.names[0], when(first.notAfter)], say),
      level: certificateLevel(report),
    });
  return tiles;
}

/** As bad as what was found of the certificates. */
function certificateLevel({ hosts, findings }: Report): Level | undefined {
  const own = [...findings, ...hosts.flatMap((host) => host.findings)].filter(({ code }) => code.startsWith('certificate-'));
  if (own.some(({ severity }) => severity === 'error')) return 'failed';
  return own.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok';
}

export function numbers(report: Report, facts: Facts, say: Say): Markup {
  const tiles = tilesOf(report, facts, say).map(
    ({ label, value, note, level }) =>
      markup`<div class="${level ?? 'plain'}"><dt>${label}</dt><dd><span class="value">${level !== undefined && level !== 'ok' && sign(level)}${value}</span>${note !== undefined && markup`<span class="note">${note}</span>`}</dd></div>`,
  );
  return markup`<section aria-labelledby="numbers"><h2 id="numbers">${say.words.numbers}</h2><dl class="tiles">${tiles}</dl></section>`;
}

/** As much of the name of a snapshot as names it. */
export function shortId(snapshot: string): string {
  return snapshot.slice(0, 12);
}

export function metLevel(goal: { met: boolean } | undefined): Level | undefined {
  return goal === undefined ? undefined : goal.met ? 'ok' : 'failed';
}

function joined(parts: readonly (string | undefined)[], { words }: Say): string | undefined {
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 ? undefined : known.join(words.comma);
}
