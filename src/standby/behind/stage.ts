/** Laying the messages of folders ready beside their mailboxes, so that each goes into its folder by one rename. */
import { linkSync, statSync } from 'node:fs';
import { systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { PackNumbering } from '../../repository/catalog/decode.ts';
import { fetchAll } from '../../restore/fetch.ts';
import { asidePath, makeAside, type Handles } from '../../restore/live/aside.ts';
import { folderPath } from '../../restore/live/look.ts';
import type { Source } from '../../restore/look/source.ts';
import { emptyPlan, type PlannedFile } from '../../restore/plan.ts';
import { lostMessage } from '../../restore/live/stage.ts';
import { checkSpace } from '../../restore/space.ts';
import { attempt } from '../../restore/write/files.ts';
import { startWriters } from '../../restore/write/writers.ts';
import { type ByteString, displayBytes, fsPath, toText } from '../../store/bytes.ts';
import { run } from '../../system/exec.ts';
import { syncDirectorySync } from '../../system/files.ts';
import type { Progress } from '../../system/progress.ts';
import type { MailboxPlace } from '../sync/place.ts';
import type { FolderHistory, HistoryMessage } from './history.ts';
import type { Unit } from './model.ts';

export interface StageOptions {
  source: Source;
  threads: number;
  progress: Progress;
  signal?: AbortSignal;
}

/** A folder whose messages are to lie ready. */
export interface ToStage {
  unit: Unit;
  name: string;
  dir: ByteString;
  place: MailboxPlace;
  history: FolderHistory;
}

/** So many messages are worth threads. */
const MANY = 2000;

/** Where the messages of a folder lie ready. */
export function stagedAt(place: Pick<MailboxPlace, 'root'>, id: string, { mailbox, folder }: Unit): ByteString {
  return `${asidePath(place, id, mailbox)}/${folder}`;
}

/**
 * Lays messages ready, with owner, mode and time as they shall have, and waits for the disk. What a run that was killed left is taken up.
 * @returns by folder, in their order, the base names of messages whose bytes are lost
 */
export async function stage(
  options: StageOptions,
  id: string,
  folders: readonly ToStage[],
  handles: Handles,
): Promise<{ lost: string[][]; findings: Finding[] }> {
  const { source } = options;
  const numbering = new PackNumbering();
  const plan = emptyPlan(numbering);
  const facts = new Map<PlannedFile, { uid: number; gid: number }>();
  const owners = new Map<PlannedFile, number>();
  const isRoot = process.getuid?.() === 0;
  for (const [number, { unit, name, dir, place, history }] of folders.entries()) {
    const directory = handles.make(makeAside(handles, { ...place, folders: [] }, id, unit.mailbox), String(unit.folder));
    const { uid, gid, mode } = statSync(fsPath(`${folderPath(place, dir)}/cur`), { throwIfNoEntry: false }) ?? statSync(fsPath(place.root));
    for (const message of history.messages) {
      if ('path' in message.from) {
        linkAside(message.from.path, `${handles.at(directory)}/${message.base}`);
        continue;
      }
      const file = plannedFile(message, message.from, `${handles.at(directory)}/${message.base}`, mode & 0o666, numbering);
      file.mailbox = `folder '${name}' of '${displayBytes(place.mailbox)}'`;
      facts.set(file, { uid, gid });
      owners.set(file, number);
      plan.files.push(file);
    }
  }
  const [first] = folders;
  const root = first === undefined ? undefined : toText(first.place.root);
  if (root !== undefined && plan.files.length > 0) checkSpace(root, plan);
  const lost: string[][] = folders.map(() => []);
  const findings: Finding[] = [];
  const writers = startWriters(plan.files.length > MANY ? options.threads : 0, source.identities);
  const umask = process.umask(0);
  try {
    const fetched = await fetchAll({ ...options, ...source }, plan, writers, {
      absolute: (path) => path,
      facts: (file) => {
        const { uid, gid } = facts.get(file) ?? { uid: 0, gid: 0 };
        return { mode: file.mode, mtime: file.mtime, uid: isRoot ? uid : undefined, gid: isRoot ? gid : undefined };
      },
      resume: true,
      onFirst: () => undefined,
    });
    for (const file of fetched.lost) lost[owners.get(file) ?? 0]?.push(file.path.slice(file.path.lastIndexOf('/') + 1));
    const ours = new Map(plan.files.map((file) => [file.path, file]));
    for (const finding of fetched.findings) {
      const file = ours.get(finding.subject ?? '');
      findings.push(file === undefined ? finding : lostMessage(file));
    }
  } finally {
    process.umask(umask);
    await writers.close();
  }
  for (const { unit, place } of folders) {
    const directory = handles.at(stagedAt(place, id, unit));
    // A handle of ours is another one in a child.
    await run('sync', ['-f', directory.replace('/self/', `/${process.pid}/`)]).catch(() => run('sync', []));
    syncDirectorySync(directory);
  }
  return { lost, findings };
}

function plannedFile(
  { base, size, mtime }: HistoryMessage,
  { sha, pack }: { sha: string; pack: string },
  path: string,
  mode: number,
  numbering: PackNumbering,
): PlannedFile {
  return { mode, user: '', group: '', mtime, size, path, parts: [{ sha, pack: numbering.numberOf(pack) }], message: base, mailbox: '' };
}

/** A second name for a message that was moved aside; it stays there, too. */
function linkAside(from: ByteString, to: ByteString): void {
  attempt(from, () => {
    try {
      linkSync(fsPath(from), fsPath(to));
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  });
}
