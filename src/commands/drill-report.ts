import { MailrecoverError } from '../errors/error.ts';
import { defineCommand, type CommandResult } from './types.ts';

export default defineCommand({
  name: 'drill report',
  summary: 'show the record of a run, or list the runs',
  description: [
    'Shows the record of a run of `drill run`, the newest unless another is named: what was planned and what happened, with UTC times; who had which role and approved what; which goals were kept; and everything that was otherwise than planned. It is Markdown, for a wiki, a ticket or a printer; --json gives the same for programs.',
  ],
  arguments: { run: { value: 'RUN', description: 'the id of a run, or how it begins; by default the newest' } },
  options: { list: { kind: 'flag', description: 'list the runs on this host, the newest first' } },
  examples: [
    { command: 'mailrecover drill report', says: 'See how the newest run went.' },
    { command: 'mailrecover drill report --list', says: 'See what was run here.' },
    { command: 'mailrecover drill report 4f1c > drill.md', says: 'Keep the record of one of them.' },
  ],
  exitCodes: { 0: 'the record was shown, whatever it says', 2: 'there is no such run' },
  json: {
    record:
      'the record: `schema`, `run`, `recipe`, `purpose`, `variables`, `roles`, `by`, `host`, `version`, `startedAt`, `endedAt`, `outcome`, `because`, `seconds`, `goals`, `steps`, `approvals`, `deviations`; docs/recipes.md tells what each holds',
    'runs[].{run,recipe,title,purpose,by,startedAt,endedAt,outcome,deviations}': 'with --list: the runs',
  },
  async run(context, args, options): Promise<CommandResult> {
    const [{ readDrills }, { recordOf }, { recordMarkdown }, { verdictOf }, { tell }] = await Promise.all([
      import('../drill/journal.ts'),
      import('../drill/record.ts'),
      import('../drill/markdown.ts'),
      import('../drill/outcomes.ts'),
      import('../report/text/tell.ts'),
    ]);
    const drills = readDrills((await context.config()).state);
    if (options.list) {
      const records = drills.map(recordOf);
      return {
        outcome: 'ok',
        counts: { runs: records.length },
        fields: {
          runs: records.map(({ run, recipe, purpose, by, startedAt, endedAt, outcome, deviations }) => ({
            run,
            recipe: recipe.name,
            title: recipe.title,
            purpose,
            by,
            startedAt,
            endedAt,
            outcome,
            deviations: deviations.length,
          })),
        },
        render: (text) =>
          records.length === 0
            ? text.say`nothing was run here yet`
            : text.table(
                records.map((record) => [
                  record.run.slice(0, 8),
                  text.time(record.startedAt),
                  record.recipe.name,
                  tell(verdictOf(record), text),
                  record.purpose,
                ]),
                { head: [text.say`run`, text.say`began`, text.say`recipe`, text.say`how it ended`, text.say`purpose`] },
              ),
      };
    }
    const found = drills.filter(({ head }) => args.run === undefined || head.run.startsWith(args.run.toLowerCase()));
    const [drill, second] = found;
    if (drill === undefined)
      throw new MailrecoverError('not-found', args.run === undefined ? 'nothing was run here yet' : `there is no run '${args.run}'`, {
        hint: args.run === undefined ? 'mailrecover drill run RECIPE' : 'mailrecover drill report --list',
      });
    if (args.run !== undefined && second !== undefined)
      throw new MailrecoverError('ambiguous', `'${args.run}' fits ${found.length} runs`, { hint: 'mailrecover drill report --list' });
    const record = recordOf(drill);
    return { outcome: 'ok', fields: { record }, output: recordMarkdown(record) };
  },
});
