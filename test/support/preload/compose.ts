import fs from 'node:fs';
import type { Fn } from './call.ts';
import { bytesOf } from './describe.ts';

/** Whole-file writes as Node does them, but made of the calls that are patched, so that each step is seen once. */
export function composeWrites(table: Record<string, Fn>, promises: Record<string, Fn>, prototype: Record<string, Fn>): void {
  const shape = (options: unknown, flag: string): { encoding: unknown; flag: unknown; mode: unknown; flush: boolean } => {
    const given = (typeof options === 'string' ? { encoding: options } : (options ?? {})) as Record<string, unknown>;
    return {
      encoding: given['encoding'] ?? 'utf8',
      flag: given['flag'] ?? flag,
      mode: given['mode'] ?? 0o666,
      flush: given['flush'] === true,
    };
  };
  const bytes = bytesOf;
  const sync = (flag: string): Fn =>
    function writeFileSync(path, data, options) {
      const wanted = shape(options, flag);
      const fd = typeof path === 'number' ? path : fs.openSync(path as string, wanted.flag as string, wanted.mode as number);
      try {
        for (let rest = bytes(data, wanted.encoding); rest.length > 0;) rest = rest.subarray(fs.writeSync(fd, rest));
        if (wanted.flush) fs.fsyncSync(fd);
      } finally {
        if (fd !== path) fs.closeSync(fd);
      }
    };
  table['writeFileSync'] = sync('w');
  table['appendFileSync'] = sync('a');
  const toHandle: Fn = async function writeFile(this: unknown, data, options) {
    const self = this as fs.promises.FileHandle;
    const { encoding } = shape(options, 'w');
    const parts =
      typeof data === 'object' && data !== null && (Symbol.asyncIterator in data || (Symbol.iterator in data && !ArrayBuffer.isView(data)))
        ? (data as AsyncIterable<unknown>)
        : [data];
    for await (const part of parts) {
      for (let rest = bytes(part, encoding); rest.length > 0;) rest = rest.subarray((await self.write(rest)).bytesWritten);
    }
  };
  prototype['writeFile'] = toHandle;
  prototype['appendFile'] = toHandle;
  const toPath = (flag: string): Fn =>
    async function writeFile(path, data, options) {
      if (typeof path === 'object' && path !== null && 'fd' in path) return toHandle.call(path, data, options);
      const wanted = shape(options, flag);
      const handle = await fs.promises.open(path as string, wanted.flag as string, wanted.mode as number);
      try {
        await toHandle.call(handle, data, options);
        if (wanted.flush) await handle.sync();
      } finally {
        await handle.close();
      }
      return undefined;
    };
  promises['writeFile'] = toPath('w');
  promises['appendFile'] = toPath('a');
}
