/** Getting messages out of the repository, into the directories beside the mailboxes. */
import { statSync } from 'node:fs';
import type { Finding } from '../../errors/finding.ts';
import type { Identity } from '../../repository/age/keys.ts';
import type { Repository, StoredSnapshot } from '../../repository/repository.ts';
import { type ByteString, displayBytes, fsPath, toText } from '../../store/bytes.ts';
import { isoTime } from '../../system/clock.ts';
import { run } from '../../system/exec.ts';
import { syncDirectorySync } from '../../system/files.ts';
import type { Progress } from '../../system/progress.ts';
import { fetchAll } from '../fetch.ts';
import { emptyPlan, type PlannedFile } from '../plan.ts';
import { PackNumbering } from '../../repository/catalog/decode.ts';
import { checkSpace } from '../space.ts';
import { startWriters } from '../write/writers.ts';
import { asidePath, type Handles } from './aside.ts';
import { folderPath } from './look.ts';
import type { Add, LivePlan, MailboxPlan } from './model.ts';

export interface StageOptions {
  repository: Repository;
  identities: readonly Identity[] | undefined;
  /** In the order of the plan. */
  snapshots: readonly StoredSnapshot[];
  threads: number;
  progress: Progress;
  signal?: AbortSignal;
}

/** A batch is staged as a whole: INBOXes first. */
export interface Batch {
  name: string;
  source: number;
  inbox: boolean;
}

export function batchesOf(plan: LivePlan): Batch[] {
  return [true, false].flatMap((inbox) =>
    plan.snapshots.map((_, source) => ({ name: `${source}:${inbox ? 'inbox' : 'rest'}`, source, inbox })),
  );
}

/** What a batch puts into a folder. */
export function addsOf(plan: LivePlan, batch: Batch, mailbox: number, folder: number): Add[] {
  const planned = plan.mailboxes[mailbox]?.folders[folder];
  if (planned === undefined || ((planned.from ?? planned.name) === 'INBOX') !== batch.inbox) return [];
  return planned.adds.filter((add) => add.source === batch.source);
}

interface Owner {
  uid: number;
  gid: number;
  mode: number;
}

/** Owner and mode of new messages: those of the directory that they go into, as Dovecot has it. */
function ownerIn(mailbox: MailboxPlan, dir: ByteString): Owner {
  const stats = statSync(fsPath(`${folderPath(mailbox, dir)}/cur`), { throwIfNoEntry: false }) ?? statSync(fsPath(mailbox.root));
  return { uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o666 };
}

/** Whether everything that is still to be staged has room. @throws MailrecoverError `no-space` */
export function checkRoom(plan: LivePlan): void {
  for (const mailbox of plan.mailboxes) {
    const needed = emptyPlan(new PackNumbering());
    for (const { adds } of mailbox.folders)
      needed.files.push(...adds.map((add) => plannedFile(add, add.base, 0, { uid: 0, gid: 0, mode: 0 })));
    const root = toText(mailbox.root);
    if (needed.files.length > 0 && root !== undefined) checkSpace(root, needed);
  }
}

function plannedFile({ sha, size, mtime }: Add, path: string, pack: number, owner: Owner): PlannedFile {
  return { mode: owner.mode, user: '', group: '', mtime, size, path, parts: [{ sha, pack }], message: path, mailbox: '' };
}

/**
 * Writes the messages of a batch beside their mailboxes, with owner, mode and time as they shall have, and waits for the disk.
 * @returns base names of messages whose bytes are lost
 */
export async function stage(
  options: StageOptions,
  plan: LivePlan,
  batch: Batch,
  handles: Handles,
): Promise<{ lost: string[]; findings: Finding[] }> {
  const numbering = new PackNumbering();
  const files = emptyPlan(numbering);
  const owners = new Map<PlannedFile, Owner>();
  const parents = new Set<ByteString>();
  for (const [number, mailbox] of plan.mailboxes.entries()) {
    for (const [at, folder] of mailbox.folders.entries()) {
      const adds = addsOf(plan, batch, number, at);
      if (adds.length === 0) continue;
      const owner = ownerIn(mailbox, folder.dir);
      const directory = `${asidePath(mailbox, plan.id, number)}/add`;
      parents.add(directory);
      for (const add of adds) {
        const file = plannedFile(add, `${handles.at(directory)}/${add.base}`, numbering.numberOf(add.pack), owner);
        file.mailbox = `folder '${folder.from ?? folder.name}' of '${displayBytes(mailbox.mailbox)}'`;
        owners.set(file, owner);
        files.files.push(file);
      }
    }
  }
  const snapshot = options.snapshots[batch.source];
  if (files.files.length === 0 || snapshot === undefined) return { lost: [], findings: [] };
  options.progress.phase('reading', { items: files.files.length, bytes: files.files.reduce((sum, { size }) => sum + size, 0) });
  const isRoot = process.getuid?.() === 0;
  const writers = startWriters(files.files.length > 2000 ? options.threads : 0, options.identities);
  const umask = process.umask(0);
  try {
    const fetched = await fetchAll({ ...options, snapshot }, files, writers, {
      absolute: (path) => path,
      facts: (file) => {
        const { uid, gid, mode } = owners.get(file) ?? { uid: 0, gid: 0, mode: 0o600 };
        return { mode, mtime: file.mtime, uid: isRoot ? uid : undefined, gid: isRoot ? gid : undefined };
      },
      // A run that was killed may have left some of them.
      resume: true,
      onFirst: () => undefined,
    });
    for (const directory of parents) await settleDirectory(handles.at(directory));
    const findings = fetched.findings.map((finding) => {
      const file = files.files.find(({ path }) => path === finding.subject);
      return file === undefined ? finding : lostMessage(file);
    });
    return { lost: fetched.lost.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)), findings };
  } finally {
    process.umask(umask);
    await writers.close();
  }
}

/** What people are told of a message whose bytes are lost. */
export function lostMessage({ mailbox, mtime, parts }: PlannedFile): Finding {
  const sha = parts[0]?.sha.slice(0, 16) ?? '';
  return {
    severity: 'error',
    code: 'damage',
    message: `a message of ${mailbox}, received ${isoTime(Math.floor(mtime / 1000))}, could not be restored: its bytes (${sha}…) are missing from the repository or damaged`,
    subject: sha,
  };
}

/** Waits until all files in a directory are on the disk: once for all, where the system has a command for that. @param directory by its handle */
async function settleDirectory(directory: ByteString): Promise<void> {
  // A handle of ours is another one in a child.
  await run('sync', ['-f', directory.replace('/self/', `/${process.pid}/`)]).catch(() => run('sync', []));
  syncDirectorySync(directory);
}
