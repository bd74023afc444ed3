import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { lastSeen, type SwitchState } from '../standby/journal.ts';
import { outageSeconds } from '../standby/promote/outage.ts';
import type { Plan, Switched } from '../standby/promote/promote.ts';
import type { RanCommand } from '../standby/remote.ts';
import { placeOf } from './from-config.ts';
import { pairOf } from './standby/pair.ts';
import { lostFinding } from './standby-ledger.ts';
import { lostOn, type KnownLost } from './standby/lost.ts';
import { planFacts, planText, type PlanFacts } from './standby/plan-text.ts';
import { switchOptions } from './standby/switch.ts';
import { tell } from '../report/text/tell.ts';
import { defineCommand, type CommandContext, type CommandResult, type TextHelpers } from './types.ts';

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

export default defineCommand({
  name: 'standby promote',
  summary: 'let the other host serve',
  description: [
    'Switches mail to the host that does not serve now. --planned begins at a host that works, and loses nothing: it takes no new mail, its services are stopped and masked, its queue is moved, the last mail is copied and every mailbox compared before the other host starts. --forced is for a host that is dead, or half dead: what can still be asked of it is asked, and what may be lost is told first, and must be approved.',
    'First everything that the switch relies on is looked at, and the whole plan is shown; --dry-run ends there. Then the name of the host that serves must be typed, unless --yes is given. Each step is written down before it is begun and after it ended, with every command that was run on any host.',
    'With --forced --dial-tone the host serves at once, whatever mail it has: mailboxes that were synchronised within the loss that is approved stay as they are, and all others begin anew, empty, with their folders, subscriptions and filters, so that everybody can receive and send. What mail they had is moved aside, and nothing of it is deleted. Then `restore --behind` on that host brings their history back out of the repository.',
    'Until the first service of the new host was started, a step that fails has everything taken back. After that nothing is: what can still be done is done, and the next run does the rest. A run that was killed goes on where it was when the command is given again; --abort takes it back instead, where that is still possible. The journal is kept in the repository, too: with --take-over another host goes on, while a lock on the new host keeps two operators apart.',
    'With --to NAME of a service, mail goes to a tenant of Microsoft 365 or Google, or to any other host of SMTP and IMAP: whoever has mail must have a mailbox there, the old host is fenced, its last mail backed up, and the names are moved; then `standby fill` puts the mail there. From a service back to a host, what the service took meanwhile stays in its mailboxes.',
    'Who serves is decided by an epoch in the repository, so two people can not switch at once, and a left-over synchronisation of the old host is refused.',
  ],
  arguments: {},
  options: {
    planned: { kind: 'flag', description: 'switch from a host that works; nothing may be lost' },
    forced: { kind: 'flag', description: 'switch from a host that is dead, or that nobody can ask' },
    to: {
      kind: 'text',
      value: 'NAME',
      description:
        'the host that shall serve, by its name in the configuration, or one of its services (`standby.clouds`); by default the standby; name the primary to go back to it',
    },
    dryRun: { kind: 'flag', description: 'look at everything, print the plan, and change nothing' },
    yes: { kind: 'flag', description: 'carry the plan out without asking' },
    abort: { kind: 'flag', description: 'take a switch back that was begun and is not finished, as long as the new host never served' },
    takeOver: {
      kind: 'flag',
      description: 'go on here with a switch that another host began and does not finish; with --abort: take that back from here',
    },
    allowLoss: {
      kind: 'text',
      value: 'SPAN',
      description: "approve that so much mail may be lost, as in 10m or 2h; 'any' for whatever it is",
    },
    allowMissing: {
      kind: 'number',
      value: 'N',
      min: 0,
      description: 'with a service: approve that so many accounts have no mailbox there, and get no mail',
    },
    leaveQueue: {
      kind: 'flag',
      description: 'with a service: approve that mail which waits in the queue of the old host stays there until that is back',
    },
    attest: {
      kind: 'text',
      value: 'TEXT',
      description:
        'with --forced: say that the old host is off, how, and who says so; counts as the weakest of fences, and stands in the record',
    },
    dialTone: {
      kind: 'flag',
      description:
        'with --forced: serve at once with empty mailboxes in place of those without current mail; their history comes later, by restore --behind',
    },
  },
  examples: [
    { command: 'mailrecover standby promote --planned --dry-run', says: 'See whether a planned switch would work, and its plan.' },
    { command: 'mailrecover standby promote --planned', says: 'Switch for a maintenance; asks for the name of the host that serves.' },
    {
      command: "mailrecover standby promote --forced --allow-loss 10m --attest 'power cut at the PDU, J. Smith'",
      says: 'Switch away from a host that is dead, where up to ten minutes of mail may be lost.',
    },
    {
      command: 'mailrecover standby promote --planned --to mx1.example.org',
      says: 'Go back to the primary, after `standby failback` has merged what it still held.',
    },
    {
      command: "mailrecover standby promote --forced --dial-tone --allow-loss 10m --attest 'burnt, J. Smith'",
      says: 'Receive and send at once, where the standby has no mail, or old mail.',
    },
    {
      command: 'mailrecover standby promote --planned --to m365 --dry-run',
      says: 'See who has no mailbox at a service, and how long it would take to fill it.',
    },
    { command: 'mailrecover standby promote --abort', says: 'Take a switch back that stopped half way.' },
    {
      command: 'mailrecover standby promote --take-over',
      says: 'Go on with a switch that was begun on a host that is gone now.',
    },
  ],
  exitCodes: {
    0: 'switched, or (with --abort) taken back; with --dry-run: the plan can be carried out',
    1: 'a step failed and all was taken back: nothing is changed; or, when the message says so, not all could be taken back',
    3: 'switched, but not finished: the new host serves, and what is missing is named',
    10: 'the repository, which says who serves, is not there',
    11: 'another switch is under way; nothing was changed',
    12: 'a key or a password was refused; nothing is changed',
    13: 'a host could not be reached; nothing is changed',
    20: 'refused by a safety gate, or not confirmed; nothing is changed',
  },
  json: {
    switch: 'nothing-changed, rolled-back, rollback-unfinished, switched or switched-not-finished',
    dryRun: 'true where nothing was to be changed',
    run: 'the id of the switch',
    mode: 'planned or forced',
    epoch: 'the epoch that it claims',
    from: 'the host that served',
    to: 'the host that serves, or shall',
    resumed: 'whether a switch that was begun before was gone on with',
    takenOver: 'whether that was begun on another host',
    'loss.{seconds,approved}': 'how many seconds of mail may be lost at most (null where nobody knows), and whether that is approved',
    'outage.seconds':
      'for how many seconds nobody took mail or gave it out, from the first step that took it away (of a dead host: from the begin of the switch) until the new host served at its address and by its names; null where that is not known yet',
    'outage.before.{at,seconds}': 'with --dry-run: the same of the newest switch of this kind; null where there was none',
    'plan[].{id,title,lines,undo,noReturn}': 'the steps, what each does to which host, and how it is taken back',
    'evidence.{step}': 'what each step proved',
    'lost.until':
      'after a forced switch away from a host that can not be asked: until when it is known what that accepted; null without a ledger',
    'lost.messages[].{queue,at,id,from,to,lay}': 'what it accepted and the new host does not have, as `standby ledger` tells it',
    record: 'the file with everything that was run, and when',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    if (options.planned && options.forced) throw new MailrecoverError('usage', '--planned and --forced exclude each other');
    if (options.attest !== undefined && !options.forced && !options.abort)
      throw new MailrecoverError('usage', '--attest goes with --forced', {
        hint: 'a host that works is asked, nobody need say anything of it',
      });
    if (options.dialTone && !options.forced)
      throw new MailrecoverError('usage', '--dial-tone goes with --forced', {
        hint: 'a planned switch copies all mail first; it can take place while the old host serves',
      });
    const [{ planSwitch, carryOutSwitch }, { findBegun }, { readSwitches }, { readEpoch }] = await Promise.all([
      import('../standby/promote/promote.ts'),
      import('../standby/promote/begun.ts'),
      import('../standby/journal.ts'),
      import('../standby/epoch.ts'),
    ]);
    const begun = await findBegun((await context.config()).state, (await placeOf(context)).target);
    if (begun?.elsewhere === true && !options.takeOver) throw elsewhere(begun.state);
    if (begun?.elsewhere !== true && options.takeOver)
      throw new MailrecoverError('refused', 'no switch of another host is there to be taken over', {
        hint:
          begun === undefined ? 'nothing was changed' : "leave --take-over out: this host began it, 'mailrecover standby promote' goes on",
      });
    if (begun === undefined && !options.planned && !options.forced && !options.abort)
      throw new MailrecoverError('usage', 'say how: --planned or --forced', {
        hint: 'see what would be done: mailrecover standby promote --planned --dry-run',
      });
    if (begun === undefined && options.abort)
      throw new MailrecoverError('refused', 'no switch was begun here that could be taken back', { hint: 'nothing was changed' });
    const recorder: { record?: (ran: RanCommand) => void } = {};
    const config = await context.config();
    const to = begun?.state.head.to ?? options.to ?? pairOf(config).standby.name;
    const wished = await switchOptions(
      context,
      {
        mode: begun?.state.head.mode ?? (options.forced ? 'forced' : 'planned'),
        allowLoss: lossOf(options.allowLoss),
        attested: options.attest,
        dialTone: begun?.state.head.dialTone ?? options.dialTone,
        to,
        from: begun?.state.head.from,
        allowMissing: options.allowMissing,
        leaveQueue: options.leaveQueue,
      },
      (ran) => recorder.record?.(ran),
    );
    if (begun === undefined) {
      const { active = pairOf(config).primary.name, activeEpoch, open } = await readEpoch(wished.target);
      if (open === undefined && active === wished.to.name) return servesAlready(wished.to.name, wished.from.name, activeEpoch);
    }
    const plan = await planSwitch(wished, begun);
    const facts = planFacts(wished, readSwitches(config.state));
    if (options.dryRun) return dryRun(plan, facts, options.abort);
    const blocked = plan.precheck.findings.some(({ severity }) => severity === 'error');
    if (blocked) return refused(plan);
    await approve(context, plan, facts, options.yes, options.abort);
    const switched = await carryOutSwitch(wished, plan, {
      abort: options.abort,
      onJournal: (journal) => (recorder.record = (ran) => journal.ran(ran)),
    });
    const isDead = !plan.head.reachable && ['switched', 'not-finished'].includes(switched.outcome);
    return told(
      plan,
      switched,
      options.abort,
      isDead && wished.cloud === undefined ? await lostOn(context, plan.head.from, plan.head.to, wished.record) : undefined,
    );
  },
});

