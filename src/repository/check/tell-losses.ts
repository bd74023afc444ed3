/** What damage costs, as findings. */
import type { Finding } from '../../errors/finding.ts';
import type { Damage } from './ledger.ts';
import type { Loss } from './losses.ts';

/** So many messages of a mailbox are named in one finding; the result lists all. */
const NAMED = 5;

function counted(count: number, one: string, many: string): string {
  return count === 1 ? `1 ${one}` : `${count} ${many}`;
}

function sum(losses: readonly Loss[]): string {
  const messages = losses.filter(({ message }) => message !== undefined).length;
  const files = losses.length - messages;
  const parts = [];
  if (messages > 0) parts.push(counted(messages, 'message', 'messages'));
  if (files > 0) parts.push(counted(files, 'other file', 'other files'));
  return parts.join(' and ');
}

function grouped(losses: readonly Loss[], key: (loss: Loss) => string): Map<string, Loss[]> {
  const groups = new Map<string, Loss[]>();
  for (const loss of losses) {
    const group = groups.get(key(loss));
    if (group === undefined) groups.set(key(loss), [loss]);
    else group.push(loss);
  }
  return groups;
}

/** One finding for each mailbox that loses something by an object; and the cost noted at the object itself. */
export function tellLosses(losses: readonly Loss[], damages: readonly Damage[]): Finding[] {
  const findings: Finding[] = [];
  const byObject = grouped(losses, ({ object }) => object);
  for (const damage of damages) {
    const lost = byObject.get(damage.path);
    if (lost === undefined) continue;
    const mailboxes = grouped(lost, ({ mailbox }) => mailbox);
    damage.costs.push(`it costs ${sum(lost)} in ${counted(mailboxes.size, 'mailbox', 'mailboxes')}`);
    for (const [mailbox, list] of mailboxes) {
      const newest = list.filter(({ inNewest }) => inNewest).length;
      const names = list
        .slice(0, NAMED)
        .map(({ folder, message, name }) => (message === undefined ? `file ${name}` : `${folder} ${message}`));
      const more = list.length > NAMED ? ` and ${list.length - NAMED} more` : '';
      findings.push({
        severity: 'error',
        code: 'damage',
        message: `'${mailbox}' loses ${sum(list)} (${newest === list.length ? 'in the newest snapshot, too' : newest === 0 ? 'in older snapshots only' : `${newest} of them in the newest snapshot, too`}): ${names.join(', ')}${more}`,
        hint: `'${damage.path}' is to blame`,
        subject: mailbox,
      });
    }
  }
  return findings;
}
