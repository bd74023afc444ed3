/** Undoing what was done through Dovecot: exactly the messages that the log names, and those that a killed run had just added. */
import type { ImapFlow } from 'imapflow';
import type { Finding } from '../../../errors/finding.ts';
import { displayBytes } from '../../../store/bytes.ts';
import type { DovecotAccess } from '../doveadm.ts';
import type { Run, ServedEntry, ServedFlags } from '../journal.ts';
import type { FolderUndo } from '../undo.ts';
import { removeAsideFolder } from './aside.ts';
import { servedKeys } from './held.ts';
import { changeFlags, chunks, flagsOf, moveAll, sameFlags } from './replace.ts';
import { openSession } from './session.ts';

interface Added {
  uid: number;
  flags: string[];
}

/** What the log says of a folder. */
interface Filled {
  folder: string;
  made: boolean;
  uidValidity: number | undefined;
  uidNext: number;
  added: Added[];
  /** Of these nobody knows whether they arrived. */
  open: { key: string; flags: string[] }[];
  /** Messages that were to get other flags. */
  flags: ServedFlags[];
  /** Folder into which messages were set aside. */
  aside: string | undefined;
}

export interface ServedUndo extends FolderUndo {
  /** `flags`: as they are to be given back. */
  uids: { take: number[]; changed: number[]; flags: ServedFlags[] };
}

function filledOf(run: Run, store: string, mailbox: string): Filled[] {
  const folders = new Map<string, Filled>();
  const entries = run.entries.filter(
    (entry): entry is ServedEntry => 'store' in entry && entry.store === store && entry.mailbox === mailbox,
  );
  for (const entry of entries) {
    const { folder } = entry;
    const filled = folders.get(folder) ?? {
      folder,
      made: false,
      uidValidity: undefined,
      uidNext: Infinity,
      added: [],
      open: [],
      flags: [],
      aside: undefined,
    };
    folders.set(folder, filled);
    if (entry.did === 'making') filled.made = true;
    else if (entry.did === 'filling') {
      filled.uidValidity = entry.uidValidity;
      filled.uidNext = Math.min(filled.uidNext, entry.uidNext);
    } else if (entry.did === 'adding') filled.open.push(...entry.messages);
    else if (entry.did === 'reflagging') filled.flags.push(...entry.changes);
    else if (entry.did === 'aside') filled.aside = entry.to;
    else {
      const batch = filled.open.splice(filled.open.length - entry.uids.length);
      for (const [at, message] of batch.entries()) {
        const uid = entry.uids[at];
        if (uid === null) filled.open.push(message);
        else if (uid !== undefined && uid > 0) filled.added.push({ uid, flags: message.flags });
      }
    }
  }
  return [...folders.values()];
}

/** Compares what was done with what is there. The folder is opened, where it is there. */
async function lookAt(client: ImapFlow, mailbox: string, filled: Filled, readOnly: boolean): Promise<ServedUndo> {
  const { folder, uidValidity, uidNext, open, aside } = filled;
  const undo: ServedUndo = {
    mailbox,
    folder,
    take: 0,
    changed: 0,
    gone: 0,
    back: 0,
    flags: 0,
    flagsChanged: 0,
    uids: { take: [], changed: [], flags: [] },
  };
  const listed = await client.list();
  if (aside !== undefined && listed.some(({ path }) => path === aside))
    undo.back = (await client.mailboxOpen(aside, { readOnly: true })).exists;
  if (uidValidity === undefined || !listed.some(({ path }) => path === folder)) return { ...undo, gone: filled.added.length };
  const box = await client.mailboxOpen(folder, { readOnly });
  // A folder of that name, but another one.
  if (Number(box.uidValidity) !== uidValidity) return { ...undo, gone: filled.added.length };
  const added = [...filled.added];
  if (open.length > 0 && box.exists > 0) {
    const known = new Set(added.map(({ uid }) => uid));
    const left = [...open];
    for (const { uid, key } of await servedKeys(client, `${uidNext}:*`, true)) {
      if (uid < uidNext || known.has(uid)) continue;
      const at = left.findIndex((each) => each.key === key);
      if (at >= 0) added.push({ uid, flags: left.splice(at, 1)[0]?.flags ?? [] });
    }
  }
  const there = new Map<number, string[]>();
  const uids = [...new Set([...added, ...filled.flags].map(({ uid }) => uid))];
  if (box.exists > 0) for (const part of chunks(uids)) for (const [uid, { flags }] of await flagsOf(client, part)) there.set(uid, flags);
  for (const { uid, flags } of added) {
    const now = there.get(uid);
    if (now === undefined) undo.gone++;
    else undo.uids[sameFlags(now, flags) ? 'take' : 'changed'].push(uid);
  }
  // A run that was taken up may have noted a change twice.
  const changes = new Map(filled.flags.map((change) => [change.uid, change]));
  for (const { uid, from, to } of changes.values()) {
    const now = there.get(uid);
    if (now === undefined || sameFlags(now, from)) continue;
    if (sameFlags(now, to)) undo.uids.flags.push({ uid, from: to, to: from });
    else undo.flagsChanged++;
  }
  return { ...undo, take: undo.uids.take.length, changed: undo.uids.changed.length, flags: undo.uids.flags.length };
}

