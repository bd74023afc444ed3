/** What a recipe is: the types, the validation, the JSON Schema and the reference page come from here. */
import * as z from 'zod';
import { duration } from '../system/yaml/duration.ts';
import type { JsonSchema } from '../system/yaml/json-schema.ts';

const line = z
  .string()
  // oxlint-disable-next-line no-control-regex
  .regex(/^[^\x00-\x1f]+$/, 'must be one line, and not empty');
const text = z.string().min(1, 'must not be empty');
const NAME = /^[a-z][a-z0-9-]{0,39}$/;
const name = z.string().regex(NAME, "must be small letters, digits and '-', and begin with a letter");
/** An argument, or what an answer is compared with. */
const value = z.union([z.string(), z.number(), z.boolean()]);
/** `ready.active`, or the name of a variable. */
const REFERENCE = /^[a-z][a-z0-9-]*(?:\.[A-Za-z0-9_-]+)?$/;
const condition = z.record(z.string().regex(REFERENCE, 'must be a variable, or STEP.OUTPUT'), value.transform(String));
const path = z.string().regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, 'must be the path of a field, such as loss.seconds');
/** A recipe has this long a step at most unless it says otherwise. */
const TIMEOUT = '1h';

const variable = z.strictObject({
  name: name.meta({ description: 'what it is called: `${name}` stands for its value, `--set name=value` gives it one', examples: ['to'] }),
  description: line.meta({ description: 'what it is for, one phrase', examples: ['the host that shall serve'] }),
  default: z
    .string()
    .optional()
    .meta({ description: 'its value where none is given; without it one must be given', examples: [''] }),
  choices: z
    .array(z.string())
    .min(1)
    .optional()
    .meta({ description: 'the only values that it may have', examples: [['yes', 'no']] }),
});

const role = z.strictObject({
  name: name.meta({ description: 'what the role is called; `--role name=PERSON` says who has it', examples: ['operator'] }),
  does: line.meta({ description: 'what this person does, one phrase', examples: ['carries out the steps'] }),
});

const goal = z.strictObject({
  title: line.meta({ description: 'what was promised', examples: ['mail is refused for at most five minutes'] }),
  value: line.meta({ description: 'what is compared: an output of a step', examples: ['${switch.outage}'] }),
  atMost: z
    .number()
    .min(0)
    .meta({ description: 'the most that it may be', examples: [300] }),
});

const expectPart = z.strictObject({
  exit: z.array(z.int().min(0).max(255)).min(1).default([0]).meta({ description: 'exit codes that count as done' }),
  equal: z
    .record(path, value.transform(String))
    .default({})
    .meta({
      description: 'fields of the JSON document that must have these values, by their paths',
      examples: [{ ready: true }],
    }),
});

const retryPart = z.strictObject({
  times: z
    .int()
    .min(1)
    .max(100)
    .meta({ description: 'how often more', examples: [3] }),
  wait: duration('10s').prefault('10s').meta({ description: 'how long is waited before each' }),
});

