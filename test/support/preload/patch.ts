import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { type Fn, type Hooks, original } from './call.ts';
import { composeWrites } from './compose.ts';
import { BY_DESCRIPTOR, BY_PATH, type Describe, OF_HANDLE, plain } from './describe.ts';

let inside = 0;

function syncVersion(call: Fn, describe: Describe, hooks: Hooks): Fn {
  return function patched(...args) {
    const seen = inside > 0 ? undefined : describe(args);
    if (seen === undefined) return call.apply(this, args);
    inside++;
    try {
      const noted = hooks.before(seen);
      const result = call.apply(this, args);
      hooks.after(seen, noted, result);
      return result;
    } finally {
      inside--;
    }
  };
}

function callbackVersion(call: Fn, describe: Describe, hooks: Hooks): Fn {
  return function patched(...args) {
    const seen = describe(args);
    const callback = args.at(-1);
    if (seen === undefined || typeof callback !== 'function') return call.apply(this, args);
    let noted: unknown;
    try {
      noted = hooks.before(seen);
    } catch (error) {
      process.nextTick(() => callback(error));
      return undefined;
    }
    const wrapped = (error: unknown, ...results: unknown[]): void => {
      if (error === null || error === undefined) hooks.after(seen, noted, results[0]);
      callback(error, ...results);
    };
    return call.apply(this, [...args.slice(0, -1), wrapped]);
  };
}

function promiseVersion(call: Fn, describe: Describe, hooks: Hooks): Fn {
  return async function patched(this: unknown, ...args) {
    const fd = (this as { fd?: unknown } | undefined)?.fd;
    const seen = describe(args, typeof fd === 'number' ? fd : undefined);
    if (seen === undefined) return call.apply(this, args);
    const noted = hooks.before(seen);
    const result = await call.apply(this, args);
    hooks.after(seen, noted, result);
    return result;
  };
}

/** Puts the hooks around all calls of node:fs and node:fs/promises, for named imports, too. */
export async function patch(hooks: Hooks): Promise<void> {
  const table = fs as unknown as Record<string, Fn>;
  const promises = fs.promises as unknown as Record<string, Fn>;
  for (const [name, describe] of Object.entries({ ...BY_PATH, ...BY_DESCRIPTOR, readFile: plain('read', 'read') })) {
    const [sync, callback, promise] = [table[`${name}Sync`], table[name], promises[name]];
    if (sync !== undefined) table[`${name}Sync`] = syncVersion(sync, describe, hooks);
    if (callback !== undefined) table[name] = callbackVersion(callback, describe, hooks);
    // readFile of a FileHandle is a method of that.
    if (promise !== undefined)
      promises[name] = promiseVersion(
        promise,
        (args) =>
          name === 'readFile' && typeof args[0] === 'object' && !Buffer.isBuffer(args[0]) && !(args[0] instanceof URL)
            ? undefined
            : describe(args),
        hooks,
      );
  }
  const handle = await original.promises.open('/dev/null', 'r');
  const prototype = Object.getPrototypeOf(handle) as Record<string, Fn>;
  await handle.close();
  for (const [name, describe] of Object.entries(OF_HANDLE)) {
    const method = prototype[name];
    if (method !== undefined)
      prototype[name] = promiseVersion(method, (args, fd) => (fd === undefined ? undefined : describe(fd, args)), hooks);
  }
  composeWrites(table, promises, prototype);
  syncBuiltinESMExports();
}
