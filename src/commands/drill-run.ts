import { hostname, userInfo } from 'node:os';
import type { DrillJournal, DrillState } from '../drill/journal.ts';
import type { Recipe } from '../drill/schema.ts';
import { MailrecoverError } from '../errors/error.ts';
import { defineCommand, type CommandContext, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'drill run',
  summary: 'carry out a recipe, step by step, and keep a record of it',
  description: [
    'A recipe is a list of steps in a YAML file: commands of mailrecover, programs of yours, things that people do, and approvals. It is named as `drill list` names it, or by its path. Each step is written down before it is begun and after it has ended, with its UTC times.',
    'A step that fails stops the run, and says why. The same command goes on where it stopped, or where it was killed; what is done is not done again. --new begins from the start instead, and --give-up ends the run that is open.',
    'Approvals and what people do are asked for at a terminal; with --yes they count as said beforehand, and the record tells so. With --dry-run nothing is changed: the plan is shown, and what can be tried without a change is tried.',
    'In the end there is a record: planned against actual, who had which role, who approved what, and everything that was otherwise than planned, as JSON and as a page that a manager reads. `drill report` shows it again.',
  ],
  arguments: {
    recipe: { value: 'RECIPE', description: 'a recipe by its name, or the path of its file', required: true, complete: 'file' },
  },
  options: {
    set: { kind: 'list', value: 'NAME=VALUE', description: 'give a variable of the recipe a value' },
    role: { kind: 'list', value: 'ROLE=PERSON', description: 'say who has a role' },
    purpose: { kind: 'text', value: 'TEXT', description: 'why it is run, for the record: an exercise, a change, an incident' },
    dryRun: { kind: 'flag', description: 'show the plan and try what can be tried without changing anything' },
    yes: { kind: 'flag', description: 'say yes to every approval beforehand, and count what people do as done' },
    new: { kind: 'flag', description: 'begin from the start where a run of this recipe is open; that one is given up' },
    giveUp: { kind: 'flag', description: 'end the run of this recipe that is open, without doing any more of it' },
  },
  examples: [
    { command: 'mailrecover drill run switch-planned --dry-run', says: 'See what would be done, and whether it could be.' },
    {
      command: "mailrecover drill run switch-planned --role operator='J. Smith' --role approver='A. Jones' --purpose 'CHG-1234: new disks'",
      says: 'Switch mail for a maintenance, with somebody who approves it.',
    },
    {
      command: "mailrecover drill run switch-forced --set allow-loss=10m --set attest='power cut at the PDU, J. Smith'",
      says: 'Switch away from a host that is dead.',
    },
  ],
  exitCodes: {
    0: 'all steps were done, perhaps with deviations; with --dry-run: what was tried went well',
    1: 'a step failed, and the run stopped there; the same command goes on',
    3: 'all steps were gone through, and some of them failed',
    11: 'another run is under way on this host',
    20: 'something was not approved, or nobody was there to answer; the same command goes on',
  },
  json: {
    run: 'the id of the run; absent with --dry-run',
    'recipe.{name,path,sha256,title}': 'what was carried out',
    result: 'finished, finished-with-failures, stopped, given-up; planned with --dry-run',
    dryRun: 'true where nothing was to be changed',
    resumed: 'whether a run that was begun before was gone on with',
    record: 'the record, as `drill report --json` gives it; absent with --dry-run',
    'plan[].{id,title,role,planned,does,leftOut,outcome,exitCode,says}': 'with --dry-run: the steps, and how what was tried went',
  },
  recordsHistory: true,
  async run(context, args, options): Promise<CommandResult> {
    const [{ findRecipe, readRecipe, recipeOf }, { knownCommands }, { foldersOf }, { readDrills }] = await Promise.all([
      import('../drill/recipe.ts'),
      import('./drill/known.ts'),
      import('./drill/recipes.ts'),
      import('../drill/journal.ts'),
    ]);
    const commands = await knownCommands();
    const file = readRecipe(findRecipe(args.recipe, foldersOf(context)));
    const { state } = await context.config();
    const open = readDrills(state).find(({ head, ended }) => ended === undefined && head.recipe.name === file.name);
    if (options.giveUp) return giveUp(context, state, open, args.recipe);
    const goesOn = open !== undefined && !options.new && !options.dryRun;
    const others = goesOn ? otherValues(open, options) : [];
    if (goesOn && others.length > 0)
      throw new MailrecoverError(
        'usage',
        `a run of '${file.name}' is open (${open.head.run}), with another value of ${others.join(', ')}`,
        {
          hint: `go on with it as it was begun: mailrecover drill run ${args.recipe}; or begin anew with these values: add --new`,
          subject: open.path,
        },
      );
    // What was begun goes on as it was begun, whatever the file says by now.
    const recipe = goesOn ? open.head.recipe.content : recipeOf(file, commands);
    const variables = goesOn ? open.head.variables : variablesOf(recipe, options.set);
    if (options.dryRun) {
      const { dryRun } = await import('./drill/dry-run.ts');
      return dryRun(context, { ...file, recipe }, commands, variables);
    }
    const release = await lock(context, state);
    context.onEnd(release);
    const [{ DrillJournal }, { programVersion }, { isoNow }] = await Promise.all([
      import('../drill/journal.ts'),
      import('../system/version.ts'),
      import('../system/clock.ts'),
    ]);
    let journal: DrillJournal;
    if (goesOn) {
      journal = DrillJournal.resume(open);
      const changed = open.head.recipe.sha256 !== file.sha256;
      const note = changed
        ? `${stoodStill(open)}; the file of the recipe was changed meanwhile, and the steps are still those of before`
        : stoodStill(open);
      journal.append({ event: 'resumed', time: isoNow(), by: whoRuns(), note });
      context.tell(`goes on with the run that ${open.head.by} began at ${open.startedAt}: ${note}`);
    } else {
      if (open !== undefined) DrillJournal.resume(open).append({ event: 'given-up', time: isoNow(), by: whoRuns() });
      const { name, path, sha256 } = file;
      journal = await DrillJournal.begin(state, {
        recipe: { name, path, sha256, content: recipe },
        purpose: options.purpose ?? '',
        variables,
        roles: pairsOf(options.role, '--role', recipe.roles, 'role'),
        by: whoRuns(),
        host: hostname(),
        version: programVersion(),
      });
    }
    const { carryOutHere } = await import('./drill/carry-out.ts');
    return carryOutHere(context, journal, commands, { yes: options.yes, resumed: goesOn, asked: args.recipe, user: whoRuns() });
  },
});

