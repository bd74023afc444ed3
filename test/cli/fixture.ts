/** The program with commands that do what tests of the command line need. */
import { setTimeout as wait } from 'node:timers/promises';
import { main } from '../../src/cli/run.ts';
import { createRegistry } from '../../src/commands/index.ts';
import { defineCommand, type CommandDescription } from '../../src/commands/types.ts';
import type { ErrorCode } from '../../src/errors/codes.ts';
import { MailrecoverError } from '../../src/errors/error.ts';
import { loadConfig } from '../../src/config/load.ts';
import { readRuns } from '../../src/report/history.ts';

function about(name: string): Pick<CommandDescription, 'name' | 'summary' | 'description' | 'examples' | 'exitCodes' | 'json'> {
  return { name, summary: `does ${name}`, description: ['For tests.'], examples: [], exitCodes: { 0: 'done' }, json: {} };
}

const commands = {
  ok: defineCommand({
    ...about('ok'),
    arguments: {},
    options: {},
    run: async () => ({
      outcome: 'ok',
      counts: { things: 2 },
      fields: { own: 'field' },
      render: (text) => text.pairs([['things', text.number(2)]]),
    }),
  }),
  ends: defineCommand({
    ...about('ends'),
    arguments: { outcome: { value: 'OUTCOME', description: 'how', required: true, choices: ['ok', 'warning', 'partial', 'failed'] } },
    options: { code: { kind: 'text', value: 'CODE', description: 'code of its finding', default: 'thing' } },
    recordsHistory: true,
    run: async (_context, { outcome }, { code }) => ({
      outcome,
      findings: [{ severity: outcome === 'warning' ? 'warning' : 'error', code, message: 'a thing is wrong', hint: 'put it right' }],
      fields: { snapshot: 'abc' },
      render: () => 'the summary',
    }),
  }),
  throws: defineCommand({
    ...about('throws'),
    arguments: { code: { value: 'CODE', description: 'which', required: true } },
    options: {},
    recordsHistory: true,
    async run(context, { code }) {
      context.onEnd(() => context.progress.event('cleaned'));
      if (code === 'bug') throw new TypeError('x is not a function');
      throw new MailrecoverError(code as ErrorCode, 'it did not work', {
        hint: 'try again',
        subject: '/there',
        cause: new Error('the reason'),
      });
    },
  }),
  'group waits': defineCommand({
    ...about('group waits'),
    arguments: {},
    options: { deaf: { kind: 'flag', description: 'does not listen to signals' } },
    recordsHistory: true,
    async run(context, _args, { deaf }) {
      context.onEnd(() => context.progress.event('cleaned'));
      // What the history says while it runs, as another process would read it.
      const runs = readRuns((await loadConfig(context.configPath)).state);
      context.progress.event('waiting', { state: runs.at(-1)?.state ?? null });
      await wait(60_000, undefined, deaf ? {} : { signal: context.signal });
      return { outcome: 'ok' };
    },
  }),
  prints: defineCommand({
    ...about('prints'),
    arguments: {},
    options: { megabytes: { kind: 'number', value: 'N', description: 'how much', default: 1, min: 0 } },
    async run(_context, _args, { megabytes }) {
      async function* bytes() {
        for (let count = 0; count < megabytes; count++) yield Buffer.alloc(1_000_000, 'x');
      }
      return { outcome: 'ok', output: bytes() };
    },
  }),
};

await main(
  process.argv.slice(2),
  createRegistry(Object.fromEntries(Object.entries(commands).map(([name, command]) => [name, async () => command]))),
);
