import { parentPort, workerData } from 'node:worker_threads';
import { writeMailbox } from './folder.ts';
import type { MailboxPlan } from './plan.ts';

const { root, mailboxes, messages, seed } = workerData as { root: string; mailboxes: MailboxPlan[]; messages: number; seed: string };
let bytes = 0;
for (const mailbox of mailboxes) bytes += writeMailbox(root, mailbox, messages, seed).bytes;
parentPort?.postMessage(bytes);
