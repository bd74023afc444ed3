import { mkdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Kind } from './corpus/folder.ts';
import { type MailboxPlan, planCorpus } from './corpus/plan.ts';

export interface Corpus {
  root: string;
  mailboxes: MailboxPlan[];
  messages: number;
  /** Of all messages together. */
  bytes: number;
  short: boolean;
}

export interface CorpusOptions {
  messages: number;
  seed?: string;
  /** Short texts only. */
  short?: boolean;
  /** How many messages a mailbox has on average. */
  aMailbox?: number;
  /** Changes the plan before it is carried out. */
  shape?: (plan: MailboxPlan[]) => MailboxPlan[];
}

/** Writes a Maildir++ tree below `root`, in two threads; the same options give the same tree, byte for byte. */
export async function buildCorpus(
  root: string,
  { messages, aMailbox, seed = 'mail', short = false, shape = (plan) => plan }: CorpusOptions,
): Promise<Corpus> {
  const mailboxes = shape(planCorpus(messages, aMailbox));
  mkdirSync(root, { recursive: true });
  const halves = [0, 1].map((part) => mailboxes.filter((_, index) => index % 2 === part));
  const sizes = await Promise.all(halves.map((half) => write(root, half, { all: messages, seed, short })));
  return {
    root,
    mailboxes,
    messages: mailboxes.reduce((sum, mailbox) => sum + mailbox.folders.reduce((count, folder) => count + folder.messages, 0), 0),
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    short,
  };
}

function write(root: string, mailboxes: MailboxPlan[], kind: Kind): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('corpus/worker.ts', import.meta.url), { workerData: { root, mailboxes, kind } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
