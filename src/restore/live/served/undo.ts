/** Undoing what was added through Dovecot: exactly the messages that the log names, and those that a killed run had just added. */
import type { ImapFlow } from 'imapflow';
import type { Finding } from '../../../errors/finding.ts';
import { displayBytes } from '../../../store/bytes.ts';
import type { DovecotAccess } from '../doveadm.ts';
import type { Run, ServedEntry } from '../journal.ts';
import type { FolderUndo } from '../undo.ts';
import { servedKeys } from './held.ts';
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
}

export interface ServedUndo extends FolderUndo {
  uids: { take: number[]; changed: number[] };
}

function filledOf(run: Run, store: string, mailbox: string): Filled[] {
  const folders = new Map<string, Filled>();
  const entries = run.entries.filter(
    (entry): entry is ServedEntry => 'store' in entry && entry.store === store && entry.mailbox === mailbox,
  );
  for (const entry of entries) {
    const { folder } = entry;
    const filled = folders.get(folder) ?? { folder, made: false, uidValidity: undefined, uidNext: Infinity, added: [], open: [] };
    folders.set(folder, filled);
    if (entry.did === 'making') filled.made = true;
    else if (entry.did === 'filling') {
      filled.uidValidity = entry.uidValidity;
      filled.uidNext = Math.min(filled.uidNext, entry.uidNext);
    } else if (entry.did === 'adding') filled.open.push(...entry.messages);
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

const sorted = (flags: Iterable<string>): string =>
  [...flags]
    .map((flag) => flag.toLowerCase())
    .filter((flag) => flag !== '\\recent')
    .sort()
    .join(' ');

/** Compares what was added with what is there. The folder is opened. */
async function lookAt(client: ImapFlow, mailbox: string, filled: Filled, readOnly: boolean): Promise<ServedUndo> {
  const { folder, uidValidity, uidNext, open } = filled;
  const undo: ServedUndo = {
    mailbox,
    folder,
    take: 0,
    changed: 0,
    gone: 0,
    back: 0,
    flags: 0,
    flagsChanged: 0,
    uids: { take: [], changed: [] },
  };
  const listed = await client.list();
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
  const there = new Map<number, string>();
  if (added.length > 0 && box.exists > 0)
    for await (const { uid, flags } of client.fetch(added.map(({ uid }) => uid).join(','), { uid: true, flags: true }, { uid: true }))
      there.set(uid, sorted(flags ?? []));
  for (const { uid, flags } of added) {
    const now = there.get(uid);
    if (now === undefined) undo.gone++;
    else undo.uids[now === sorted(flags) ? 'take' : 'changed'].push(uid);
  }
  return { ...undo, take: undo.uids.take.length, changed: undo.uids.changed.length };
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
  counts: { taken: number; left: number; gone: number },
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
        const { uids, gone } = await lookAt(client, user, filled, false);
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
