/** Hands packs to writing threads, or writes them here where there is little to do. */
import { Worker } from 'node:worker_threads';
import { MailrecoverError } from '../../errors/error.ts';
import type { Identity } from '../../repository/age/keys.ts';
import { runPackJob } from './pack-job.ts';
import type { PackJob, PackResult, WriterSetup } from './threads.ts';

/** Megabytes for new objects in a thread: it makes hardly any. */
const YOUNG = 12;

export interface Writers {
  /** Whether all is done in this thread. */
  readonly here: boolean;
  run(job: PackJob): Promise<PackResult>;
  close(): Promise<void>;
}

/** How many jobs may be under way at once without any waiting unread in memory for long. */
export function jobsAtOnce(threads: number): number {
  return threads === 0 ? 1 : threads + 1;
}

/** @param threads 0 to write in this thread */
export function startWriters(threads: number, identities: readonly Identity[] | undefined): Writers {
  if (threads === 0) return { here: true, run: (job) => Promise.resolve(runPackJob(job, identities)), close: () => Promise.resolve() };
  const setup: WriterSetup = {
    identities: identities?.map((identity) => identity.privateKey.export({ type: 'pkcs8', format: 'der' })),
  };
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'cjs';
  const waiting = new Map<number, { resolve: (result: PackResult) => void; reject: (error: unknown) => void }>();
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  const load: { worker: Worker; jobs: number }[] = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    });
    const state = { worker, jobs: 0 };
    worker.on('message', (result: PackResult) => {
      state.jobs--;
      waiting.get(result.id)?.resolve(result);
      waiting.delete(result.id);
    });
    worker.on('error', fail);
    worker.on('exit', (code) => {
      if (code !== 0)
        fail(
          new MailrecoverError('failed', 'a writing thread died', {
            hint: 'is the host out of memory? run the same command again: it goes on where it stopped',
          }),
        );
    });
    return state;
  });
  return {
    here: false,
    run: (job) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        waiting.set(job.id, { resolve, reject });
        const idle = load.reduce((least, each) => (each.jobs < least.jobs ? each : least));
        idle.jobs++;
        idle.worker.postMessage(job, job.bytes.buffer instanceof ArrayBuffer ? [job.bytes.buffer] : []);
      }),
    close: async () => {
      await Promise.all(load.map(({ worker }) => worker.terminate()));
    },
  };
}
