/** Which snapshots of a host are not there on purpose: runs of sequence numbers, as `forget` records state them. */
import type { StoredRecord } from '../care/record.ts';

export interface Span {
  /** Fingerprint of the host's key. */
  chain: string;
  first: number;
  last: number;
  /** What the first one names as its parent; absent where it is number 1, or where nobody knows. */
  parent?: string;
  /** The ids by which the one after the last may name it. */
  ids: string[];
}

const ID = /^[0-9a-f]{64}$/;

/** The spans that a record states; what is no span in it is left out. */
export function spansOf(record: Pick<StoredRecord, 'lines'>): Span[] {
  return record.lines.flatMap(({ chain, first, last, parent, ids }) => {
    if (typeof chain !== 'string' || typeof first !== 'number' || typeof last !== 'number' || !(first >= 1 && first <= last)) return [];
    if (!Array.isArray(ids) || !ids.every((id): id is string => typeof id === 'string' && ID.test(id))) return [];
    return [{ chain, first, last, ids, ...(typeof parent === 'string' ? { parent } : {}) }];
  });
}

/** The same, with those joined that lie one behind the other. */
export function mergeSpans(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => (a.chain === b.chain ? a.first - b.first || a.last - b.last : a.chain < b.chain ? -1 : 1))) {
    const before = merged.at(-1);
    if (before?.chain === span.chain && span.last <= before.last) {
      if (span.last === before.last) before.ids = [...new Set([...before.ids, ...span.ids])];
    } else if (before?.chain === span.chain && span.first <= before.last + 1 && (span.first <= before.last || follows(span, before))) {
      before.last = span.last;
      before.ids = span.ids;
    } else merged.push({ ...span });
  }
  return merged;
}

function follows(span: Span, before: Span): boolean {
  return span.parent !== undefined && before.ids.includes(span.parent);
}

/** What one snapshot adds to the spans. */
export function spanOf(snapshot: { id: string; sequence: number; parent?: string; replaces?: string[] }, chain: string): Span {
  const { id, sequence, parent, replaces = [] } = snapshot;
  return { chain, first: sequence, last: sequence, ids: [id, ...replaces], ...(parent === undefined ? {} : { parent }) };
}
