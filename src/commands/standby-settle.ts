import { MailrecoverError } from '../errors/error.ts';
import type { Remote } from '../standby/remote.ts';
import type { RunRecord } from '../standby/run-record.ts';
import { isoNow } from '../system/clock.ts';
import { confirm } from './confirm.ts';
import { placeOf } from './from-config.ts';
import type { Recorder } from './standby/hosts.ts';
import { hostNamed, otherHost, pairOf } from './standby/pair.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'standby settle',
  summary: 'compare accounts after a switch, and have mail for unknown users refused for good again',
  description: [
    'After a switch the new host does not refuse mail for users that it does not know, but lets it wait at its senders (soft_bounce): an account may be missing. A switch ends that by itself where both hosts have the same accounts. Where it could not compare them, or some were missing, it leaves it, standby status says so, and this command ends it.',
    'The accounts of the host that serves are compared with those of the other host, where that can be asked; else with what the last synchronisation wrote down of it, where that is of the last 24 hours; or with --accounts with their number, as you know it. Senders give up after some days, so do it soon.',
  ],
  arguments: {},
  options: {
    accounts: { kind: 'number', value: 'NUMBER', min: 1, description: 'so many accounts there are to be, where nobody else can tell' },
    dryRun: { kind: 'flag', description: 'compare, and change nothing' },
    yes: { kind: 'flag', description: 'do it without asking' },
  },
  examples: [
    { command: 'mailrecover standby settle --dry-run', says: 'See which accounts are missing.' },
    { command: 'mailrecover standby settle', says: 'Refuse mail for unknown users again, once none is missing.' },
    { command: 'mailrecover standby settle --accounts 212', says: 'The same, where you know how many accounts there are to be.' },
  ],
  exitCodes: {
    0: 'mail for unknown users is refused for good',
    1: 'Postfix did not take the setting',
    10: 'the repository, which says who serves, is not there',
    11: 'a switch is under way, which does this itself',
    13: 'the host that serves, or the repository, does not answer',
    20: 'accounts are missing, or could not be compared, or nobody confirmed it: nothing was changed',
  },
  json: {
    active: 'the host that serves',
    soft: 'whether mail for unknown users waits at its senders now',
    alike: 'whether no account is missing; null where there was nothing to compare',
    evidence: 'what was compared',
    'missing[]': 'accounts that are missing, where their names are known',
    dryRun: 'whether nothing was to be changed',
  },
  recordsHistory: true,
  async run(context, _args, options): Promise<CommandResult> {
    const config = await context.config();
    const { target } = await placeOf(context);
    const [{ readEpoch }, accounts, { bounceHard, bouncesSoftly, compareAccounts, softBounceFinding }] = await Promise.all([
      import('../standby/epoch.ts'),
      import('../standby/accounts.ts'),
      import('../standby/promote/soft-bounce.ts'),
    ]);
    const { active: name = pairOf(config).primary.name, open } = await readEpoch(target);
    if (open !== undefined)
      throw new MailrecoverError('locked', `a switch to '${open.host}' is under way since ${open.since}`, {
        hint: "go on with it: 'mailrecover standby promote'",
        subject: open.run,
      });
    const active = hostNamed(config, name);
    let record: RunRecord | undefined;
    const host = await remote(context, active, (ran) => record?.ran(ran));
    const fields = { active: active.name, dryRun: options.dryRun };
    if (!(await bouncesSoftly(host)))
      return {
        outcome: 'ok',
        fields: { ...fields, soft: false, alike: null, evidence: null, missing: [] },
        render: (text) => text.say`nothing to do: ${active.name} refuses mail for unknown users for good`,
      };
    const old = await remote(context, otherHost(config, active.name));
    const told = options.accounts === undefined ? await accounts.accountsOn(old).catch(nobody) : undefined;
    const compared = await compareAccounts(host, {
      counted: undefined,
      known: told === undefined ? await accounts.knownAccounts(host, active.state ?? config.state) : { at: isoNow(), names: told.names },
      typed: options.accounts,
    });
    if (!compared.alike)
      return {
        outcome: 'failed',
        cause: 'refused',
        findings: [softBounceFinding(active.name, compared)],
        fields: { ...fields, soft: true, alike: false, evidence: null, missing: compared.missing },
        render: (text) => text.yellow(text.bold(text.say`nothing was changed: accounts may be missing`)),
      };
    if (!options.dryRun) {
      await confirm(context, options.yes, () => compared.evidence, `have ${active.name} refuse mail for unknown users for good?`);
      const { beginRecord } = await import('../standby/run-record.ts');
      record = await beginRecord(config.state, 'settled', { host: active.name, evidence: compared.evidence });
      await bounceHard(host, undefined);
    }
    return {
      outcome: 'ok',
      ...(record === undefined ? {} : { artifacts: [{ kind: 'record', path: record.path }] }),
      fields: { ...fields, soft: options.dryRun, alike: true, evidence: compared.evidence, missing: [] },
      render: (text) =>
        [
          options.dryRun
            ? text.bold(text.say`no account is missing; nothing was changed: --dry-run`)
            : text.green(text.bold(text.say`${active.name} refuses mail for unknown users for good again`)),
          `  ${compared.evidence}`,
        ].join('\n'),
    };
  },
});

/** @param record told of what is run there, once there is something to be changed */
async function remote(context: CommandContext, host: ReturnType<typeof hostNamed>, record: Recorder = () => undefined): Promise<Remote> {
  const { openHost } = await import('../standby/remote.ts');
  const opened = openHost(host, { record, signal: context.signal, connectMs: 5000, silentMs: 2000 });
  context.onEnd(() => opened.close());
  return opened;
}

/** A host that can't be asked says nothing. */
function nobody(error: unknown): undefined {
  if (error instanceof MailrecoverError) return undefined;
  throw error;
}
