import type { Finding } from '../errors/finding.ts';

export interface VerifyCounts {
  mailboxes: number;
  messages: number;
  /** Messages that were compared in everything that the level asks. */
  compared: number;
  mismatched: number;
  missing: number;
  unexpected: number;
}

/** Findings of one kind are named one by one up to this many, then counted. */
const NAMED = 50;

/** Counts comparisons, and keeps what they found. */
export class Comparison {
  readonly counts: VerifyCounts = { mailboxes: 0, messages: 0, compared: 0, mismatched: 0, missing: 0, unexpected: 0 };
  readonly #findings: Finding[] = [];
  readonly #kinds = new Map<string, number>();

  /** One comparison; where it fails, the difference is kept. */
  same(equal: boolean, code: string, subject: string, describe: () => string): void {
    if (equal) return;
    this.counts.mismatched++;
    this.add({ severity: 'error', code, message: `'${subject}': ${describe()}`, subject });
  }

  missing(code: string, subject: string): void {
    this.counts.missing++;
    this.add({ severity: 'error', code, message: `'${subject}' is missing`, subject });
  }

  unexpected(code: string, subject: string): void {
    this.counts.unexpected++;
    this.add({ severity: 'error', code, message: `'${subject}' should not be there`, subject });
  }

  add(finding: Finding): void {
    const key = `${finding.severity} ${finding.code}`;
    const count = (this.#kinds.get(key) ?? 0) + 1;
    this.#kinds.set(key, count);
    if (count <= NAMED) this.#findings.push(finding);
  }

  findings(): Finding[] {
    const more = [...this.#kinds].filter(([, count]) => count > NAMED);
    return [
      ...this.#findings,
      ...more.map(([key, count]): Finding => {
        const [severity = 'error', code = ''] = key.split(' ');
        return { severity: severity as Finding['severity'], code, message: `and ${count - NAMED} more of '${code}'` };
      }),
    ];
  }
}
