/** The gate before anything is removed: what must be looked at by a person first. */
import type { Finding } from '../../errors/finding.ts';
import { isApproved, type Decisions } from './decisions.ts';

/** A snapshot's time may be so much later than the clock of whoever looks, milliseconds. */
const AHEAD = 3_600_000;
const DAY = 86_400_000;

/** What a code in a snapshot's `anomalies` means. */
export const ANOMALIES: Readonly<Record<string, string>> = {
  'mass-deletion': 'far more messages vanished than ever do from one backup to the next',
  'mailboxes-gone': 'many mailboxes vanished at once',
  'flag-storm': 'the flags of most messages changed at once',
  'content-changed': 'messages have other bytes under their old names, which mail never has',
  'odd-content': 'new files are neither mail nor compressed or encrypted mail: so looks what ransomware leaves',
};

export interface Judged {
  id: string;
  key: string;
  host: string;
  time: string;
  anomalies?: string[];
  replaces?: string[];
  sequence: number;
}

/** Whether a snapshot waits for a person. */
export function isHeldBack(snapshot: Judged, approvals: Decisions['approvals'], believed: ReadonlySet<string>): boolean {
  return (snapshot.anomalies?.length ?? 0) > 0 && !isApproved(snapshot, approvals, believed);
}

export interface FreezeOptions {
  snapshots: readonly Judged[];
  approvals: Decisions['approvals'];
  believed: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  now: number;
  /** More snapshots of one host in a day are a flood; 0 turns that off. */
  floodPerDay: number;
}

/** Why nothing may be removed now; empty where all is well. */
export function freezeReasons({ snapshots, approvals, believed, now, floodPerDay }: FreezeOptions): Finding[] {
  const findings: Finding[] = [];
  const times = new Map<string, { host: string; newest: string; times: number[] }>();
  const waiting: Judged[] = [];
  for (const snapshot of snapshots) {
    const { id, host, time, key } = snapshot;
    const at = Date.parse(time);
    const short = id.slice(0, 12);
    if (isApproved(snapshot, approvals, believed)) continue;
    if ((snapshot.anomalies?.length ?? 0) > 0) waiting.push(snapshot);
    if (at > now + AHEAD)
      findings.push({
        severity: 'error',
        code: 'future-snapshot',
        message: `snapshot ${short} of host '${host}' is of ${time}, which is still to come`,
        hint: `set the clocks right; if this host's is right, then: mailrecover approve ${short} --reason TEXT`,
        subject: id,
      });
    const chain = times.get(key) ?? { host, newest: id, times: [] };
    chain.times.push(at);
    times.set(key, chain);
  }
  for (const list of Map.groupBy(waiting, ({ key }) => key).values()) findings.push(tellWaiting(list));
  if (floodPerDay > 0)
    for (const { host, times: all } of times.values()) {
      const sorted = all.sort((a, b) => a - b);
      const from = sorted.findIndex((time, index) => (sorted[index + floodPerDay] ?? Number.POSITIVE_INFINITY) - time < DAY);
      if (from < 0) continue;
      findings.push({
        severity: 'error',
        code: 'snapshot-flood',
        message: `host '${host}' made more than ${floodPerDay} snapshots within a day, from ${new Date(sorted[from] ?? 0).toISOString()} on: by number alone they would drive out older ones`,
        hint: "find out what makes them; if that is wanted, raise 'retention.anomaly.floodPerDay' in the configuration",
      });
    }
  return findings;
}

/** Snapshots of one host that wait for a person: those after the first have its state before them, so they wait, too. */
function tellWaiting(list: readonly Judged[]): Finding {
  const [first, ...later] = list.toSorted((a, b) => a.sequence - b.sequence);
  const newest = later.at(-1) ?? first;
  const what = (first?.anomalies ?? []).map((code) => ANOMALIES[code] ?? code).join('; ');
  const more = later.length === 0 ? '' : `; ${later.length} after it wait with it, the newest is ${newest?.id.slice(0, 12) ?? ''}`;
  return {
    severity: 'error',
    code: 'anomaly',
    message: `snapshot ${first?.id.slice(0, 12) ?? ''} of host '${first?.host ?? ''}' (${first?.time ?? ''}) is out of the ordinary: ${what}${more}`,
    hint: `look at what changed ('mailrecover diff'); if all is as it should be: mailrecover approve ${newest?.id.slice(0, 12) ?? ''} --reason TEXT`,
    ...(first === undefined ? {} : { subject: first.id }),
  };
}
