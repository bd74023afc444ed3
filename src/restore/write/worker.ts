/** A writing thread: see pack-job.ts. */
import { createPrivateKey } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { identityOf } from '../../repository/age/keys.ts';
import { runPackJob } from './pack-job.ts';
import type { PackJob, WriterSetup } from './threads.ts';

const setup = workerData as WriterSetup;
const identities = setup.identities?.map((der) => identityOf(createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })));

parentPort?.on('message', (job: PackJob) => {
  const result = runPackJob(job, identities);
  parentPort?.postMessage(
    result,
    result.kept.map(([, content]) => content.buffer as ArrayBuffer),
  );
});
