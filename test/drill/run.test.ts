import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { BINARY, mailrecover, mailrecoverJson, notBuilt, startMailrecover, type Document, type Ran } from '../support/binary.ts';
import { missing } from '../support/host.ts';
import { until } from '../support/ports.ts';
import { onTerminal } from '../support/terminal.ts';
import { scratch } from '../support/tmp.ts';

interface Recorded {
  outcome: string;
  because: string | null;
  steps: {
    id: string;
    outcome: string;
    tries: number;
    startedAt: string | null;
    actual: number | null;
    says: string | null;
    outputs: Record<string, string>;
  }[];
  approvals: { by: string; how: string; answer: string; remark?: string }[];
  deviations: { step: string | null; code: string; message: string }[];
  goals: { kept: boolean | null; actual: number | null }[];
  roles: { name: string; person: string | null }[];
}

/** A place with recipes of its own; what programs of steps do stands in `log`, a line each. */
class Desk {
  readonly root = scratch('drill');
  readonly config = join(this.root, 'mailrecover.yaml');
  readonly logFile = join(this.root, 'log');
  constructor() {
    mkdirSync(join(this.root, 'recipes'));
    writeFileSync(
      this.config,
      `{ host: desk, state: ${this.root}/state, stores: [{ path: ${this.root}/mail/%n }], repository: { at: ${this.root}/repo }, encryption: false }\n`,
    );
  }
  recipe(name: string, text: string): void {
    writeFileSync(join(this.root, 'recipes', `${name}.yaml`), text.replaceAll('LOG', this.logFile).replaceAll('ROOT', this.root));
  }
  run(...args: string[]): Promise<Ran> {
    return mailrecover(['--config', this.config, 'drill', 'run', ...args, '--json']);
  }
  report(): Promise<Document> {
    return mailrecoverJson(['--config', this.config, 'drill', 'report']);
  }
  log(): string[] {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').trim().split('\n') : [];
  }
}

const record = (ran: Ran): Recorded => ran.json()['record'] as Recorded;
const write = (word: string): string => `[sh, -c, 'echo ${word} >>LOG']`;