const stepPart = z
  .strictObject({
    id: name.meta({ description: 'what the step is called in the record, and by other steps', examples: ['ready'] }),
    title: line.meta({ description: 'what it is, one phrase', examples: ['see whether a switch would work'] }),
    uses: line.optional().meta({ description: 'a command of mailrecover', examples: ['standby status'] }),
    with: z
      .record(z.string(), z.union([value, z.array(value)]))
      .default({})
      .meta({
        description:
          'options of that command by their names; one whose value is empty is left out; a flag is true or false, or a variable that says `yes` or `no`',
        examples: [{ planned: true, to: '${to}' }],
      }),
    args: z
      .array(value.transform(String))
      .default([])
      .meta({ description: 'arguments of that command', examples: [['latest']] }),
    run: z
      .array(value.transform(String).pipe(line))
      .min(1)
      .optional()
      .meta({
        description: 'a program with its arguments, run here; no shell is involved',
        examples: [['systemctl', 'is-active', 'postfix']],
      }),
    approve: text.optional().meta({ description: 'a question that a person must say yes to', examples: ['Shall mail be switched now?'] }),
    manual: text
      .optional()
      .meta({ description: 'what a person does, and then says to be done', examples: ['Switch the old host off at the PDU.'] }),
    answer: line.optional().meta({
      description: 'what must be typed to approve, in place of `yes`',
      examples: ['${ready.active}'],
    }),
    role: name.optional().meta({ description: 'whose step it is', examples: ['operator'] }),
    planned: duration('1m').optional().meta({ description: 'how long it should take; the record compares' }),
    timeout: duration('30m').prefault(TIMEOUT).meta({ description: 'after so long a command or program is stopped, and has failed' }),
    retry: retryPart.optional().meta({ description: 'try again what has failed' }),
    expect: expectPart.prefault({}).meta({ description: 'when it counts as done' }),
    outputs: z
      .record(z.string().regex(/^[A-Za-z0-9_-]+$/, "must be letters, digits, '-' and '_'"), path)
      .default({})
      .meta({
        description: 'fields of its JSON document that later steps may use as `${id.name}`, by their paths',
        examples: [{ active: 'active' }],
      }),
    show: z.boolean().default(false).meta({ description: 'print all that it says, so that whoever approves can read it' }),
    when: condition.default({}).meta({
      description: 'do it only where these variables or outputs have these values',
      examples: [{ back: 'yes' }],
    }),
    unless: condition.default({}).meta({ description: 'leave it out where one of these has this value', examples: [{ attest: '' }] }),
    onFailure: z.enum(['stop', 'continue']).default('stop').meta({
      description: '`continue`: go on, and tell of it as a deviation; `stop`: the next run begins with this step',
    }),
    harmless: z.boolean().default(false).meta({ description: 'it changes nothing: a dry run runs it, too' }),
    dryRun: z
      .enum(['run', 'show'])
      .optional()
      .meta({
        description:
          'what a dry run does with it; by default `run` for what is harmless and for commands that have `--dry-run`, which is given then; else `show`',
        examples: ['show'],
      }),
    repeatable: z
      .boolean()
      .optional()
      .meta({
        description:
          'whether it may be run again where it was cut off, and nobody knows how far it came; by default true for commands of mailrecover, and false for programs, where somebody is asked',
        examples: [true],
      }),
  })
  .superRefine((step, context) => {
    const say = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    const kinds = (['uses', 'run', 'approve', 'manual'] as const).filter((key) => step[key] !== undefined);
    if (kinds.length !== 1) say([], "must have exactly one of 'uses', 'run', 'approve' and 'manual'");
    const [kind] = kinds;
    for (const key of ['with', 'args', 'outputs'] as const)
      if (kind !== 'uses' && Object.keys(step[key]).length > 0) say([key], "goes with 'uses' only");
    if (kind !== 'uses' && Object.keys(step.expect.equal).length > 0) say(['expect', 'equal'], "goes with 'uses' only");
    if (kind !== 'approve' && step.answer !== undefined) say(['answer'], "goes with 'approve' only");
  });

export const recipeSchema = z.strictObject({
  title: line.meta({ description: 'what it is, one phrase', examples: ['switch mail to the standby, as planned'] }),
  description: text.optional().meta({ description: 'when to use it, and what must be ready', examples: ['For a maintenance.'] }),
  roles: z.array(role).default([]).meta({ description: 'who takes part' }),
  variables: z.array(variable).default([]).meta({ description: 'what is given when it is run' }),
  goals: z.array(goal).default([]).meta({ description: 'what was promised; the record says whether it was kept' }),
  steps: z.array(stepPart).min(1, 'must have at least one step').meta({ description: 'the steps, in their order' }),
});

/** A recipe, as it was read; `${…}` stands in it as it was written. */
export type Recipe = z.output<typeof recipeSchema>;
export type RecipeStep = Recipe['steps'][number];

/** For editors, and for what an unknown key was probably meant to be. */
export function recipeJsonSchema(): JsonSchema {
  return z.toJSONSchema(recipeSchema, { io: 'input' }) as JsonSchema;
}
