/** Preloaded by `node --import` into a process under test: makes its file system calls end, fail or be recorded as planned. */
import { type Call, type Hooks, original } from './call.ts';
import { patch } from './patch.ts';
import { DURABLE, type FailPlan, type KillPlan, PLAN_VARIABLE, type Plan } from './plan.ts';
import { traceHooks } from './trace.ts';

const ERRNO: Record<FailPlan['errno'], [number, string]> = {
  EIO: [-5, 'i/o error'],
  ENOSPC: [-28, 'no space left on device'],
  EACCES: [-13, 'permission denied'],
  EROFS: [-30, 'read-only file system'],
  EDQUOT: [-122, 'disk quota exceeded'],
  EMFILE: [-24, 'too many open files'],
  ENOENT: [-2, 'no such file or directory'],
};

function watches(plan: Plan): (call: Call) => boolean {
  const under = plan.under.map((path) => Buffer.from(path).toString('latin1').replace(/\/$/, ''));
  const kinds = new Set(plan.kinds ?? DURABLE);
  const inside = (path: string | undefined): boolean =>
    path !== undefined && under.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
  const holds = (call: Call): boolean =>
    plan.holding === undefined || plan.holding.every((text) => Buffer.concat(call.data?.() ?? []).includes(text));
  return (call) => kinds.has(call.kind) && (inside(call.path) || (call.symbolic !== true && inside(call.to))) && holds(call);
}

/** Counts a call in the file that all threads and child processes share; true from the planned one on. */
function reached({ counter, at }: KillPlan | FailPlan, call: Call): boolean {
  const fd = original.openSync(counter, 'a');
  try {
    original.writeSync(fd, call.kind.charAt(0));
    return at > 0 && original.fstatSync(fd).size >= at;
  } finally {
    original.closeSync(fd);
  }
}

function killHooks(plan: KillPlan): Hooks {
  const watched = watches(plan);
  return {
    before: (call) => {
      if (!watched(call) || !reached(plan, call)) return;
      const data = (plan.torn ?? false) && call.fd !== undefined ? Buffer.concat(call.data?.() ?? []) : undefined;
      if (data !== undefined && call.fd !== undefined) original.writeSync(call.fd, data, 0, data.length >> 1, call.position ?? null);
      process.kill(process.pid, 'SIGKILL');
      // The signal is there before the system call returns; other threads stop with this one.
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    },
    after: () => undefined,
  };
}

function failHooks(plan: FailPlan): Hooks {
  const watched = watches(plan);
  return {
    before: (call) => {
      if (!watched(call)) return;
      if (!reached(plan, call) || (!(plan.forever ?? false) && !firstToFail(plan.counter))) return;
      const [errno, meaning] = ERRNO[plan.errno];
      const path = Buffer.from(call.path, 'latin1').toString();
      throw Object.assign(new Error(`${plan.errno}: ${meaning}, ${call.syscall} '${path}'`), {
        errno,
        code: plan.errno,
        syscall: call.syscall,
        path,
      });
    },
    after: () => undefined,
  };
}

function firstToFail(counter: string): boolean {
  try {
    original.closeSync(original.openSync(`${counter}.failed`, 'wx'));
    return true;
  } catch {
    return false;
  }
}

function hooksOf(plan: Plan): Hooks {
  if (plan.do === 'kill') return killHooks(plan);
  return plan.do === 'fail' ? failHooks(plan) : traceHooks(plan.file, watches(plan));
}

const plans = JSON.parse(process.env[PLAN_VARIABLE] ?? '[]') as Plan[];
if (plans.length > 0) {
  const all = plans.map(hooksOf);
  await patch({
    before: (call) => all.map((hooks) => hooks.before(call)),
    after: (call, noted, result) => all.forEach((hooks, index) => hooks.after(call, (noted as unknown[])[index], result)),
  });
}
