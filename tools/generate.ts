/**
 * Writes what is made from the commands' and the configuration's specifications: docs/reference and man; and checks that the catalogue of messages is whole.
 * With --check it writes nothing, and fails when a file is out of step.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { registry } from '../src/commands/index.ts';
import { configJsonSchema } from '../src/config/keys.ts';
import { sampleConfig } from '../src/config/sample.ts';
import { recipeJsonSchema } from '../src/drill/schema.ts';
import { configPage, recipePage } from './docs/config-page.ts';
import { commandPage, exitCodesPage, indexPage, resultPage } from './docs/markdown.ts';
import { printable } from './docs/printable.ts';
import { releasedModule } from './released.ts';
import { wordsProblems } from './words/check.ts';
import { commandManual, mainManual } from './docs/manual.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = ['docs/reference', 'man'];
const RELEASED = 'src/repository/recover/released.ts';

async function generate(): Promise<Map<string, string>> {
  const commands = await registry.loadAll();
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const files = new Map<string, string>([
    ['docs/reference/README.md', indexPage(commands)],
    ['docs/reference/exit-codes.md', exitCodesPage()],
    ['docs/reference/result.md', resultPage(commands)],
    ['docs/reference/config.md', configPage(configJsonSchema(), sampleConfig())],
    ['docs/reference/config.schema.json', `${JSON.stringify({ title: 'mailrecover configuration', ...configJsonSchema() }, null, 2)}\n`],
    ['docs/reference/mailrecover.sample.yaml', sampleConfig()],
    ['docs/reference/recipe.md', recipePage(recipeJsonSchema())],
    ['docs/reference/recipe.schema.json', `${JSON.stringify({ title: 'mailrecover recipe', ...recipeJsonSchema() }, null, 2)}\n`],
    ['docs/reference/standby-checklist.html', printable(readFileSync(join(ROOT, 'docs/standby-checklist.md'), 'utf8'))],
    ['man/mailrecover.1', mainManual(commands, manifest.version)],
    [RELEASED, await releasedModule(join(ROOT, 'test/compat'))],
  ]);
  for (const command of commands) {
    const name = command.name.replaceAll(' ', '-');
    files.set(`docs/reference/${name}.md`, commandPage(command));
    files.set(`man/mailrecover-${name}.1`, commandManual(command, manifest.version));
  }
  return files;
}

function present(): Map<string, string> {
  const files = new Map<string, string>();
  if (existsSync(join(ROOT, RELEASED))) files.set(RELEASED, readFileSync(join(ROOT, RELEASED), 'utf8'));
  for (const folder of FOLDERS) {
    mkdirSync(join(ROOT, folder), { recursive: true });
    for (const name of readdirSync(join(ROOT, folder))) files.set(`${folder}/${name}`, readFileSync(join(ROOT, folder, name), 'utf8'));
  }
  return files;
}

const wanted = await generate();
const found = present();
const changed = [...wanted].filter(([path, text]) => found.get(path) !== text).map(([path]) => path);
const stale = [...found.keys()].filter((path) => !wanted.has(path));

const words = wordsProblems(ROOT);
if (words.length > 0) {
  for (const problem of words) console.error(problem);
  console.error(
    'hint: put the English with its parts numbered, and its Japanese, into a file there; docs/design.md, "Telling people", says how the catalogue is kept',
  );
  process.exitCode = 1;
}
if (process.argv.includes('--check')) {
  for (const path of [...changed, ...stale]) console.error(`out of step: ${path}`);
  if (changed.length + stale.length > 0) {
    console.error("hint: run 'npm run format'");
    process.exitCode = 1;
  }
} else {
  for (const path of changed) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), wanted.get(path) ?? '');
  }
  for (const path of stale) rmSync(join(ROOT, path));
  console.log(`${changed.length} written, ${stale.length} removed, ${wanted.size - changed.length} up to date`);
}