export interface ServedUndoOptions {
  run: Run;
  dovecot: DovecotAccess;
  changed?: 'take' | 'leave' | undefined;
}

/** What would be undone. */
export async function lookServed({ run, dovecot }: ServedUndoOptions): Promise<ServedUndo[]> {
  const undos: ServedUndo[] = [];
  for (const { store, mailbox } of run.plan.served ?? []) {
    const folders = filledOf(run, store, mailbox);
    if (folders.length === 0) continue;
    const user = displayBytes(mailbox);
    const session = await openSession(user, dovecot);
    try {
      for (const filled of folders) undos.push(await lookAt(session.client, user, filled, true));
    } catch (error) {
      throw session.told(error);
    } finally {
      session.close();
    }
  }
  return undos;
}

/** Takes the messages out, and the folders that were made and are empty. */
export async function undoServed(
  { run, dovecot, changed }: ServedUndoOptions,
  counts: { taken: number; left: number; gone: number; back: number; flags: number },
  findings: Finding[],
): Promise<void> {
  for (const { store, mailbox } of run.plan.served ?? []) {
    const folders = filledOf(run, store, mailbox);
    if (folders.length === 0) continue;
    const user = displayBytes(mailbox);
    const session = await openSession(user, dovecot);
    const { client } = session;
    try {
      // Folders within others go first.
      for (const filled of folders.toSorted((a, b) => b.folder.length - a.folder.length)) {
        // What was set aside first: at no moment is less there than before or after.
        counts.back += await putBack(client, run.plan.id, filled);
        const { uids, gone } = await lookAt(client, user, filled, false);
        counts.flags += (await changeFlags(client, uids.flags)).length;
        const out = [...uids.take, ...(changed === 'take' ? uids.changed : [])];
        if (out.length > 0) await client.messageDelete(out.join(','), { uid: true });
        counts.taken += out.length;
        counts.left += changed === 'take' ? 0 : uids.changed.length;
        counts.gone += gone;
        if (filled.made) await removeEmpty(client, user, filled.folder, findings);
      }
      await client.logout().catch(() => undefined);
    } catch (error) {
      throw session.told(error);
    } finally {
      session.close();
    }
  }
}

/** @returns how many messages came back out of the folder in which they lay aside; those that somebody took from there did not */
async function putBack(client: ImapFlow, run: string, { folder, aside }: Filled): Promise<number> {
  if (aside === undefined) return 0;
  const listed = await client.list();
  if (!listed.some(({ path }) => path === aside)) return 0;
  if (!listed.some(({ path, flags }) => path === folder && !flags.has('\\Noselect') && !flags.has('\\NonExistent'))) {
    await client.mailboxCreate(folder);
    await client.mailboxSubscribe(folder);
  }
  await client.mailboxOpen(aside);
  const uids = (await client.search({ all: true }, { uid: true })) || [];
  const count = await moveAll(client, uids, folder);
  await client.mailboxClose();
  await removeAsideFolder(client, run, aside);
  return count;
}

/** Removes what was set aside, for good. @returns how many messages that were */
export async function releaseServed({ run, dovecot }: ServedUndoOptions): Promise<number> {
  let count = 0;
  for (const { store, mailbox } of run.plan.served ?? []) {
    const folders = filledOf(run, store, mailbox).flatMap(({ aside }) => (aside === undefined ? [] : [aside]));
    if (folders.length === 0) continue;
    const session = await openSession(displayBytes(mailbox), dovecot);
    const { client } = session;
    try {
      for (const folder of folders) {
        if (!(await client.list()).some(({ path }) => path === folder)) continue;
        const { exists } = await client.mailboxOpen(folder);
        if (exists > 0) await client.messageDelete('1:*');
        count += exists;
        await client.mailboxClose();
        await removeAsideFolder(client, run.plan.id, folder);
      }
      await client.logout().catch(() => undefined);
    } catch (error) {
      throw session.told(error);
    } finally {
      session.close();
    }
  }
  return count;
}

async function removeEmpty(client: ImapFlow, user: string, folder: string, findings: Finding[]): Promise<void> {
  const listed = await client.list();
  if (folder === 'INBOX' || !listed.some(({ path }) => path === folder)) return;
  const { exists } = await client.mailboxOpen(folder, { readOnly: true });
  const inner = listed.some(({ path, delimiter }) => path.startsWith(folder + delimiter));
  if (exists > 0 || inner) {
    findings.push({
      severity: 'info',
      code: 'folder-kept',
      message: `folder '${folder}' of '${user}' was made by the restore, and is kept: there is mail in it`,
      subject: user,
    });
    return;
  }
  await client.mailboxClose();
  await client.mailboxUnsubscribe(folder);
  await client.mailboxDelete(folder);
}
