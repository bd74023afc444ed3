import { parentPort, workerData } from 'node:worker_threads';
import { type Kind, writeMailbox } from './folder.ts';
import type { MailboxPlan } from './plan.ts';

const { root, mailboxes, kind } = workerData as { root: string; mailboxes: MailboxPlan[]; kind: Kind };
let bytes = 0;
for (const mailbox of mailboxes) bytes += writeMailbox(root, mailbox, kind).bytes;
parentPort?.postMessage(bytes);
