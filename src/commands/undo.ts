import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Run } from '../restore/live/journal.ts';
import { countsOf } from '../restore/live/model.ts';
import type { FolderUndo } from '../restore/live/undo.ts';
import { confirm } from './confirm.ts';
import { placeOf, type Place } from './from-config.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

export default defineCommand({
  name: 'undo',
  summary: 'undo a restore into the running server',
  description: [
    'Undoes the last restore --live, or the one that is named: takes out what it put in, puts back what it set aside, and gives flags back. What clients have done since stays done: a message that somebody moved or deleted is left alone. Where a client has changed a message that would be taken out (read it, flagged it), nothing is done until --changed says what becomes of it.',
    'What --live replace set aside is kept beside the mailboxes until --release removes it for good. An undo that was interrupted goes on when it is run again.',
  ],
  arguments: { run: { value: 'RUN', description: 'which one, as --list and restore show it; by default the last' } },
  options: {
    list: { kind: 'flag', description: 'list the live restores, and do nothing' },
    changed: {
      kind: 'choice',
      value: 'WHAT',
      choices: ['take', 'leave'],
      description: 'what becomes of messages that clients have changed since: take them out all the same, or leave them',
    },
    release: { kind: 'flag', description: 'remove what the restore set aside, for good; it can not be undone after that' },
    dryRun: { kind: 'flag', description: 'print what would be done, and do nothing' },
    yes: { kind: 'flag', description: 'do not ask' },
  },
  examples: [
    { command: 'mailrecover undo --dry-run', says: 'See what undoing the last live restore would do.' },
    { command: 'mailrecover undo --yes --changed leave', says: 'Undo it; messages that were read since stay.' },
    { command: 'mailrecover undo 20261122-031500-1x2 --release', says: 'Keep what was restored, and remove what was set aside for it.' },
  ],
  exitCodes: {
    0: 'it was undone, or there was nothing left to do',
    1: 'the undo failed',
    11: 'another live restore runs',
    13: 'Dovecot could not be asked',
    20: 'clients have changed what would be taken out, or the plan was not confirmed',
  },
  json: {
    run: 'the live restore',
    'runs[]': 'with --list: run, mode, made, state, counts',
    'plan[]': 'a folder each: mailbox, folder, take, changed, gone, back, flags, flagsChanged',
    'counts.taken': 'messages that were taken out',
    'counts.left': 'messages that were changed since, and left',
    'counts.gone': 'messages that clients had moved or deleted',
    'counts.back': 'messages that were put back',
    'counts.flags': 'messages that got flags back',
    'counts.released': 'with --release: messages that were removed for good',
  },
  recordsHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const place = await placeOf(context);
    const [{ Run }, { undo, release }] = await Promise.all([import('../restore/live/journal.ts'), import('../restore/live/undo.ts')]);
    const runs = Run.all(place.state);
    if (options.list) return listed(runs);
    if (!options.dryRun) await lock(context, place);
    const run = chosen(runs, args.run, options.release);
    if (run.plan.mode === 'merge' && !options.release)
      throw new MailrecoverError('refused', `run '${run.plan.id}' merged the mail of two hosts, and the old host's may be gone by now`, {
        hint: 'what was taken out lies beside the mailboxes, in .mailrecover-…/old, until you release it: --release',
        subject: run.plan.id,
      });
    if (options.release) {
      const { setAside } = countsOf(run.plan);
      if (options.dryRun)
        return {
          outcome: 'ok',
          fields: { run: run.plan.id },
          render: (text) => text.say`would remove up to ${setAside} messages for good`,
        };
      await confirm(
        context,
        options.yes,
        (text) => text.say`${setAside} messages that live restore ${run.plan.id} set aside will be removed for good`,
        'remove them?',
      );
      const released = await release(run, { config: place.config?.dovecot?.config, signal: context.signal });
      return {
        outcome: 'ok',
        counts: { released },
        fields: { run: run.plan.id },
        render: (text) => text.say`${text.green(text.say`released`)} ${released} messages`,
      };
    }
    const { config } = place;
    const how = { run, dovecot: { config: config?.dovecot?.config, signal: context.signal }, changed: options.changed };
    const { folders } = await undo({ ...how, dryRun: true });
    if (!options.dryRun && !folders.some(({ changed }) => changed > 0 && options.changed === undefined))
      await confirm(context, options.yes, (text) => planText(run, folders, text), 'undo it?');
    const report = options.dryRun ? undefined : await undo({ ...how, dryRun: false });
    const { findings = [], counts } = report ?? {};
    return {
      outcome: findings.some(({ severity }) => severity !== 'info') ? 'warning' : 'ok',
      ...(counts === undefined ? {} : { counts }),
      findings,
      fields: { run: run.plan.id, plan: folders },
      render: (text) =>
        counts === undefined
          ? `${planText(run, folders, text)}\n${text.dim(text.say`nothing was changed: --dry-run`)}`
          : text.pairs([
              [text.say`undone`, text.bold(run.plan.id)],
              [text.say`taken out`, text.number(counts.taken)],
              [text.say`put back`, text.number(counts.back)],
              [text.say`flags given back`, text.number(counts.flags)],
              [text.say`left as clients want it`, text.number(counts.left + counts.gone)],
            ]),
    };
  },
});

