import { Random } from './random.ts';

export interface FolderPlan {
  /** As it lies on disk below `Maildir`: `` for INBOX, `.Sent` … */
  name: string;
  messages: number;
}

export interface MailboxPlan {
  user: string;
  domain: string;
  folders: FolderPlan[];
}

const NAMES = ['.Sent', '.Archive', '.Trash', '.Junk', '.Drafts', '.Projects.A', '.Projects.B', '.Lists', '.Archive.2024', '.&ZeVnLIqe-'];

/** So many messages has a mailbox on average. */
const A_MAILBOX = 1000;

/** Shares `messages` out among mailboxes of very different sizes, each with INBOX and two to seven other folders. */
export function planCorpus(messages: number, aMailbox = A_MAILBOX): MailboxPlan[] {
  const random = new Random('plan');
  const count = Math.max(10, Math.round(messages / aMailbox));
  const weights = Array.from({ length: count }, () => random.logNormal(1, 0.8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = messages;
  return weights.map((weight, index) => {
    const mine = index === count - 1 ? left : Math.min(left, Math.round((messages * weight) / total));
    left -= mine;
    return { user: `user${index}`, domain: `${['example', 'mail', 'corp'][index % 3]}.org`, folders: planFolders(random, mine) };
  });
}

function planFolders(random: Random, messages: number): FolderPlan[] {
  const names = ['', '.Sent', ...NAMES.slice(1).filter(() => random.chance(0.35))];
  const weights = names.map((name) => (name === '' ? 2 : 0.2 + random.unit()));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = messages;
  return names.map((name, index) => {
    const mine = index === names.length - 1 ? left : Math.min(left, Math.round((messages * (weights[index] ?? 0)) / total));
    left -= mine;
    return { name, messages: mine };
  });
}

/** Where a mailbox lies below the root of the corpus. */
export function maildirOf(mailbox: MailboxPlan): string {
  return `${mailbox.domain}/${mailbox.user}/Maildir`;
}
