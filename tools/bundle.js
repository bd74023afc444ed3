/**
 * Puts the modules into few files: loading 150 small ones took longer than most commands run.
 *
 *     dist/main.cjs                 where the process begins, and no more than `--version` needs
 *     dist/program.js               all the rest, a script that is kept together with its compiled code (src/system/compiled.ts)
 *     dist/…/worker.cjs             what a thread needs
 *
 * A module runs when it is first needed, so a command runs only its own; packages stay where they are. Plain JavaScript, since it runs
 * in `npm ci` on whatever Node there is.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = `${ROOT}dist/`;
const MAIN = 'cli/main.ts';
const START = 'cli/start.ts';

const sources = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' });
const threads = sources.filter((path) => path.endsWith('/worker.ts'));
const verbs = sources.flatMap((path) => /^commands\/([a-z-]+)\.ts$/.exec(path)?.slice(1) ?? []);

/** `import.meta.url` is that of the module as it was before it was put together with others. @type {import('esbuild').Plugin} */
const ownUrl = {
  name: 'own-url',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const below = posix.relative(`${ROOT}src`, path);
      return { loader: 'ts', contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', `$url('${below.replace(/ts$/, 'js')}')`) };
    });
  },
};

/** What the first file imports as it runs is the other one. @type {import('esbuild').Plugin} */
const program = {
  name: 'program',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /./ }, ({ kind }) => (kind === 'dynamic-import' ? { path: 'program', namespace: 'program' } : undefined));
    onLoad({ filter: /./, namespace: 'program' }, () => ({
      resolveDir: `${ROOT}src`,
      loader: 'ts',
      // What one command compiled is of no use to another.
      contents: `import { runCompiled } from './system/compiled.ts';
const use = process.argv.find((word) => ${JSON.stringify(verbs)}.includes(word)) ?? 'other';
const made = { exports: {} };
runCompiled(__dirname + '/program.js', use)(require, made, made.exports, $url);
module.exports = made.exports;`,
    }));
  },
};

/** @param {string} to below \`dist\` @param {import('esbuild').BuildOptions} options @param {{ before: string, after: string }} around */
async function bundle(to, options, { before, after }) {
  const { outputFiles } = await build({
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    packages: 'external',
    // A script outside of Node's module loader can't import.
    supported: { 'dynamic-import': false },
    logLevel: 'warning',
    legalComments: 'none',
    plugins: [ownUrl],
    ...options,
  });
  // What `require` gives of an ES module is one already; esbuild takes it for a CommonJS module, whose default is the whole.
  const made = (outputFiles?.[0]?.text ?? '').replace(
    'var __toESM = (mod, isNodeMode, target) => (',
    'var __toESM = (mod, isNodeMode, target) => mod?.[Symbol.toStringTag] === "Module" ? mod : (',
  );
  // Escapes for all but ASCII, also in tagged templates: a string of one byte a character takes half the memory, and no decoding.
  const text = `${before}${made}${after}`.replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  mkdirSync(posix.dirname(DIST + to), { recursive: true });
  writeFileSync(DIST + to, `// ${createHash('sha256').update(text).digest('hex')}\n${text}`);
}

/** A file that Node starts with. @param {string} to below \`dist\` */
function startable(to) {
  const up = posix.relative(posix.dirname(to), '.');
  const before = `const $dist = require('node:url').pathToFileURL(require('node:path').join(__dirname, '${up}/')).href;
const $url = (path) => new URL(path, $dist).href;
`;
  return { before, after: '' };
}

rmSync(DIST, { recursive: true, force: true });
cpSync(`${ROOT}src/repository/recover`, `${DIST}repository/recover`, { recursive: true, filter: (path) => !path.endsWith('.ts') });
await Promise.all([
  bundle('main.cjs', { entryPoints: [`${ROOT}src/${MAIN}`], plugins: [program, ownUrl] }, startable('main.cjs')),
  bundle('program.js', { entryPoints: [`${ROOT}src/${START}`] }, { before: '(function (require, module, exports, $url) {\n', after: '})' }),
  ...threads.map((path) => {
    const to = path.replace(/ts$/, 'cjs');
    return bundle(to, { entryPoints: [`${ROOT}src/${path}`] }, startable(to));
  }),
]);
