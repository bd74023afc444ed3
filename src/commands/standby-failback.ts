import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { PreparedMerge } from '../standby/merge/run.ts';
import type { SyncReport } from '../standby/sync/sync.ts';
import { displayBytes } from '../store/bytes.ts';
import { settleOf } from './backup-options.ts';
import { confirm } from './confirm.ts';
import { placeOf } from './from-config.ts';
import { stopOldHost } from './standby/old-host.ts';
import { directionNow, guardDirection, sinkOn, sourceOn, type Direction } from './standby/hosts.ts';
import { pairOf, syncStores, thisHost } from './standby/pair.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'standby failback',
  summary: 'make the old host a standby again: merge what it has, then copy everything to it',
  description: [
    'After a switch the old host still has mail that the new one never saw: what came in the last moments, or during a split brain. Run this on the host that serves, once the old host is up again. Mail services that still run on that are stopped and masked first, after that was confirmed. It compares both hosts with what they had in common at the last synchronisation, shows what that means, and does it.',
    'What came to the old host comes to this one, once, with new UIDs. What was deleted or moved on either host since stays so. Of a flag that differs whoever changed it is right; \\Deleted is never carried over. UIDVALIDITY stays; where both hosts gave the same UID to different messages, the message of this host gets a new one. Clients may go on working meanwhile.',
    'Mailboxes in sdbox and mdbox are merged by Dovecot (dsync). Where that would not do what was said above - messages that were marked as deleted on the old host, or moved on both, or whose flags were changed in different ways - such a mailbox is named, and left as it is on both hosts.',
    'Then the old host gets everything that this one has, as by `standby sync`, and is a standby from then on. Messages that are taken out of a mailbox here are kept beside it until `undo --release`. It can be killed at any moment, and goes on where it stopped. It does not switch: `standby promote` does, whenever you want it to.',
  ],
  arguments: {},
  options: {
    mailbox: { kind: 'list', value: 'MAILBOX', description: "only these mailboxes; '*' stands for any characters" },
    dryRun: { kind: 'flag', description: 'show what would be done, and change nothing on either host' },
    allowLoss: { kind: 'flag', description: 'copy also mailboxes of which most was deleted since' },
    yes: { kind: 'flag', description: 'carry it out without asking' },
  },
  examples: [
    {
      command: 'mailrecover standby failback --dry-run',
      says: 'See what the old host has that this one has not, and what is different otherwise.',
    },
    { command: 'mailrecover standby failback', says: 'Merge, after the plan was shown and confirmed, and make the old host a standby.' },
  ],
  exitCodes: {
    0: 'the old host has all mail, and so has this one',
    3: 'some mailboxes could not be merged or copied, and are as they were on both hosts',
    10: 'the repository, which says who serves, is not there',
    11: 'another synchronisation, live restore or switch runs',
    13: 'the old host, the repository or Dovecot could not be reached',
    20: 'this is not the host that serves, a switch is under way, or the plan was not confirmed',
  },
  json: {
    from: 'the host that serves',
    to: 'the old host',
    epoch: 'the epoch of all that was written',
    dryRun: 'true where nothing was changed',
    'plan[]':
      'each folder in which something differs: `mailbox`, `folder`, and how many messages are to `add`, `remove`, `reflag`, `renumber`',
    'counts.added': 'messages of the old host that came to this one',
    'counts.removed': 'messages that were deleted or moved away on the old host, and were taken out here',
    'counts.reflagged': 'messages that got flags of the old host',
    'counts.renumbered': 'messages of this host that got another UID, since the old host had given theirs to another message',
    'counts.twins': 'messages that both hosts have by different names: nothing is to be done',
    'counts.copied': 'messages that were copied to the old host',
    'counts.deleted': 'messages of the old host that were deleted there, or have another name here',
    'counts.failed': 'mailboxes that were not copied',
    'counts.mailboxes': 'mailboxes that were compared',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const config = await context.config();
    const place = await placeOf(context);
    const way = await directionNow(config, place.target);
    if (thisHost(config).name !== way.from)
      throw new MailrecoverError('refused', `'${way.from}' serves, and this is '${way.to}'`, {
        hint: `run it on '${way.from}': 'mailrecover standby failback'`,
        subject: way.to,
      });
    const [{ finishMerge, merge, mergeBoxes, prepareMerge }, { TakenStore }, { readDial }, { sync }, { openRepository }] =
      await Promise.all([
        import('../standby/merge/run.ts'),
        import('../standby/sync/taken.ts'),
        import('../standby/dial/record.ts'),
        import('../standby/sync/sync.ts'),
        import('../repository/repository.ts'),
      ]);
    if (!options.dryRun) await lock(context, config.state);
    const settings = {
      taken: new TakenStore(config.state),
      dial: readDial(config.state),
      stores: syncStores(config),
      layoutOf: place.layoutOf,
      settle: await settleOf(config),
      state: config.state,
      dovecot: { config: config.dovecot?.config, signal: context.signal },
      repository: (await openRepository(place.target)).id,
      epoch: way.epoch,
      guard: () => guardDirection(config, place.target, way),
      dryRun: options.dryRun,
      progress: context.progress,
      signal: context.signal,
    };
    const { beginRecord } = await import('../standby/run-record.ts');
    const record = options.dryRun
      ? undefined
      : await beginRecord(config.state, 'failbacks', { from: way.from, to: way.to, epoch: way.epoch });
    const findings: Finding[] = await stopOldHost(context, way.to, options, record?.ran);
    if (!options.dryRun) findings.push(...((await finishMerge(settings))?.findings ?? []));
    const theirs = await sourceOn(context, way.to, way, options.mailbox, record?.ran);
    const prepared = await prepareMerge({ ...settings, theirs });
    findings.push(...prepared.findings);
    if (options.dryRun) return result(way, { prepared, findings, report: undefined });
    await confirm(context, options.yes, (text) => describe(way, prepared, text), 'carry this out?');
    findings.push(...((await merge({ ...settings, theirs }, prepared))?.findings ?? []));
    const boxes = await mergeBoxes({ ...settings, theirs }, prepared);
    findings.push(...boxes.findings);
    const sink = await sinkOn(context, place.target, way, record?.ran);
    for (const after of [...prepared.mailboxes.map((each) => each.after), ...boxes.after]) {
      const problem = await sink.accept(after.cut, after.number + 1);
      if (problem !== undefined) findings.push(problem);
    }
    const report = await sync({
      source: await sourceOn(context, way.from, way, options.mailbox, record?.ran),
      sink,
      all: options.mailbox.length === 0,
      atOnce: pairOf(config).sync.atOnce,
      progress: context.progress,
      signal: context.signal,
      dryRun: false,
      adopt: false,
      allowLoss: options.allowLoss,
    });
    findings.push(...report.findings);
    const done = result(way, { prepared, findings, report });
    return { ...done, ...(record === undefined ? {} : { artifacts: [{ kind: 'record', path: record.path }] }) };
  },
});