function elsewhere(state: SwitchState): MailrecoverError {
  const { by, at } = lastSeen(state);
  return new MailrecoverError(
    'locked',
    `a switch from '${state.head.from}' to '${state.head.to}' is under way: ${by} went on with it last, at ${at}`,
    {
      hint: "go on with it there; if nobody does so any more, here: 'mailrecover standby promote --take-over'",
      subject: state.head.run,
    },
  );
}

/** Seconds; Infinity for `any`. */
function lossOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === 'any') return Number.POSITIVE_INFINITY;
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * UNITS[unit as keyof typeof UNITS];
  throw new MailrecoverError('usage', `'${text}' is no span of time`, { hint: "give a number and s, m, h or d, such as 10m, or 'any'" });
}

function servesAlready(host: string, other: string, epoch: number): CommandResult {
  return {
    outcome: 'ok',
    fields: { switch: 'nothing-changed', to: host, epoch },
    render: (text) =>
      text.say`nothing to do: ${host} serves${epoch === 0 ? '' : text.say` since epoch ${epoch}`}; to let ${other} serve: mailrecover standby promote --planned --to ${other}`,
  };
}

const SHOWN_EVIDENCE = 40;

function dryRun(plan: Plan, facts: PlanFacts, abort: boolean): CommandResult {
  const { findings } = plan.precheck;
  const blockers = findings.filter(({ severity }) => severity === 'error').length;
  return {
    outcome: blockers > 0 ? 'failed' : findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'ok',
    ...(blockers > 0 ? { cause: 'refused' as const } : {}),
    findings,
    fields: { ...fieldsOf(plan), switch: 'nothing-changed', dryRun: true, outage: { seconds: null, before: facts.before ?? null } },
    render: (text) =>
      [
        blockers > 0
          ? text.red(
              text.bold(
                text.say`this switch would be refused: ${blockers} ${blockers === 1 ? text.say`thing stands` : text.say`things stand`} in its way, below`,
              ),
            )
          : text.green(
              text.bold(
                abort ? text.say`the switch could be taken back` : text.say`this switch could be carried out now; nothing was changed`,
              ),
            ),
        text.dim(text.say`what was looked at is in order at this moment; that does not prove that every step will succeed`),
        '',
        planText(plan, facts, text),
      ].join('\n'),
  };
}