/** Options that say otherwise than when the run was begun; the same command goes on with it. */
function otherValues(
  { head: { recipe, variables, roles, purpose } }: DrillState,
  options: { set: readonly string[]; role: readonly string[]; purpose?: string | undefined },
): string[] {
  const others = (given: Record<string, string>, begun: Record<string, string>, flag: string): string[] =>
    Object.keys(given).flatMap((name) => (given[name] === begun[name] ? [] : [`${flag} ${name}`]));
  return [
    ...others(pairsOf(options.set, '--set', recipe.content.variables, 'variable'), variables, '--set'),
    ...others(pairsOf(options.role, '--role', recipe.content.roles, 'role'), roles, '--role'),
    ...(options.purpose === undefined || options.purpose === purpose ? [] : ['--purpose']),
  ];
}

function whoRuns(): string {
  return `${userInfo().username}@${hostname()}`;
}

async function lock(context: CommandContext, state: string): Promise<() => void> {
  const [{ drillFolder }, { makeDirectory }, { takeLock }, { join }] = await Promise.all([
    import('../drill/journal.ts'),
    import('../system/files.ts'),
    import('../system/lock.ts'),
    import('node:path'),
  ]);
  context.signal.throwIfAborted();
  await makeDirectory(drillFolder(state));
  return takeLock(join(drillFolder(state), 'lock'), 'mailrecover drill run');
}

function stoodStill({ lines, cut }: DrillState): string {
  const last = lines.at(-1);
  if (last?.event === 'stopped') return `it had stopped at '${last.step}' (${last.why}) at ${last.time}`;
  const time = last?.time ?? '';
  return cut === undefined ? `it was cut off after ${time}` : `it was cut off in '${cut}' after ${time}`;
}

async function giveUp(context: CommandContext, state: string, open: DrillState | undefined, asked: string): Promise<CommandResult> {
  if (open === undefined)
    throw new MailrecoverError('refused', `no run of '${asked}' is open`, { hint: 'see what ran: mailrecover drill report --list' });
  const [{ DrillJournal }, { isoNow }, { keepRecord }] = await Promise.all([
    import('../drill/journal.ts'),
    import('../system/clock.ts'),
    import('./drill/keep.ts'),
  ]);
  context.onEnd(await lock(context, state));
  const journal = DrillJournal.resume(open);
  journal.append({ event: 'given-up', time: isoNow(), by: whoRuns() });
  const { record, artifacts } = await keepRecord(journal.state);
  return {
    outcome: 'ok',
    artifacts,
    fields: { run: record.run, recipe: record.recipe, result: record.outcome, dryRun: false, resumed: true, record },
    render: (text) => text.say`given up; what was done stays as it is: ${artifacts[1]?.path ?? ''}`,
  };
}

/** Values of all variables. @throws MailrecoverError `usage` */
function variablesOf(recipe: Recipe, given: readonly string[]): Record<string, string> {
  const values = pairsOf(given, '--set', recipe.variables, 'variable');
  return Object.fromEntries(
    recipe.variables.map(({ name, description, default: usual, choices }) => {
      const value = values[name] ?? usual;
      if (value === undefined)
        throw new MailrecoverError('usage', `'${name}' must be given: ${description}`, { hint: `add --set ${name}=…`, subject: name });
      if (choices?.includes(value) === false)
        throw new MailrecoverError('usage', `'${name}' must be one of ${choices.join(', ')}`, { subject: name });
      return [name, value];
    }),
  );
}

/** What `NAME=VALUE` options give, by name. @param known what there is in the recipe @throws MailrecoverError `usage` */
function pairsOf(given: readonly string[], flag: string, known: readonly { name: string }[], what: string): Record<string, string> {
  const names = known.map(({ name }) => name);
  return Object.fromEntries(
    given.map((text) => {
      const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
      if (name === '')
        throw new MailrecoverError('usage', `'${text}' is not what ${flag} takes`, { hint: `as in ${flag} ${names[0] ?? 'x'}=…` });
      if (!names.includes(name))
        throw new MailrecoverError('usage', `this recipe has no ${what} '${name}'`, {
          hint: names.length === 0 ? 'it has none' : `there is: ${names.join(', ')}`,
        });
      return [name, value];
    }),
  );
}
