/** What a check finds, object by object. */
import type { Finding } from '../../errors/finding.ts';

/** Why an object counts as damaged or missing. */
export interface Damage {
  path: string;
  missing: boolean;
  /** What is wrong, to follow the name of the object: `is missing`. */
  what: string;
  /** `damage`, or `key` where no identity that was given opens it. */
  code: 'damage' | 'key';
  /** What it costs, to follow the rest; added by what knows it. */
  costs: string[];
  hint: string | undefined;
}

/** Collects damage, one entry an object, and findings about all else. */
export class Ledger {
  readonly #damages = new Map<string, Damage>();
  /** What is no damage of an object. */
  readonly findings: Finding[] = [];

  /** Notes that an object is damaged; what was noted first about it stays. */
  damaged(path: string, what: string, details: { hint?: string; code?: 'damage' | 'key' } = {}): void {
    this.#note(path, false, what, details);
  }

  missing(path: string, hint?: string): void {
    this.#note(path, true, 'is missing', hint === undefined ? {} : { hint });
  }

  #note(path: string, missing: boolean, what: string, { hint, code = 'damage' }: { hint?: string; code?: 'damage' | 'key' }): void {
    if (!this.#damages.has(path)) this.#damages.set(path, { path, missing, what, code, costs: [], hint });
  }

  has(path: string): boolean {
    return this.#damages.has(path);
  }

  get damages(): Damage[] {
    return [...this.#damages.values()];
  }

  /** Everything as findings; errors first. */
  all(): Finding[] {
    const damages = this.damages.map(({ path, what, code, costs, hint }): Finding => {
      const message = [`'${path}' ${what}`, ...costs].join('; ');
      return { severity: 'error', code, message, subject: path, ...(hint === undefined ? {} : { hint }) };
    });
    const rank = { error: 0, warning: 1, info: 2 };
    return [...damages, ...this.findings].sort((a, b) => rank[a.severity] - rank[b.severity]);
  }
}