suite('runs of recipes', { skip: notBuilt() }, () => {
  test('all steps are done in turn, and the record tells what, when, who and what was otherwise', async () => {
    const desk = new Desk();
    desk.recipe(
      'whole',
      `title: the whole of it
roles: [{ name: operator, does: carries it out }, { name: approver, does: says yes }]
variables: [{ name: where, description: a word }, { name: skip, description: x, default: "yes" }]
goals: [{ title: few, value: "\${look.n}", atMost: 0 }, { title: none, value: "\${left.n}", atMost: 0 }]
steps:
  - { id: first, title: write, run: ${write('first-${where}')}, role: operator, planned: 1h }
  - { id: look, title: look, uses: history, with: { limit: 5 }, outputs: { n: counts.runs } }
  - { id: left, title: leave out, uses: history, outputs: { n: counts.runs }, unless: { skip: "yes" } }
  - { id: ok, title: approve, approve: "\${look.n} runs: shall it be?", role: approver }
  - { id: worse, title: fail, run: ["false"], onFailure: continue }
  - { id: last, title: write, run: ${write('last')} }
`,
    );
    const ran = await desk.run('whole', '--yes', '--set', 'where=here', '--role', 'operator=J. Smith', '--purpose', 'a test');
    assert.equal(ran.code, 3, ran.stdout + ran.stderr);
    assert.deepEqual(desk.log(), ['first-here', 'last']);
    const { outcome, steps, approvals, deviations, goals } = record(ran);
    assert.equal(outcome, 'finished-with-failures');
    assert.deepEqual(
      steps.map(({ id, outcome: how }) => `${id} ${how}`),
      ['first done', 'look done', 'left skipped', 'ok done', 'worse failed', 'last done'],
    );
    assert.match(steps[0]?.startedAt ?? '', /^\d{4}-.*Z$/);
    assert.deepEqual(
      approvals.map(({ how, answer }) => [how, answer]),
      [['beforehand', 'yes']],
    );
    assert.deepEqual(
      goals.map(({ kept }) => kept),
      [false, null],
    );
    assert.deepEqual(
      deviations.map(({ code }) => code),
      ['goal-missed', 'goal-unknown', 'failed', 'unattended', 'no-person'],
    );
    const [json, page] = ran.json().artifacts.map((each) => (each as { path: string }).path);
    assert.deepEqual(JSON.parse(readFileSync(json ?? '', 'utf8')), record(ran));
    const text = readFileSync(page ?? '', 'utf8');
    for (const words of [
      '# the whole of it: finished, but some steps failed',
      '| Purpose | a test |',
      'J. Smith (carries it out)',
      'sh -c',
    ])
      assert.ok(text.includes(words), `${words} in ${text}`);
    assert.equal((await mailrecover(['--config', desk.config, 'drill', 'report'])).stdout, text);
    assert.deepEqual(((await desk.report())['record'] as Recorded).steps, steps);
  });

  test('a step that fails stops the run, and the same command goes on with it', async () => {
    const desk = new Desk();
    desk.recipe(
      'stops',
      `title: it stops
variables: [{ name: word, description: a word }]
steps:
  - { id: a, title: once, run: ${write('once-${word}')} }
  - { id: b, title: needs it, run: [test, -e, ROOT/there], retry: { times: 1, wait: 1s } }
  - { id: c, title: after it, run: ${write('after')} }
`,
    );
    const stopped = await desk.run('stops', '--set', 'word=x');
    assert.equal(stopped.code, 1, stopped.stdout);
    assert.match(stopped.json().findings[0]?.message ?? '', /needs it: exit code 1/);
    assert.equal(record(stopped).steps[1]?.tries, 2);
    const other = await desk.run('stops', '--set', 'word=y', '--purpose', 'z');
    assert.equal(other.code, 2, 'it is open');
    assert.match(other.stdout, /with another value of --set word, --purpose/);
    // The steps are those of before, whatever the file says by now.
    appendFileSync(join(desk.root, 'recipes/stops.yaml'), `  - { id: d, title: x, run: ["false"] }\n`);
    writeFileSync(join(desk.root, 'there'), '');
    const whole = await desk.run('stops', '--set', 'word=x');
    assert.equal(whole.code, 0, whole.stdout);
    assert.equal(whole.json()['resumed'], true);
    assert.deepEqual(desk.log(), ['once-x', 'after']);
    assert.match(
      record(whole).deviations.find(({ code }) => code === 'resumed')?.message ?? '',
      /stopped at 'b' \(failed\).*the file of the recipe was changed/,
    );
  });

  test('killed in a step it goes on; what may not be done twice is asked for', async () => {
    const desk = new Desk();
    const slow = `[sh, -c, 'echo $0 >>LOG; exec sleep 30', NAME]`;
    desk.recipe(
      'killed',
      `title: it is killed
steps:
  - { id: a, title: safe, run: ${slow.replace('NAME', 'safe')}, repeatable: true, timeout: 60s }
  - { id: b, title: not twice, run: ${slow.replace('NAME', 'risky')} }
`,
    );
    const killed = async (lines: number): Promise<void> => {
      const { child, done } = startMailrecover(['--config', desk.config, 'drill', 'run', 'killed']);
      assert.ok(await until(() => desk.log().length >= lines, 60_000));
      const [shell] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
      child.kill('SIGKILL');
      await done.catch(() => undefined);
      // What it had started is let go, as a power cut would.
      for (const pid of [shell]) if (pid !== undefined && pid !== '') process.kill(Number(pid), 'SIGKILL');
    };
    await killed(1);
    const shorter = readFileSync(join(desk.root, 'recipes/killed.yaml'), 'utf8').replaceAll('exec sleep 30', 'true');
    const journal = readdirSync(join(desk.root, 'state/drills')).find((name) => name.endsWith('.jsonl')) ?? '';
    assert.ok(!readFileSync(join(desk.root, 'state/drills', journal), 'utf8').includes('"end"'));
    writeFileSync(join(desk.root, 'recipes/killed.yaml'), shorter);
    const busy = startMailrecover(['--config', desk.config, 'drill', 'run', 'killed']);
    assert.ok(await until(() => desk.log().length === 2, 60_000), 'it is done again');
    const second = await desk.run('killed');
    assert.equal(second.code, 11, second.stdout);
    assert.match(second.stdout, /has been running since/);
    busy.child.kill('SIGINT');
    assert.equal((await busy.done).code, 130);
    assert.equal((await desk.report())['record'] === undefined, false);
    const given = await desk.run('killed', '--give-up');
    assert.equal(given.code, 0, given.stdout);
    assert.equal(given.json()['result'], 'given-up');
    // From the start again, now that nothing sleeps in it; the second step is cut off by hand.
    rmSync(desk.logFile);
    desk.recipe('killed', `title: it is killed\nsteps:\n  - { id: a, title: not twice, run: ${slow.replace('NAME', 'risky')} }\n`);
    await killed(1);
    const asked = await desk.run('killed', '--yes');
    assert.equal(asked.code, 20, asked.stdout);
    assert.match(asked.json().findings[0]?.message ?? '', /nobody is there to answer: 'not twice' was cut off/);
    assert.deepEqual(desk.log(), ['risky']);
  });

  test('a dry run tries what changes nothing, and shows the rest', async () => {
    const desk = new Desk();
    desk.recipe(
      'dry',
      `title: dry
variables: [{ name: w, description: x, default: "" }]
steps:
  - { id: a, title: look, uses: history, harmless: true, outputs: { n: counts.runs } }
  - { id: b, title: change, run: ${write('changed')} }
  - { id: c, title: check, uses: config check, with: {}, harmless: true, expect: { exit: [0, 2] } }
  - { id: d, title: say yes, approve: "\${a.n} and \${e.x}?" }
`.replace(' and ${e.x}', ''),
    );
    const ran = await desk.run('dry', '--dry-run');
    assert.equal(ran.code, 0, ran.stdout);
    const plan = ran.json()['plan'] as { id: string; outcome: string; does: string }[];
    assert.deepEqual(
      plan.map(({ id, outcome }) => `${id} ${outcome}`),
      ['a ok', 'b shown', 'c ok', 'd shown'],
    );
    assert.equal(plan[3]?.does, '0?');
    assert.deepEqual(desk.log(), []);
    assert.ok(!existsSync(join(desk.root, 'state/drills')));
  });

  test(
    'nobody is there: nothing that must be approved is done; at a terminal people say who they are',
    { skip: missing('script') },
    async () => {
      const desk = new Desk();
      desk.recipe(
        'asks',
        `title: it asks
roles: [{ name: operator, does: carries it out }, { name: approver, does: says yes }]
steps:
  - { id: a, title: approve, approve: "Shall it be?", role: approver, answer: mx1 }
  - { id: b, title: by hand, manual: "Do it.", role: operator }
  - { id: c, title: write, run: ${write('done')} }
`,
      );
      const alone = await desk.run('asks', '--role', 'operator=A. Jones');
      assert.equal(alone.code, 20, alone.stdout);
      assert.deepEqual(desk.log(), []);
      const args = ['--config', desk.config, 'drill', 'run', 'asks'];
      const no = await onTerminal(BINARY, args, [
        [/type 'mx1': /, 'mx2'],
        [/Your name: /, 'A. Jones'],
        [/nothing\): /, 'not today'],
      ]);
      assert.equal(no.code, 20, no.screen);
      // A terminal that knows its width has a display of progress, which must not write over a question.
      const yes = await onTerminal(
        'sh',
        ['-c', 'stty cols 100 rows 30; exec "$0" "$@"', BINARY, ...args],
        [
          [/type 'mx1': /, 'mx1'],
          [/Your name: /, 'A. Jones'],
          [/skip\] /, 'yes'],
          [/nothing\): /, 'went well'],
        ],
      );
      assert.equal(yes.code, 0, yes.screen);
      assert.deepEqual(desk.log(), ['done']);
      const { approvals, deviations, roles } = (await desk.report())['record'] as Recorded;
      assert.deepEqual(
        approvals.map(({ by, answer, remark }) => [by, answer, remark]),
        [
          ['A. Jones', 'no', 'not today'],
          ['A. Jones', 'yes', undefined],
          ['A. Jones', 'yes', 'went well'],
        ],
      );
      assert.deepEqual(
        roles.map(({ person }) => person),
        ['A. Jones', 'A. Jones'],
      );
      assert.ok(deviations.some(({ code }) => code === 'one-person'));
    },
  );

  test('recipes are found by name, and one that is wrong is told with its line', async () => {
    const desk = new Desk();
    desk.recipe('wrong', 'title: x\nstep: []\n');
    const listed = await mailrecoverJson(['--config', desk.config, 'drill', 'list'], { expect: 2 });
    const recipes = listed['recipes'] as { name: string; problems: unknown[] }[];
    assert.deepEqual(
      recipes.map(({ name }) => name),
      ['switch-forced', 'switch-planned', 'wrong'],
    );
    assert.match(listed.findings[0]?.message ?? '', /recipes\/wrong.yaml:2:1: unknown key 'step'/);
    const unknown = await desk.run('switch-plan');
    assert.equal(unknown.code, 2);
    assert.match(unknown.stdout, /did you mean 'switch-planned'/);
    assert.equal((await desk.run('wrong')).code, 2);
  });
});
