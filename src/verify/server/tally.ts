import type { Finding, Severity } from '../../errors/finding.ts';
import type { ServerCounts } from './types.ts';

/** Findings of one code that are told one by one; what is above is counted. */
const TOLD_EACH = 200;

/** Counts and findings of a run. Findings have a bound, for a mailbox in which every message differs would not fit into any report. */
export class Tally {
  readonly counts: ServerCounts = { mailboxes: 0, messages: 0, compared: 0, mismatched: 0, missing: 0, unexpected: 0 };
  private readonly list: Finding[] = [];
  private readonly perCode = new Map<string, { count: number; severity: Severity }>();

  add(severity: Severity, code: string, message: string, subject: string, hint?: string): void {
    const seen = this.perCode.get(code) ?? { count: 0, severity };
    seen.count++;
    this.perCode.set(code, seen);
    if (seen.count <= TOLD_EACH) this.list.push({ severity, code, message, subject, ...(hint === undefined ? {} : { hint }) });
  }

  findings(): Finding[] {
    const more: Finding[] = [];
    for (const [code, { count, severity }] of this.perCode) {
      if (count > TOLD_EACH) more.push({ severity, code, message: `and ${count - TOLD_EACH} more of '${code}', ${count} in all` });
    }
    return [...this.list, ...more];
  }
}
