/** A reading thread: see job.ts. */
import { createPrivateKey } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { identityOf } from '../../../repository/age/keys.ts';
import { runHeaderJob, type HeaderJob, type ReaderSetup } from './job.ts';

const setup = workerData as ReaderSetup;
const identities = setup.identities?.map((der) => identityOf(createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })));

parentPort?.on('message', (job: HeaderJob) => {
  parentPort?.postMessage(runHeaderJob(job, identities));
});