function refused(plan: Plan): CommandResult {
  return {
    outcome: 'failed',
    cause: 'refused',
    findings: plan.precheck.findings,
    fields: { ...fieldsOf(plan), switch: 'nothing-changed', dryRun: false },
    render: (text) =>
      text.red(
        text.bold(
          plan.head.reachable
            ? text.say`nothing was changed: '${plan.head.from}' serves as before`
            : text.say`nothing was changed: '${plan.head.from}' is as it was`,
        ),
      ),
  };
}

/** Shows the plan; who agrees types the name of the host that serves. */
async function approve(context: CommandContext, plan: Plan, facts: PlanFacts, yes: boolean, abort: boolean): Promise<void> {
  if (yes) return;
  if (!context.interactive)
    throw new MailrecoverError('refused', 'nobody is there to confirm the plan', {
      hint: 'look at it with --dry-run, and add --yes to carry it out; nothing was changed',
    });
  const { textHelpers } = await import('../report/text/helpers.ts');
  const text = textHelpers({ color: false, lang: context.lang });
  for (const { severity, message, hint } of plan.precheck.findings)
    context.tell(
      `${severity === 'error' ? text.words.common.error : text.words.common.warning} ${tell(message, text)}${hint === undefined ? '' : `\n  ${text.words.common.hint} ${tell(hint, text)}`}`,
    );
  context.tell(planText(plan, facts, text));
  const answer = await context.ask(
    `\n${abort ? 'To take this switch back' : 'To carry this out'}, type the name of the host that serves now (${plan.head.from}): `,
  );
  if (answer.trim() !== plan.head.from)
    throw new MailrecoverError('refused', 'the plan was not confirmed', { hint: 'nothing was changed' });
}

