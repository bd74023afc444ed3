import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { knownCommands } from '../../src/commands/drill/known.ts';
import { parseRecipe } from '../../src/drill/recipe.ts';
import { doingOf } from '../../src/drill/step.ts';
import { fieldAt, fill } from '../../src/drill/values.ts';
import { ROOT } from '../support/binary.ts';

const commands = await knownCommands();

/** What is wrong with a recipe: `line:column message`, with the hint. */
function problems(text: string): string[] {
  const { problems: found = [] } = parseRecipe(text, commands);
  return found.map(({ line, column, message, hint }) => `${line}:${column} ${message}${hint === undefined ? '' : ` (${hint})`}`);
}

const STEPS = (lines: string): string => `title: a recipe\nsteps:\n${lines}`;

suite('recipes', () => {
  test('those that come along are right, and each names who does what', () => {
    for (const name of ['switch-planned', 'switch-forced']) {
      const { recipe, problems: found } = parseRecipe(readFileSync(join(ROOT, 'recipes', `${name}.yaml`), 'utf8'), commands);
      assert.deepEqual(found, undefined, name);
      assert.ok(recipe?.steps.every(({ role, planned }) => role !== undefined && planned !== undefined));
      const at = (id: string): number => recipe?.steps.findIndex((step) => step.id === id) ?? -1;
      assert.ok(at('plan') < at('approval') && at('approval') < at('switch'), 'nothing is switched before it was shown and approved');
    }
  });

  test('the one in the documentation is right, too', () => {
    const page = readFileSync(join(ROOT, 'docs/recipes.md'), 'utf8');
    const sample = /\n {4}title: .*\n(?: {4}.*\n)+/.exec(page)?.[0] ?? '';
    assert.deepEqual(problems(sample.replaceAll('\n    ', '\n')), []);
    assert.match(sample, /approve:/);
  });

  test('each mistake is named with its line, and what was probably meant', () => {
    assert.deepEqual(problems('titel: x\nsteps: []\n'), [
      "1:1 unknown key 'titel' (did you mean 'title'?)",
      "2:8 'steps' must have at least one step",
    ]);
    assert.deepEqual(problems(STEPS('  - { id: one, title: x, uses: standby promot }\n')), [
      "3:32 there is no command 'standby promot' (did you mean 'standby promote'?)",
    ]);
    assert.deepEqual(
      problems(STEPS('  - id: one\n    title: x\n    uses: standby promote\n    with: { planed: true, yes: true, to: true }\n')),
      ["6:13 'standby promote' has no option 'planed' (did you mean 'planned'?)", "6:42 'to' takes a value, not true"],
    );
    assert.deepEqual(
      problems(STEPS('  - { id: one, title: x, run: [echo, "${wher}"] }\nvariables:\n  - { name: where, description: y }\n')),
      ["3:38 nothing is called 'wher' there (did you mean 'where'?)"],
    );
    assert.deepEqual(
      problems(STEPS('  - { id: one, title: x, run: [a], approve: b }\n  - { id: one, title: x, manual: c, role: boss, answer: d }\n')),
      ["3:5 'steps[0]' must have exactly one of 'uses', 'run', 'approve' and 'manual'", "4:57 'steps[1].answer' goes with 'approve' only"],
    );
    assert.match(
      problems(STEPS('  - { id: one, title: x, manual: c, role: boss }\n  - { id: one, title: x, manual: c }\n')).join('\n'),
      /3:43 no role is called 'boss' \(there is none\)\n4:11 .* is that of another step: 'one'/,
    );
  });

  test('a command that would ask needs its yes, and none runs recipes', () => {
    assert.match(
      problems(STEPS('  - { id: one, title: x, uses: standby promote, with: { planned: true } }\n')).join(),
      /would ask, and nobody could answer/,
    );
    assert.deepEqual(problems(STEPS('  - { id: one, title: x, uses: standby promote, with: { planned: true, dry-run: true } }\n')), []);
    assert.match(problems(STEPS('  - { id: one, title: x, uses: drill run, args: [y] }\n')).join(), /there is no command 'drill run'/);
  });

  test('a flag is set by a variable that says yes', () => {
    const flag = (value: string): string =>
      `title: a recipe\nvariables:\n  - { name: tone, description: x }\nsteps:\n  - { id: one, title: x, uses: standby promote, with: { forced: true, dial-tone: ${value}, dry-run: true } }\n`;
    assert.match(problems(flag('maybe')).join(), /'dial-tone' is a flag: true or false/);
    const { recipe } = parseRecipe(flag("'${tone}'"), commands);
    const [step] = recipe?.steps ?? [];
    assert.ok(step);
    for (const [word, args] of [
      ['yes', ['--forced', '--dial-tone', '--dry-run']],
      ['no', ['--forced', '--dry-run']],
      ['', ['--forced', '--dry-run']],
    ] as const)
      assert.deepEqual(doingOf(step, new Map([['tone', word]]), commands), { kind: 'uses', uses: 'standby promote', args });
  });

  test('an output is known only after the step that gives it', () => {
    const step = (id: string, rest: string): string => `  - { id: ${id}, title: x, uses: history, ${rest} }\n`;
    assert.deepEqual(problems(STEPS(step('one', 'outputs: { n: counts.runs }') + step('two', 'when: { one.n: 3 }'))), []);
    assert.match(
      problems(STEPS(step('two', 'when: { one.n: 3 }') + step('one', 'outputs: { n: counts.runs }'))).join(),
      /^3:\d+ nothing is called 'one.n' there/,
    );
  });

  test('values are filled in once, and never looked at again', () => {
    const values = new Map([
      ['a', '${b}'],
      ['b', 'x'],
      ['s.o', ''],
    ]);
    assert.equal(fill('$${a} ${a}${s.o}${ b }', values), '${a} ${b}x');
    assert.throws(() => fill('${c}', values), { code: 'failed' });
    assert.deepEqual(
      ['a.b', 'a.c', 'a', 'x', 'toString'].map((path) => fieldAt({ a: { b: 1, c: null } }, path)),
      ['1', '', '{"b":1,"c":null}', undefined, undefined],
    );
  });
});
