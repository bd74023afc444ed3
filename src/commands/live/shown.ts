/** A restore into mailboxes that are being served, as people and programs see it. */
import { changes, countsOf, type LivePlan, mailboxesOf } from '../../restore/live/model.ts';
import type { LiveReport } from '../../restore/live/live.ts';
import { asideRoot } from '../../restore/live/served/aside.ts';
import { displayBytes } from '../../store/bytes.ts';
import type { TextHelpers } from '../types.ts';

/** For `--json`. */
export function shownPlan(plan: LivePlan): unknown[] {
  return mailboxesOf(plan).map(({ mailbox, folders }) => ({
    mailbox: displayBytes(mailbox),
    folders: folders.map(({ name, from, create, adds, removals, flags, present, moved }) => ({
      folder: name,
      ...(from === undefined ? {} : { from }),
      create,
      add: adds.length,
      setAside: removals.length,
      flags: flags.length,
      present,
      moved,
    })),
  }));
}

/** A line for each folder in which something happens, and one that says what does not. */
export function renderPlan(plan: LivePlan, text: TextHelpers): string {
  const lines: string[] = [];
  for (const { mailbox, folders } of mailboxesOf(plan)) {
    for (const folder of folders.filter(changes)) {
      const what = [
        ...(folder.create ? [text.say`new folder`] : []),
        ...(folder.adds.length > 0 ? [text.say`${text.number(folder.adds.length)} to bring back`] : []),
        ...(folder.removals.length > 0 ? [text.say`${text.number(folder.removals.length)} newer to set aside`] : []),
        ...(folder.minNextUid === undefined ? [] : [text.say`UIDNEXT is raised to ${folder.minNextUid}, which a snapshot has seen`]),
        ...(folder.flags.length > 0 ? [text.say`${text.number(folder.flags.length)} to get flags back`] : []),
      ];
      lines.push(`${displayBytes(mailbox)}  ${folder.name}: ${what.join(text.words.common.and)}`);
    }
  }
  const counts = countsOf(plan);
  if (counts.present > 0) lines.push(text.dim(text.say`${text.number(counts.present)} messages are there, and stay as they are`));
  const moved = mailboxesOf(plan).flatMap(({ folders }) => folders.flatMap((folder) => Object.entries(folder.moved)));
  if (moved.length > 0) {
    const where = new Map<string, number>();
    for (const [folder, count] of moved) where.set(folder, (where.get(folder) ?? 0) + count);
    const list = [...where].map(([folder, count]) => `${folder} (${text.number(count)})`).join(', ');
    lines.push(text.say`moved since, and left where they are now: ${list}; --moved gives one more copy of each`);
  }
  return lines.join('\n');
}

/** What was done, and how it is undone. */
export function renderDone(plan: LivePlan, report: LiveReport, milliseconds: number, text: TextHelpers): string {
  return text.pairs([
    [text.say`put back`, text.say`${text.number(report.counts.added)} messages, ${text.size(report.counts.bytes)}`],
    ...(plan.mode === 'replace'
      ? ([
          [text.say`set aside`, text.say`${text.number(report.counts.setAside)} messages, until 'mailrecover undo ${plan.id} --release'`],
          ...(plan.served?.some(({ folders }) => folders.some(({ removals }) => removals.length > 0)) === true
            ? ([[text.say`people see it in`, asideRoot(plan.id)]] as const)
            : []),
          [text.say`flags given back`, text.number(report.counts.reflagged)],
        ] as const)
      : []),
    ...(report.firstMailMs === undefined ? [] : ([[text.say`first mail after`, text.duration(report.firstMailMs)]] as const)),
    [text.say`took`, text.duration(milliseconds)],
    [text.say`to undo it`, `mailrecover undo ${plan.id}`],
  ]);
}
