/** Comparing mailboxes that Dovecot copies. */
import type { MailboxCut, SyncCounts } from '../model.ts';
import { countPlan, isNothing, planTakeOver, type TakeOverPlan } from '../plan.ts';
import { sameFacts } from './state.ts';

/** Whether one mailbox is what the other one is, in any format. */
export function isSame(has: MailboxCut, wanted: MailboxCut): boolean {
  return isNothing(planTakeOver(has, wanted, [wanted])) && sameFolders(wanted, has);
}

/** Whether no message has to be touched. */
export function isSameMail({ adds, renames, removes, foreign }: TakeOverPlan): boolean {
  return adds.length + renames.length + removes.length + foreign.length === 0;
}

/** Whether folders, UIDVALIDITY and subscriptions are those that are wanted. */
export function sameFolders({ box: wanted }: MailboxCut, { box: has }: MailboxCut): boolean {
  return wanted === undefined || (has !== undefined && sameFacts(wanted, has));
}

/** What is to be done, folders and subscriptions counted among the files. Bytes are known only once they came. */
export function countBox(plan: TakeOverPlan, has: MailboxCut, wanted: MailboxCut): SyncCounts {
  const counts = countPlan(plan);
  return { ...counts, files: counts.files + Number(!sameFolders(wanted, has)) };
}
