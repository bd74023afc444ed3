/** Hands packs to reading threads, or reads them here where there is little to do. */
import { Worker } from 'node:worker_threads';
import { MailrecoverError } from '../../../errors/error.ts';
import type { Identity } from '../../../repository/age/keys.ts';
import { runHeaderJob, type HeaderJob, type HeaderResult, type ReaderSetup } from './job.ts';

export interface Readers {
  /** How many jobs may be under way at once. */
  atOnce: number;
  run(job: HeaderJob): Promise<HeaderResult>;
  close(): Promise<void>;
}

interface Thread {
  worker: Worker;
  waiting: Map<number, { resolve: (result: HeaderResult) => void; reject: (error: unknown) => void }>;
}

/** @param threads 0 to read in this thread */
export function startReaders(threads: number, identities: readonly Identity[] | undefined): Readers {
  if (threads === 0) return { atOnce: 1, run: (job) => Promise.resolve(runHeaderJob(job, identities)), close: () => Promise.resolve() };
  const setup: ReaderSetup = { identities: identities?.map((identity) => identity.privateKey.export({ type: 'pkcs8', format: 'der' })) };
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'cjs';
  const pool = Array.from({ length: threads }, (): Thread => {
    const thread: Thread = {
      worker: new Worker(new URL(`./worker.${extension}`, import.meta.url), { workerData: setup }),
      waiting: new Map(),
    };
    thread.worker.on('message', (result: HeaderResult) => {
      thread.waiting.get(result.id)?.resolve(result);
      thread.waiting.delete(result.id);
    });
    const fail = (error: unknown): void => {
      for (const { reject } of thread.waiting.values()) reject(error);
      thread.waiting.clear();
    };
    thread.worker.on('error', fail);
    thread.worker.on('exit', (code) => {
      if (code !== 0)
        fail(new MailrecoverError('failed', 'a reading thread died', { hint: 'is the host out of memory? run the command again' }));
    });
    return thread;
  });
  return {
    atOnce: threads + 1,
    run: (job) =>
      new Promise((resolve, reject) => {
        const idle = pool.reduce((least, thread) => (thread.waiting.size < least.waiting.size ? thread : least));
        idle.waiting.set(job.id, { resolve, reject });
        idle.worker.postMessage(
          job,
          job.bytes.buffer instanceof ArrayBuffer && job.bytes.byteLength === job.bytes.buffer.byteLength ? [job.bytes.buffer] : [],
        );
      }),
    close: async () => {
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };
}
