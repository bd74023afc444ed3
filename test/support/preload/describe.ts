import fs from 'node:fs';
import { type Call, pathBytes, pathOf } from './call.ts';
import type { Kind } from './plan.ts';

/** What a call is, from its arguments; `handle` is the descriptor of the FileHandle whose method it is. */
export type Describe = (args: unknown[], handle?: number) => Call | undefined;

const { O_CREAT, O_TRUNC, O_ACCMODE = 3 } = fs.constants as typeof fs.constants & { O_ACCMODE?: number };

function flagsOf(flags: unknown): number {
  if (typeof flags === 'number') return flags;
  const text = typeof flags === 'string' ? flags : 'r';
  const creates = /^[wa]/.test(text) ? O_CREAT : 0;
  return creates | (text.startsWith('w') ? O_TRUNC : 0) | (text.includes('+') ? 2 : creates === 0 ? 0 : 1);
}

function describeOpen([path, flags, mode]: unknown[]): Call {
  const bits = flagsOf(flags);
  const creates = (bits & (O_CREAT | O_TRUNC)) !== 0 && (bits & O_ACCMODE) !== 0;
  return { kind: creates ? 'create' : 'open', syscall: 'open', path: pathBytes(path), ...(typeof mode === 'number' ? { mode } : {}) };
}

export function bytesOf(data: unknown, encoding?: unknown): Buffer {
  if (typeof data === 'string') return Buffer.from(data, (typeof encoding === 'string' ? encoding : 'utf8') as BufferEncoding);
  const view = data as Uint8Array;
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

/** write(buffer[, offset[, length[, position]]]), write(buffer, options) or write(string[, position[, encoding]]), after the descriptor. */
function describeWrite(fd: number, args: unknown[]): Call {
  const [data, second, third, fourth] = args;
  const call = { kind: 'write' as const, syscall: 'write', path: pathOf(fd), fd };
  if (typeof data === 'string') return { ...call, data: () => [bytesOf(data, third)], position: numeric(second) };
  const options =
    typeof second === 'object' && second !== null
      ? (second as { offset?: unknown; length?: unknown; position?: unknown })
      : { offset: second, length: third, position: fourth };
  const offset = numeric(options.offset) ?? 0;
  const all = bytesOf(data);
  return {
    ...call,
    data: () => [all.subarray(offset, offset + (numeric(options.length) ?? all.length - offset))],
    position: numeric(options.position),
  };
}

function describeWritev(fd: number, [buffers, position]: unknown[]): Call {
  return {
    kind: 'write',
    syscall: 'writev',
    path: pathOf(fd),
    fd,
    data: () => (buffers as Uint8Array[]).map((part) => bytesOf(part)),
    position: numeric(position),
  };
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;
}

export function plain(kind: Kind, syscall: string): Describe {
  return ([path]) =>
    typeof path === 'number' ? { kind, syscall, path: pathOf(path), fd: path } : { kind, syscall, path: pathBytes(path) };
}

function two(kind: Kind, syscall: string): Describe {
  return ([from, to]) => ({ kind, syscall, path: pathBytes(from), to: pathBytes(to) });
}

function recursive(args: unknown[]): boolean {
  const options = args[1];
  return typeof options === 'object' && options !== null && (options as { recursive?: unknown }).recursive === true;
}

/** Calls that take a path, by name; each has a sync, a callback and a promise form. */
export const BY_PATH: Record<string, Describe> = {
  open: describeOpen,
  rename: two('rename', 'rename'),
  link: two('link', 'link'),
  copyFile: ([from, to]) => ({ kind: 'create', syscall: 'copyfile', path: pathBytes(to), to: pathBytes(from) }),
  symlink: ([target, path]) => ({
    kind: 'link',
    syscall: 'symlink',
    path: pathBytes(path),
    to: Buffer.isBuffer(target) ? target.toString('latin1') : Buffer.from(String(target)).toString('latin1'),
    symbolic: true,
  }),
  unlink: plain('unlink', 'unlink'),
  rmdir: plain('unlink', 'rmdir'),
  rm: (args) => ({ kind: 'unlink', syscall: 'rm', path: pathBytes(args[0]), recursive: recursive(args) }),
  mkdir: (args) => ({ kind: 'mkdir', syscall: 'mkdir', path: pathBytes(args[0]), recursive: recursive(args) }),
  truncate: ([path, length]) => ({ kind: 'truncate', syscall: 'truncate', path: pathBytes(path), length: numeric(length) ?? 0 }),
  readdir: plain('list', 'scandir'),
  opendir: plain('list', 'opendir'),
  stat: plain('stat', 'stat'),
  lstat: plain('stat', 'lstat'),
};

/** Calls that take a descriptor; sync and callback forms. */
export const BY_DESCRIPTOR: Record<string, Describe> = {
  write: ([fd, ...rest]) => describeWrite(Number(fd), rest),
  writev: ([fd, ...rest]) => describeWritev(Number(fd), rest),
  fsync: plain('sync', 'fsync'),
  fdatasync: plain('sync', 'fdatasync'),
  ftruncate: ([fd, length]) => ({
    kind: 'truncate',
    syscall: 'ftruncate',
    path: pathOf(Number(fd)),
    fd: Number(fd),
    length: numeric(length) ?? 0,
  }),
  read: plain('read', 'read'),
  readv: plain('read', 'readv'),
};

/** Methods of FileHandle. */
export const OF_HANDLE: Record<string, (fd: number, args: unknown[]) => Call> = {
  write: describeWrite,
  writev: describeWritev,
  sync: (fd) => ({ kind: 'sync', syscall: 'fsync', path: pathOf(fd), fd }),
  datasync: (fd) => ({ kind: 'sync', syscall: 'fdatasync', path: pathOf(fd), fd }),
  truncate: (fd, [length]) => ({ kind: 'truncate', syscall: 'ftruncate', path: pathOf(fd), fd, length: numeric(length) ?? 0 }),
  read: (fd) => ({ kind: 'read', syscall: 'read', path: pathOf(fd), fd }),
  readv: (fd) => ({ kind: 'read', syscall: 'readv', path: pathOf(fd), fd }),
  readFile: (fd) => ({ kind: 'read', syscall: 'read', path: pathOf(fd), fd }),
};
