import fs from 'node:fs';
import { resolve } from 'node:path';
import type { Kind } from './plan.ts';

/** One call: paths are bytes as Latin-1 strings, so that every name can be told. */
export interface Call {
  kind: Kind;
  /** Name of the system call, for errors. */
  syscall: string;
  path: string;
  /** Second path of rename and link, target of symlink. */
  to?: string;
  /** What is written, for `write`. */
  data?: () => Buffer[];
  /** Where it is written; undefined for the current position. */
  position?: number | undefined;
  fd?: number;
  length?: number;
  mode?: number;
  recursive?: boolean;
  symbolic?: boolean;
}

export interface Hooks {
  /** May throw: then the call fails with that. What it gives back goes to {@link after}. */
  before: (call: Call) => unknown;
  after: (call: Call, noted: unknown, result: unknown) => void;
}

export type Fn = (this: unknown, ...args: unknown[]) => unknown;

/** The calls as they were, for the hooks themselves. */
export const original = { ...fs, promises: { ...fs.promises } };

/** A path argument as Latin-1 bytes, absolute; where it goes through the handle of a directory, the place where that lies. */
export function pathBytes(path: unknown): string {
  const bytes = namedPath(path);
  const through = /^\/proc\/self\/fd\/(\d+)(.*)$/s.exec(bytes);
  return through === null ? bytes : pathOf(Number(through[1])) + (through[2] ?? '');
}

function namedPath(path: unknown): string {
  if (Buffer.isBuffer(path)) return path.toString('latin1');
  if (path instanceof URL) return Buffer.from(decodeURIComponent(path.pathname)).toString('latin1');
  return Buffer.from(resolve(String(path))).toString('latin1');
}

/** Where the file of a descriptor lies now. */
export function pathOf(fd: number): string {
  try {
    return original.readlinkSync(`/proc/self/fd/${fd}`, 'buffer').toString('latin1');
  } catch {
    return '';
  }
}
