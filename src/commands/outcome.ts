import type { Finding } from '../errors/finding.ts';
import type { Outcome } from './types.ts';

/** Of a run that did what it could: what it found decides, and the worst of it counts. */
export function outcomeOf(findings: readonly Finding[]): Outcome {
  if (findings.some(({ severity }) => severity === 'error')) return 'partial';
  return findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok';
}
