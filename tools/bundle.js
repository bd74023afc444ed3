/**
 * Puts the compiled modules into few files: loading 150 small ones took longer than most commands run.
 *
 *     dist/main.cjs                 where the process begins, and no more than `--version` needs
 *     dist/program.js               all the rest, a script that is kept together with its compiled code (src/system/compiled.ts)
 *     dist/…/worker.cjs             what a thread needs
 *
 * Each module becomes a function that runs once, when it is first needed; so a command runs only its own modules. Packages stay where
 * they are, and are imported before the modules that use them. It understands just what the compiler makes of this project and refuses all
 * else. Plain JavaScript, since it runs in `npm ci` on whatever Node there is.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const PROGRAM = 'program.js';
const MAIN = 'cli/main.js';
const THREAD = /\/worker\.js$/;

const IMPORT = /^import (?:\{([^}]*)\}|\* as (\w+)|(\w+)) from '([^']+)';$/gm;
const EXPORT = /^export (?=(?:async )?function\*? (\w+)|class (\w+)|const (\w+) = )/gm;
const LAZY = /\bimport\('([^']+)'\)/g;
/** Stands for another module until its number is known. */
const LINK = /<(lazy )?([\w./-]+\.js)>/g;

/** @typedef {{ number: number, body: string, needs: string[], lazy: string[], packages: string[] }} Module */

/** @param {string} path below `dist` @param {number} number @returns {Module} */
function readModule(path, number) {
  const needs = /** @type {string[]} */ ([]);
  const lazy = /** @type {string[]} */ ([]);
  const packages = /** @type {string[]} */ ([]);
  const exported = /** @type {string[]} */ ([]);
  const own = (/** @type {string} */ specifier) => posix.join(posix.dirname(path), specifier);
  const body = readFileSync(DIST + path, 'utf8')
    .replace(IMPORT, (line, names, star, single, specifier) => {
      const wanted = star ?? single ?? `{ ${names.trim().replaceAll(/\s+/g, ' ').replaceAll(' as ', ': ')} }`;
      if (specifier.startsWith('node:')) return `const ${wanted} = process.getBuiltinModule('${specifier}');`;
      if (single !== undefined) return line;
      if (!specifier.startsWith('.')) {
        packages.push(specifier);
        return `const ${wanted} = $packages.get('${specifier}');`;
      }
      needs.push(own(specifier));
      return `const ${wanted} = <${own(specifier)}>;`;
    })
    .replace(EXPORT, (_, ...names) => {
      exported.push(names.slice(0, 3).find((name) => name !== undefined));
      return '';
    })
    .replace(/^export default /m, () => {
      exported.push('default: $default');
      return 'const $default = ';
    })
    .replace(/^export \{\};$/m, '')
    .replace(LAZY, (text, specifier) => {
      if (!specifier.startsWith('.')) return text.replace('import', '$import');
      lazy.push(own(specifier));
      return `<lazy ${own(specifier)}>`;
    })
    .replaceAll('import.meta.url', `$url('${path}')`);
  const strange = /^(?:import|export|await)\b.*$/m.exec(body);
  if (strange !== null) throw new Error(`${path}: '${strange[0]}' is not understood`);
  return { number, body: `${body}\nreturn { ${exported.join(', ')} };`, needs, lazy, packages };
}

/** @type {Map<string, Module>} by path below `dist` */
const modules = new Map();
for (const path of readdirSync(DIST, { recursive: true, encoding: 'utf8' }).toSorted())
  if (path.endsWith('.js') && path !== PROGRAM && !path.startsWith('.cache')) modules.set(path, readModule(path, modules.size));

/** @param {string} path */
function moduleAt(path) {
  const module = modules.get(path);
  if (module === undefined) throw new Error(`there is no module '${path}'`);
  return module;
}

