/** Why somebody would not take a mail or give a token, in our words and in theirs, and what helps. */
import type { ErrorCode } from '../errors/codes.ts';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';

export interface Refusal {
  /** Stable name: `consent`, `sender`, `throttled` … */
  code: string;
  /** True where waiting does not help: somebody must change something. */
  permanent: boolean;
  /** One line, lower case, no final stop. */
  message: string;
  /** What to change, or to type. */
  hint: string;
  /** What the other side said, in its own words. */
  said?: string;
  /** Not before so many milliseconds, as the other side asked. */
  retryAfterMs?: number;
}

/** One row of a table of known refusals: what the other side says, and what it means. The first that fits counts. */
export interface KnownRefusal {
  says: RegExp;
  code: string;
  permanent: boolean;
  message: string;
  hint: string;
}

/** A refusal as an error; its exit code says whether a credential is wrong (12), nobody was reached (13), or else (1). */
export class Refused extends MailrecoverError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, subject?: string) {
    super(errorCode(refusal), said(refusal), { hint: refusal.hint, ...(subject === undefined ? {} : { subject }) });
    this.refusal = refusal;
  }
}

const CREDENTIAL = new Set([
  'certificate-unknown',
  'client-unknown',
  'consent',
  'key-wrong',
  'login-again',
  'login-needed',
  'password',
  'scope',
  'secret-expired',
  'secret-wrong',
  'smtp-login',
  'tenant-unknown',
  'token',
  'unauthorized-client',
]);

function errorCode({ code, permanent }: Refusal): ErrorCode {
  if (CREDENTIAL.has(code)) return 'key';
  return permanent ? 'failed' : 'unreachable';
}

/** The message with what the other side said behind it. */
export function said(refusal: Refusal): string {
  return refusal.said === undefined ? refusal.message : `${refusal.message} (it said: ${refusal.said})`;
}

/** Finds the row that fits what was said. */
export function recognise(rows: readonly KnownRefusal[], text: string): Refusal | undefined {
  const row = rows.find(({ says }) => says.test(text));
  if (row === undefined) return undefined;
  const { code, permanent, message, hint } = row;
  return { code, permanent, message, hint, said: shownReply(text) };
}

/** One line of at most 300 characters, without control characters and anything that looks like a token. */
export function shownReply(text: string): string {
  const line = text
    // oxlint-disable-next-line no-control-regex -- replies come from strangers
    .replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
    .replace(/(?:eyJ[\w-]+\.[\w.-]+|ya29\.[\w.-]+|[01]\.A[\w.-]{40,})/g, '***')
    .replace(/\s*(?:Trace ID|Correlation ID|Timestamp): .*$/i, '')
    .trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

/** A refusal as it stands in a result. */
export function refusalFinding(refusal: Refusal, subject: string, severity: Finding['severity']): Finding {
  return { severity, code: refusal.code, message: `${subject}: ${said(refusal)}`, hint: refusal.hint, subject };
}

/** What `Retry-After` asks for (RFC 9110, section 10.2.3: seconds or a date), in milliseconds. */
export function retryAfter(value: string | null | undefined, now: number): number | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - now) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 86_400) * 1000 : undefined;
}