async function lock(context: CommandContext, state: string): Promise<void> {
  const [{ makeDirectory }, { takeLock }] = await Promise.all([import('../system/files.ts'), import('../system/lock.ts')]);
  await makeDirectory(state);
  // The lock of restores into the running server: their runs are this one's, too.
  context.onEnd(takeLock(join(state, 'live.lock'), 'mailrecover standby failback'));
}

interface FolderChange {
  mailbox: string;
  folder: string;
  add: number;
  remove: number;
  reflag: number;
  renumber: number;
}

function changesOf({ mailboxes, boxes }: PreparedMerge): FolderChange[] {
  const byDovecot = boxes.flatMap(({ mailbox, changes }) =>
    changes.map((change) => ({ mailbox: displayBytes(mailbox.mailbox), ...change, renumber: 0 })),
  );
  const byUs = mailboxes.flatMap(({ plan, from }) =>
    plan.folders.map(({ name, adds, removals, flags }) => {
      const renumber = adds.filter(({ base }) => 'own' in (from.get(base) ?? {})).length;
      const mailbox = displayBytes(plan.mailbox);
      return { mailbox, folder: name, add: adds.length - renumber, remove: removals.length - renumber, reflag: flags.length, renumber };
    }),
  );
  return [...byUs, ...byDovecot];
}

function describe({ from, to }: Direction, prepared: PreparedMerge, text: TextHelpers): string {
  const { number } = text;
  const lines = changesOf(prepared).map(({ mailbox, folder, add, remove, reflag, renumber }) => {
    const what = [
      ...(add > 0 ? [text.say`${number(add)} come from '${to}'`] : []),
      ...(remove > 0 ? [text.say`${number(remove)} were deleted or moved there, and go`] : []),
      ...(reflag > 0 ? [text.say`${number(reflag)} get flags that were changed there`] : []),
      ...(renumber > 0 ? [text.say`${number(renumber)} get a new UID`] : []),
    ];
    return `${mailbox}  ${folder}: ${what.join(text.words.common.and) || text.say`UIDs are counted on`}`;
  });
  return [
    ...(lines.length === 0 ? [text.say`'${to}' has nothing that '${from}' has not`] : lines),
    text.say`then all of ${number(prepared.counts.mailboxes)} mailboxes of '${to}' become what '${from}' has`,
  ].join('\n');
}

function result(
  way: Direction,
  { prepared, findings, report }: { prepared: PreparedMerge; findings: readonly Finding[]; report: SyncReport | undefined },
): CommandResult {
  const { added, removed, reflagged, renumbered, twins, mailboxes } = prepared.counts;
  const copied = report === undefined ? {} : { copied: report.counts.added, deleted: report.counts.removed, failed: report.counts.failed };
  const bad = findings.filter(({ severity }) => severity === 'error').length;
  return {
    outcome: bad > 0 ? 'partial' : findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
    cause: 'partial',
    counts: { mailboxes, added, removed, reflagged, renumbered, twins, ...copied },
    findings,
    fields: { from: way.from, to: way.to, epoch: way.epoch, dryRun: report === undefined, plan: changesOf(prepared) },
    render: (text) =>
      [
        ...(bad > 0
          ? [text.red(text.say`${text.number(bad)} things are left to be done before '${way.to}' is a standby`)]
          : report === undefined
            ? []
            : [text.green(text.say`'${way.to}' is a standby of '${way.from}' again`)]),
        describe(way, prepared, text),
        ...(report === undefined
          ? [text.dim(text.say`nothing was changed: --dry-run`)]
          : [
              text.pairs([
                [
                  text.say`merged`,
                  text.say`${text.number(added)} messages came, ${text.number(removed)} went, ${text.number(reflagged)} got other flags`,
                ],
                [
                  text.say`copied`,
                  text.say`${text.number(report.counts.added)} messages to '${way.to}', ${text.number(report.counts.removed)} deleted there`,
                ],
              ]),
            ]),
      ].join('\n\n'),
  };
}
