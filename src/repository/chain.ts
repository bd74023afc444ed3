/** The snapshots that one key signed, newest first, opened one at a time as they are asked for. */
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { byBytes } from './catalog/percent.ts';
import type { SnapshotRef } from './names.ts';
import { readSnapshot, type StoredSnapshot } from './repository.ts';
import type { Target } from './target.ts';

export class Chain {
  readonly fingerprint: string;
  /** Newest first. */
  readonly refs: readonly SnapshotRef[];
  readonly #target: Target;
  readonly #findings: Finding[];
  readonly #opened = new Map<number, StoredSnapshot | undefined>();

  constructor(target: Target, fingerprint: string, refs: readonly SnapshotRef[], findings: Finding[]) {
    this.fingerprint = fingerprint;
    this.refs = refs.toSorted((a, b) => b.sequence - a.sequence || byBytes(b.id, a.id));
    this.#target = target;
    this.#findings = findings;
  }

  /** The snapshot at this place; undefined for one that is damaged, which becomes a finding. */
  async open(index: number): Promise<StoredSnapshot | undefined> {
    const ref = this.refs[index];
    if (ref === undefined || this.#opened.has(index)) return this.#opened.get(index);
    let snapshot: StoredSnapshot | undefined;
    try {
      snapshot = await readSnapshot(this.#target, ref);
    } catch (error) {
      if (!(error instanceof MailrecoverError) || !['damage', 'repository-format', 'not-found'].includes(error.code)) throw error;
      this.#findings.push({
        severity: 'warning',
        code: 'damaged-snapshot',
        message: `a snapshot was passed over: ${error.message}`,
        hint: "see what else is damaged: 'mailrecover check'",
        subject: ref.path,
      });
    }
    this.#opened.set(index, snapshot);
    return snapshot;
  }

  /** The first from `index` on that can be read. */
  async readable(index: number): Promise<{ snapshot: StoredSnapshot; index: number } | undefined> {
    for (let at = index; at < this.refs.length; at++) {
      const snapshot = await this.open(at);
      if (snapshot !== undefined) return { snapshot, index: at };
    }
    return undefined;
  }

  /**
   * Where the snapshots at or before a time begin. Sequence and time run together unless a clock was set back; then, as far
   * as that is seen, every snapshot is opened.
   */
  async indexAt(time: number): Promise<number> {
    let low = 0;
    let high = this.refs.length;
    const seen = new Map<number, number>();
    while (low < high) {
      const found = await this.readable((low + high) >> 1);
      if (found === undefined) {
        high = (low + high) >> 1;
        continue;
      }
      const at = Date.parse(found.snapshot.time);
      seen.set(found.index, at);
      if (at <= time) high = (low + high) >> 1;
      else low = found.index + 1;
    }
    // The ends are compared, too: a time that lies outside of them was set wrong.
    for (const end of [0, this.refs.length - 1]) {
      const found = await this.readable(end);
      if (found !== undefined) seen.set(found.index, Date.parse(found.snapshot.time));
    }
    const times = [...seen].toSorted(([a], [b]) => a - b).map(([, at]) => at);
    if (times.every((at, place) => place === 0 || at <= (times[place - 1] ?? at))) return low;
    for (let at = 0; at < this.refs.length; at++) {
      const snapshot = await this.open(at);
      if (snapshot !== undefined && Date.parse(snapshot.time) <= time) return at;
    }
    return this.refs.length;
  }
}

/** The chains of a listing. */
export function chainsOf(target: Target, refs: readonly SnapshotRef[], findings: Finding[]): Chain[] {
  const byKey = new Map<string, SnapshotRef[]>();
  for (const ref of refs) {
    const held = byKey.get(ref.fingerprint);
    if (held === undefined) byKey.set(ref.fingerprint, [ref]);
    else held.push(ref);
  }
  return [...byKey].map(([fingerprint, list]) => new Chain(target, fingerprint, list, findings));
}