function told(plan: Plan, { outcome, findings, evidence, state }: Switched, abort: boolean, lost: KnownLost | undefined): CommandResult {
  const { from, to } = plan.head;
  const all: Finding[] = [
    ...plan.precheck.findings.filter(({ severity }) => severity === 'warning'),
    ...findings,
    ...(lost === undefined || lost.messages.length === 0
      ? []
      : [lostFinding(from, lost, `whose they are, on ${to}: mailrecover standby ledger`)]),
  ];
  const isWarned = all.some(({ severity }) => severity === 'warning');
  const word = {
    switched: 'switched',
    'not-finished': 'switched-not-finished',
    'rolled-back': 'rolled-back',
    stopped: 'rollback-unfinished',
  }[outcome];
  const wished = outcome === 'switched' || (abort && outcome === 'rolled-back');
  return {
    outcome: wished ? (isWarned ? 'warning' : 'ok') : outcome === 'not-finished' ? 'partial' : 'failed',
    ...(outcome === 'stopped' ? { cause: 'failed' as const } : {}),
    findings: wished && abort ? findings : all,
    artifacts: [{ kind: 'record', path: state.path }],
    fields: {
      ...fieldsOf(plan),
      switch: word,
      dryRun: false,
      evidence: Object.fromEntries(evidence),
      outage: { seconds: outageSeconds(state) ?? null },
      record: state.path,
      lost: lost ?? null,
    },
    render: (text) =>
      [
        verdict(outcome, plan, text),
        ...[...evidence.values()]
          .flat()
          .slice(0, SHOWN_EVIDENCE)
          .map((line) => `  ${line}`),
        seconds(state, text),
      ]
        .filter((line) => line !== '')
        .join('\n'),
  };
}

function verdict(outcome: Switched['outcome'], plan: Plan, text: TextHelpers): string {
  const { from, to, epoch, reachable } = plan.head;
  if (outcome === 'switched') return text.green(text.bold(text.say`${to} serves since epoch ${epoch}; ${from} is fenced`));
  if (outcome === 'not-finished')
    return text.yellow(
      text.bold(
        text.say`${to} serves, but the switch is not finished: mend what is named below, then run 'mailrecover standby promote' again`,
      ),
    );
  if (outcome === 'rolled-back')
    return text.yellow(
      text.bold(
        reachable
          ? text.say`nothing is changed: all was taken back, and ${from} serves as before`
          : text.say`nothing is changed: all was taken back, and ${from} is as it was`,
      ),
    );
  return text.red(
    text.bold(text.say`not switched, and not all could be taken back: look at ${from} now; then run 'mailrecover standby promote --abort'`),
  );
}

function seconds(state: SwitchState, text: TextHelpers): string {
  const last = state.lines.at(-1);
  const end = last !== undefined && 'time' in last ? Date.parse(last.time) : Number.NaN;
  if (Number.isNaN(end)) return '';
  const took = text.duration(end - Date.parse(state.startedAt));
  const outage = outageSeconds(state);
  return text.dim(
    outage === undefined
      ? text.say`  took ${took}; record: ${state.path}`
      : text.say`  took ${took}, ${text.duration(outage * 1000)} of them without mail; record: ${state.path}`,
  );
}

function fieldsOf({ head, steps, precheck, resumes, takesOver }: Plan): Record<string, unknown> {
  return {
    run: head.run,
    mode: head.mode,
    epoch: head.epoch,
    from: head.from,
    to: head.to,
    resumed: resumes !== undefined,
    takenOver: takesOver,
    loss: {
      seconds: Number.isFinite(precheck.loss) ? precheck.loss : null,
      approved: !precheck.findings.some(({ code }) => code === 'refused'),
    },
    plan: steps.map(({ undo, ...step }) => ({ ...step, undo: undo ?? null })),
  };
}
