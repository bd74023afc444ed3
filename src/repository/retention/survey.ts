/** Everything that must be known of a repository before something is removed from it. */
import type { Finding } from '../../errors/finding.ts';
import { MailrecoverError } from '../../errors/error.ts';
import { now } from '../../system/clock.ts';
import type { StoredRecord } from '../care/record.ts';
import { Ledger } from '../check/ledger.ts';
import { listAll, type Listing } from '../check/listing.ts';
import { checkRecords, forgottenSpans } from '../check/records.ts';
import { checkChains, readSnapshots, type CheckedSnapshots } from '../check/snapshots.ts';
import type { Repository } from '../repository.ts';
import { decisionsOf, type Decisions } from './decisions.ts';
import { freezeReasons } from './freeze.ts';
import type { Span } from './spans.ts';

export interface SurveyOptions {
  repository: Repository;
  /** Public keys of this host and of those that it trusts. */
  believed: ReadonlySet<string>;
  /** The newest snapshot that this host remembers to have made. */
  last: { key: string; sequence: number; id: string } | undefined;
  floodPerDay: number;
  signal?: AbortSignal;
}

export interface Survey {
  listing: Listing;
  checked: CheckedSnapshots;
  records: StoredRecord[];
  decisions: Decisions;
  forgotten: Span[];
  /** Why nothing may be removed now. */
  frozen: Finding[];
}

/** Looks at all of it, and changes nothing. */
export async function surveyRepository(options: SurveyOptions): Promise<Survey> {
  const { repository, believed, signal } = options;
  const ledger = new Ledger();
  const listing = await listAll(repository.target, repository.encrypted);
  const checked = await readSnapshots(repository.target, listing, ledger, signal);
  const records = await checkRecords(repository.target, listing, checked.heads, believed, new Ledger());
  const forgotten = forgottenSpans(records, believed);
  checkChains(listing, checked, { last: options.last, forgotten }, ledger);
  const decisions = decisionsOf(records, believed);
  const frozen: Finding[] = ledger.damages.map(({ path, what }) => ({
    severity: 'error',
    code: 'damage',
    message: `'${path}' ${what}, so what it needs is not known`,
    hint: "see what is wrong: 'mailrecover check'",
    subject: path,
  }));
  frozen.push(
    ...freezeReasons({ snapshots: checked.heads, approvals: decisions.approvals, believed, now: now(), floodPerDay: options.floodPerDay }),
  );
  return { listing, checked, records, decisions, forgotten, frozen };
}

/**
 * The gate: throws where a survey says that nothing may be removed.
 * @throws MailrecoverError `refused`
 */
export function refuseFrozen({ frozen }: Pick<Survey, 'frozen'>, what: string): void {
  const [first, ...more] = frozen;
  if (first === undefined) return;
  throw new MailrecoverError(
    'refused',
    `${what} is frozen: ${first.message}${more.length === 0 ? '' : ` (and ${more.length} more: 'mailrecover status' names them)`}`,
    { ...(first.hint === undefined ? {} : { hint: first.hint }), ...(first.subject === undefined ? {} : { subject: first.subject }) },
  );
}
