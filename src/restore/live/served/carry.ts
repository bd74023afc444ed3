/** Carrying out what was planned for mailboxes that are no Maildir: Dovecot adds the messages, and the log says which UIDs they got. */
import type { ImapFlow } from 'imapflow';
import type { Finding } from '../../../errors/finding.ts';
import { displayBytes } from '../../../store/bytes.ts';
import { isAnswer } from '../../../store/imap/account.ts';
import type { Progress } from '../../../system/progress.ts';
import { withCrLf } from '../../imap/crlf.ts';
import { Doveadm, type DovecotAccess } from '../doveadm.ts';
import type { Run } from '../journal.ts';
import { changes, type FolderPlan } from '../model.ts';
import { asideFolder } from './aside.ts';
import { sizedKey } from './held.ts';
import { isInbox, type ServedAdd, type ServedTask } from './plan.ts';
import { changeFlags, moveAll } from './replace.ts';
import { openSession } from './session.ts';

export interface ServedCarry {
  run: Run;
  tasks: readonly ServedTask[];
  dovecot: DovecotAccess;
  progress: Progress;
  signal?: AbortSignal | undefined;
  findings: Finding[];
  /** Told of each message. @param bytes its size as stored */
  onAdded: (bytes: number) => void;
  /** Told of messages that got flags back, and of messages that were set aside. */
  onReplaced: (done: { reflagged: number; setAside: number }) => void;
}

/** So many messages are added before it is written down which UIDs they got. */
const BATCH = 25;

/** INBOXes of all mailboxes first. @throws MailrecoverError `unreachable`: the run is taken up by the same command */
export async function carryServed(options: ServedCarry): Promise<void> {
  for (const inbox of [true, false])
    for (const task of options.tasks) {
      const folders = task.plan.folders.filter((folder) => isInbox(folder) === inbox && changes(folder));
      if (folders.length === 0) continue;
      const session = await openSession(displayBytes(task.plan.mailbox), options.dovecot);
      try {
        for (const folder of folders) {
          options.signal?.throwIfAborted();
          await fill(options, session.client, task, folder);
          options.progress.advance(1, 0);
        }
        await session.client.logout().catch(() => undefined);
      } catch (error) {
        throw session.told(error);
      } finally {
        session.close();
      }
    }
}

async function fill(options: ServedCarry, client: ImapFlow, task: ServedTask, planned: FolderPlan): Promise<void> {
  const { plan, adds } = task;
  const { name: folder, create } = planned;
  const { run, signal } = options;
  const place = { store: plan.store, mailbox: plan.mailbox, folder };
  if (create) {
    run.note({ did: 'making', ...place });
    await client.mailboxCreate(folder);
    await client.mailboxSubscribe(folder);
  }
  const wanted = adds.get(folder) ?? [];
  if (wanted.length === 0 && planned.flags.length + planned.removals.length === 0 && planned.minNextUid === undefined) return;
  if (planned.minNextUid !== undefined) await new Doveadm(options.dovecot).raise(displayBytes(plan.mailbox), folder, planned.minNextUid);
  const { uidValidity, uidNext } = await client.mailboxOpen(folder);
  run.note({ did: 'filling', ...place, uidValidity: Number(uidValidity), uidNext });
  let batch: { content: Buffer; add: ServedAdd }[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const messages = batch.map(({ content, add }) => ({ key: sizedKey(content, content.length), flags: add.message.flags }));
    run.note({ did: 'adding', ...place, messages });
    const uids: (number | null)[] = [];
    for (const { content, add } of batch) {
      signal?.throwIfAborted();
      uids.push(await append(options, client, folder, content, add));
    }
    run.note({ did: 'added', ...place, uids });
    batch = [];
  };
  for (const [contents, group] of Map.groupBy(wanted, (add) => add.contents)) {
    const byMessage = new Map(group.map((add) => [add.message, add]));
    for await (const { message, content } of contents.read(group.map((add) => add.message))) {
      const add = byMessage.get(message);
      if (add !== undefined) batch.push({ content: withCrLf(content), add });
      if (batch.length >= BATCH) await flush();
    }
    options.findings.push(...contents.findings.filter((finding) => !options.findings.includes(finding)));
  }
  await flush();
  await replace(options, client, task, planned);
}

/** What came later is set aside when everything else is in its place: at no moment less is there than before or after. */
async function replace(options: ServedCarry, client: ImapFlow, { plan, flags }: ServedTask, planned: FolderPlan): Promise<void> {
  const { run, findings } = options;
  const user = displayBytes(plan.mailbox);
  const place = { store: plan.store, mailbox: plan.mailbox, folder: planned.name };
  const changed = flags.get(planned.name) ?? [];
  if (changed.length > 0) {
    run.note({ did: 'reflagging', ...place, changes: changed });
    const done = await changeFlags(client, changed);
    options.onReplaced({ reflagged: done.length, setAside: 0 });
    if (done.length < changed.length)
      findings.push({
        severity: 'info',
        code: 'changed-meanwhile',
        message: `folder '${planned.name}' of '${user}': ${changed.length - done.length} messages were changed by a client at the same time, and are left as it wants them`,
        subject: user,
      });
  }
  if (planned.removals.length === 0) return;
  const to = asideFolder(client, run.plan.id, planned.name);
  run.note({ did: 'aside', ...place, to });
  const listed = await client.list();
  if (!listed.some(({ path }) => path === to)) await client.mailboxCreate(to);
  const uids = planned.removals.map(({ base }) => Number(base));
  options.onReplaced({ reflagged: 0, setAside: await moveAll(client, uids, to) });
}

/** @returns its UID, null where that was not told; 0 where the server does not take it */
async function append(
  options: ServedCarry,
  client: ImapFlow,
  folder: string,
  content: Buffer,
  { message }: ServedAdd,
): Promise<number | null> {
  try {
    const { mtime, size } = message.state;
    const added = await client.append(folder, content, message.flags, new Date(Math.floor(mtime / 1000)));
    options.onAdded(size);
    return (added === false ? undefined : added.uid) ?? null;
  } catch (error) {
    // Only what Dovecot itself refuses is left out: no room, or too large.
    if (!isAnswer(error)) throw error;
    const why = (error as { responseText?: string }).responseText ?? (error instanceof Error ? error.message : String(error));
    options.findings.push({
      severity: 'error',
      code: 'not-taken',
      message: `message '${message.id}' was not taken by Dovecot: ${why}`,
      ...(/quota|full|space/i.test(why)
        ? { hint: 'make room, or raise the quota, then run the same command again: it adds what is still missing' }
        : {}),
      subject: message.id,
    });
    return 0;
  }
}