/** What imports a module that runs later, with the packages that it and what it needs use. @param {string} path */
function opening(path) {
  const packages = new Set();
  for (const each of closure([path], false)) for (const name of moduleAt(each).packages) packages.add(name);
  return `$open($${[moduleAt(path).number, ...[...packages].map((name) => `'${name}'`)].join(', ')})`;
}

/** These modules and all that they need. @param {readonly string[]} paths @param {boolean} lazy also what they import only as they run */
function closure(paths, lazy) {
  const found = new Set();
  const visit = (/** @type {string} */ path, /** @type {readonly string[]} */ above) => {
    if (above.includes(path)) throw new Error(`modules need each other: ${[...above, path].join(' ')}`);
    if (found.has(path)) return;
    const module = moduleAt(path);
    for (const need of module.needs) visit(need, [...above, path]);
    found.add(path);
    if (lazy) for (const need of module.lazy) visit(need, []);
  };
  for (const path of paths) visit(path, []);
  return found;
}

/** The modules as functions. @param {Iterable<string>} paths @param {(path: string) => string} open what opens a module that runs later */
function functions(paths, open) {
  return Array.from(paths, (path) => {
    const { number, body } = moduleAt(path);
    const linked = body.replace(LINK, (_, lazy, need) => (lazy === undefined ? `$${moduleAt(need).number}()` : open(need)));
    return `// ${path}\nconst $${number} = $once(() => {\n${linked}\n});\n`;
  }).join('');
}

const HEAD = `'use strict';
const $packages = new Map();
function $once(make) {
  let made;
  return () => (made ??= make());
}
async function $open(module, ...packages) {
  for (const name of packages) if (!$packages.has(name)) $packages.set(name, await $import(name));
  return module();
}
`;

/** A program that Node starts with. @param {string} text @param {string} up the way to \`dist\` */
function startable(text, up) {
  return `const $dist = require('node:url').pathToFileURL(require('node:path').join(__dirname, '${up}/')).href;
const $url = (path) => new URL(path, $dist).href;
const $import = (name) => import(name);
${HEAD}${text}`;
}

/** @param {string} path @param {string} text */
function write(path, text) {
  // All but ASCII as escapes: a string of one byte a character takes half the memory, and no decoding.
  const ascii = text.replaceAll(/[^\n\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  writeFileSync(DIST + path, `// ${createHash('sha256').update(ascii).digest('hex')}\n${ascii}`);
}

const threads = [...modules.keys()].filter((path) => THREAD.test(path));
const entries = moduleAt(MAIN).lazy;
const verbs = [...modules.keys()].flatMap((path) => /^commands\/([a-z-]+)\.js$/.exec(path)?.slice(1) ?? []);

const program = closure(entries, true);
write(
  PROGRAM,
  `(function ($url, $import) {\n${HEAD}${functions(program, opening)}return { ${entries.map((path) => `'${path}': () => ${opening(path)}`).join(', ')} };\n})`,
);
const first = closure([MAIN, 'system/compiled.js'], false);
const main = functions(first, (path) => `$program()['${path}']()`);
write(
  'main.cjs',
  startable(
    `${main}// What one command compiled is of no use to another.
const $use = process.argv.find((word) => [${verbs.map((verb) => `'${verb}'`).join(', ')}].includes(word)) ?? 'other';
const $program = $once(() => $${moduleAt('system/compiled.js').number}().runCompiled(__dirname + '/${PROGRAM}', $use)($url, $import));
$${moduleAt(MAIN).number}();
`,
    '.',
  ),
);
for (const path of threads) {
  const text = `${functions(closure([path], true), opening)}${opening(path)};\n`;
  write(path.replace(/js$/, 'cjs'), startable(text, posix.relative(posix.dirname(path), '.')));
}

for (const path of modules.keys()) rmSync(DIST + path);
for (const { name, parentPath } of readdirSync(DIST, { recursive: true, withFileTypes: true }).toSorted().toReversed()) {
  try {
    rmdirSync(`${parentPath}/${name}`);
  } catch {
    // Not empty, or no directory.
  }
}
