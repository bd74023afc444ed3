/**
 * Lint rules for the way this house is built: which room may import which, and what only some rooms may touch.
 */

/** Rooms of src by floor, the highest first. A room imports rooms on lower floors and itself. */
const FLOORS = [
  ['cli'],
  ['commands'],
  ['config'],
  ['drill'],
  ['standby', 'verify'],
  ['backup', 'restore'],
  ['store', 'repository', 'report', 'notify', 'health', 'schedule'],
  ['system', 'errors'],
];

function floorOf(room) {
  return FLOORS.findIndex((rooms) => rooms.includes(room));
}

/** The room that a path below src lies in, or undefined. */
function roomOf(path) {
  return /(?:^|\/)src\/([^/]+)\//.exec(path)?.[1];
}

function resolve(from, specifier) {
  return new URL(specifier, `file://${from}`).pathname;
}

const floors = {
  create(context) {
    const room = roomOf(context.filename);
    if (room === undefined) return {};
    const check = (node, source) => {
      if (source?.type !== 'Literal' || typeof source.value !== 'string' || !source.value.startsWith('.')) return;
      const other = roomOf(resolve(context.filename, source.value));
      if (other === undefined || other === room) return;
      if (floorOf(room) < 0 || floorOf(other) < 0) {
        context.report({
          node,
          message: `the room '${floorOf(room) < 0 ? room : other}' stands on no floor; add it in tools/lint/house.js`,
        });
      } else if (floorOf(other) <= floorOf(room) && !(room === 'system' && other === 'errors')) {
        context.report({ node, message: `'${room}' may not import '${other}': only rooms on lower floors` });
      }
    };
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ExportNamedDeclaration: (node) => check(node, node.source),
      ExportAllDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => check(node, node.source),
    };
  },
};

/** Only src/system may run programs and read the wall clock. */
const systemOnly = {
  create(context) {
    const room = roomOf(context.filename);
    if (room === undefined || room === 'system') return {};
    const forbidden = new Set(['execa', 'ssh2', 'node:child_process', 'child_process']);
    const check = (node, source) => {
      if (forbidden.has(source?.value)) context.report({ node, message: `only src/system may import '${source.value}'` });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => check(node, node.source),
      NewExpression(node) {
        if (node.callee.name === 'Date' && node.arguments.length === 0)
          context.report({ node, message: 'only src/system/clock.ts reads the clock' });
      },
      CallExpression(node) {
        const { callee } = node;
        const reads = callee.type === 'MemberExpression' && callee.object.name === 'Date' && callee.property.name === 'now';
        if (reads || callee.name === 'Date') context.report({ node, message: 'only src/system/clock.ts reads the clock' });
      },
    };
  },
};

/** Only src/cli may print and end the process. */
const cliOnly = {
  create(context) {
    const room = roomOf(context.filename);
    if (room === undefined || room === 'cli') return {};
    const names = new Set(['exit', 'exitCode', 'stdout', 'stderr', 'stdin', 'abort']);
    return {
      MemberExpression(node) {
        if (node.object.name === 'console' || (node.object.name === 'process' && names.has(node.property.name))) {
          context.report({ node, message: 'only src/cli prints, reads the terminal and ends the process' });
        }
      },
    };
  },
};

export default {
  meta: { name: 'house' },
  rules: { floors, 'system-only': systemOnly, 'cli-only': cliOnly },
};
