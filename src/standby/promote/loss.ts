import { MailrecoverError } from '../../errors/error.ts';
import type { PromoteOptions } from './options.ts';

/** A span of mail, for people. */
export function shownLoss(seconds: number): string {
  if (seconds === 0) return 'no mail';
  if (!Number.isFinite(seconds)) return 'any amount of mail';
  if (seconds < 120) return `the mail of ${seconds} s`;
  return seconds < 7200 ? `the mail of ${Math.ceil(seconds / 60)} min` : `the mail of ${(seconds / 3600).toFixed(1)} h`;
}

/** The value of --allow-loss that approves it. */
function approval(seconds: number): string {
  return Number.isFinite(seconds) ? `--allow-loss ${Math.ceil(seconds / 60) + 1}m` : '--allow-loss any';
}

/** With empty mailboxes in place of those that are not current, only what the others lack can be lost for good; what these lack is in the backups. */
export function boundOf(
  { dialTone, allowedLoss, allowLoss }: Pick<PromoteOptions, 'dialTone' | 'allowedLoss' | 'allowLoss'>,
  bound: number,
): number {
  return dialTone ? Math.min(bound, spanOf({ allowedLoss, allowLoss })) : bound;
}

/** What was approved, in seconds. */
export function spanOf({ allowedLoss, allowLoss }: Pick<PromoteOptions, 'allowedLoss' | 'allowLoss'>): number {
  return Math.max(0, allowedLoss ?? 0, allowLoss ?? 0);
}

/** @throws MailrecoverError `refused` where more may be lost than was approved */
export function approvedLoss(approved: Pick<PromoteOptions, 'allowedLoss' | 'allowLoss'>, bound: number): void {
  if (bound <= spanOf(approved)) return;
  throw new MailrecoverError('refused', `${shownLoss(bound)} may be lost, and that was not approved`, {
    hint: `to approve it, add ${approval(bound)}; mail that the old host still holds can be merged when it is back`,
  });
}