async function lock(context: CommandContext, place: Place): Promise<void> {
  const [{ makeDirectory }, { takeLock }] = await Promise.all([import('../system/files.ts'), import('../system/lock.ts')]);
  await makeDirectory(place.state);
  context.onEnd(takeLock(join(place.state, 'live.lock'), 'mailrecover undo'));
}

function chosen(runs: readonly Run[], wanted: string | undefined, releasing: boolean): Run {
  const open = runs.filter(({ state, plan }) => plan.mode !== 'merge' && state !== 'undone' && state !== 'released');
  const fits = wanted === undefined ? open.slice(-1) : runs.filter(({ plan }) => plan.id.startsWith(wanted));
  const [run] = fits;
  if (run === undefined || fits.length > 1)
    throw new MailrecoverError(
      'not-found',
      wanted === undefined ? 'there is no live restore that could be undone' : `'${wanted}' names ${fits.length} live restores`,
      {
        hint: "list them: 'mailrecover undo --list'",
        ...(wanted === undefined ? {} : { subject: wanted }),
      },
    );
  const { state, plan } = run;
  if (state === 'undone' || state === 'released')
    throw new MailrecoverError(
      'refused',
      `live restore '${plan.id}' ${state === 'undone' ? 'is undone already' : 'was released, and can not be undone'}`,
      {
        hint: "list them: 'mailrecover undo --list'",
        subject: plan.id,
      },
    );
  if (releasing && state !== 'done')
    throw new MailrecoverError('refused', `live restore '${plan.id}' is not finished`, {
      hint: 'finish it or undo it first',
      subject: plan.id,
    });
  return run;
}

function listed(runs: readonly Run[]): CommandResult {
  const rows = runs.map(({ plan, state }) => ({ run: plan.id, mode: plan.mode, made: plan.made, state, counts: { ...countsOf(plan) } }));
  return {
    outcome: 'ok',
    fields: { runs: rows },
    render: (text) =>
      rows.length === 0
        ? text.say`no live restores`
        : text.table(
            rows.map(({ run, mode, made, state, counts }) => [
              text.bold(run),
              mode,
              text.time(made),
              stateWord(state, text),
              text.number(counts.added),
              text.number(counts.setAside),
            ]),
            { head: [text.say`run`, text.say`way`, text.say`when`, text.say`state`, text.say`added`, text.say`set aside`], right: [4, 5] },
          ),
  };
}

function planText(run: Run, folders: readonly FolderUndo[], text: TextHelpers): string {
  return [
    text.say`live restore ${run.plan.id} (${run.plan.mode}, ${stateWord(run.state, text)})`,
    ...folders.map(({ mailbox, folder, take, changed, gone, back, flags }) => {
      const what = [
        ...(take > 0 ? [text.say`${take} are taken out`] : []),
        ...(changed > 0 ? [text.say`${changed} were changed by clients`] : []),
        ...(gone > 0 ? [text.say`${gone} were moved or deleted by clients`] : []),
        ...(back > 0 ? [text.say`${back} come back`] : []),
        ...(flags > 0 ? [text.say`${flags} get their flags back`] : []),
      ];
      return `${mailbox}  ${folder}: ${what.join(text.words.common.and) || text.say`nothing`}`;
    }),
  ].join('\n');
}

function stateWord(state: Run['state'], text: TextHelpers): string {
  return {
    interrupted: text.say`interrupted`,
    done: text.say`done`,
    'half undone': text.say`half undone`,
    undone: text.say`undone`,
    released: text.say`released`,
  }[state];
}
