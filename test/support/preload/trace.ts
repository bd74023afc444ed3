import { type Call, type Hooks, original, pathBytes, pathOf } from './call.ts';

/** One step of a trace. Paths are bytes as Latin-1 strings; `at` is where the record begins in the trace. */
export type TraceRecord = { at: number } & TraceStep;

export type TraceStep =
  | { op: 'create'; path: string; mode: number }
  | { op: 'write'; path: string; position: number; data: Buffer }
  | { op: 'truncate'; path: string; length: number }
  /** Covers what was recorded before the position `began`. */
  | { op: 'sync'; path: string; began: number }
  | { op: 'rename'; path: string; to: string }
  | { op: 'link'; path: string; to: string }
  | { op: 'symlink'; path: string; target: string }
  | { op: 'unlink'; path: string }
  | { op: 'rmdir'; path: string }
  | { op: 'mkdir'; path: string; mode: number };

interface Noted {
  existed?: boolean;
  began?: number;
  position?: number;
  gone?: TraceStep[];
}

/**
 * Hooks that append each call to a file once it has succeeded: so what a call stands on is recorded before it.
 * A record is a line of JSON and, for writes, the bytes.
 */
export function traceHooks(file: string, watched: (call: Call) => boolean): Hooks {
  const trace = original.openSync(file, 'a');
  const write = (step: TraceStep): void => {
    const { data, ...rest } = step as TraceStep & { data?: Buffer };
    const head = Buffer.from(`${JSON.stringify({ ...rest, ...(data === undefined ? {} : { bytes: data.length }) })}\n`);
    // One write, so that threads do not mix their records.
    original.writeSync(trace, data === undefined ? head : Buffer.concat([head, data]));
  };
  return {
    before: (call) => (watched(call) ? note(call, trace) : undefined),
    after: (call, noted, result) => {
      if (noted !== undefined) for (const step of steps(call, noted, result)) write(step);
    },
  };
}

function note(call: Call, trace: number): Noted {
  switch (call.kind) {
    case 'create':
      return { existed: exists(call.path) };
    case 'sync':
      return { began: original.fstatSync(trace).size };
    case 'write':
      return { position: call.position ?? (call.fd === undefined ? 0 : positionOf(call.fd)) };
    case 'unlink':
      return { gone: goes(call) };
    default:
      return {};
  }
}

function exists(path: string): boolean {
  try {
    original.lstatSync(Buffer.from(path, 'latin1'));
    return true;
  } catch {
    return false;
  }
}

/** Where the next write goes: Linux says so. */
function positionOf(fd: number): number {
  const info = original.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  const append = (Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8) & original.constants.O_APPEND) !== 0;
  return append ? original.fstatSync(fd).size : Number(/^pos:\s*(\d+)/m.exec(info)?.[1] ?? 0);
}

/** What an unlink, rmdir or rm takes away, the innermost first. */
function goes(call: Call): TraceStep[] {
  if (call.syscall === 'unlink') return [{ op: 'unlink', path: call.path }];
  if (call.syscall === 'rmdir') return [{ op: 'rmdir', path: call.path }];
  return exists(call.path) ? below(call.path) : [];
}

function below(path: string): TraceStep[] {
  const bytes = Buffer.from(path, 'latin1');
  if (!original.lstatSync(bytes).isDirectory()) return [{ op: 'unlink', path }];
  const names = original.readdirSync(bytes, 'buffer').map((name) => name.toString('latin1'));
  return [...names.flatMap((name) => below(`${path}/${name}`)), { op: 'rmdir', path }];
}

function steps(call: Call, noted: unknown, result: unknown): TraceStep[] {
  const { existed, began, position, gone } = noted as Noted;
  const { path } = call;
  const mode = call.mode ?? (call.kind === 'mkdir' ? 0o700 : 0o600);
  switch (call.kind) {
    case 'create': {
      const made: TraceStep = (existed ?? false) ? { op: 'truncate', path, length: 0 } : { op: 'create', path, mode };
      if (call.syscall !== 'copyfile') return emptied(call, existed ?? false, result) ? [made] : [];
      return [made, { op: 'write', path, position: 0, data: original.readFileSync(Buffer.from(path, 'latin1')) }];
    }
    case 'write': {
      const data = Buffer.concat(call.data?.() ?? []);
      const written = typeof result === 'number' ? result : (result as { bytesWritten?: number } | undefined)?.bytesWritten;
      return path.endsWith(' (deleted)')
        ? []
        : [{ op: 'write', path, position: position ?? 0, data: data.subarray(0, written ?? data.length) }];
    }
    case 'truncate':
      return [{ op: 'truncate', path, length: call.length ?? 0 }];
    case 'sync':
      return [{ op: 'sync', path, began: began ?? 0 }];
    case 'rename':
      return [{ op: 'rename', path, to: call.to ?? '' }];
    case 'link':
      return call.symbolic === true ? [{ op: 'symlink', path, target: call.to ?? '' }] : [{ op: 'link', path, to: call.to ?? '' }];
    case 'unlink':
      return gone ?? [];
    case 'mkdir':
      return madeDirectories(call, result).map((made) => ({ op: 'mkdir', path: made, mode }));
    default:
      return [];
  }
}

/** Whether an open made or emptied the file: one with `a` leaves what is there. */
function emptied(call: Call, existed: boolean, result: unknown): boolean {
  if (!existed) return true;
  const fd = typeof result === 'number' ? result : (result as { fd?: number } | undefined)?.fd;
  return fd !== undefined && original.fstatSync(fd).size === 0 && pathOf(fd) === call.path;
}

/** A recursive mkdir gives the first directory that it made, or undefined. */
function madeDirectories(call: Call, result: unknown): string[] {
  if (!(call.recursive ?? false)) return [call.path];
  if (typeof result !== 'string') return [];
  const first = pathBytes(result);
  const made: string[] = [];
  for (let path = call.path; path.length >= first.length; path = path.slice(0, path.lastIndexOf('/'))) made.unshift(path);
  return made;
}
