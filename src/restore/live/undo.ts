/** Undoing a live restore: taking out what it put in, putting back what it set aside, giving flags back. Exactly that, and nothing else. */
import { unlinkSync } from 'node:fs';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { type ByteString, displayBytes, fsPath } from '../../store/bytes.ts';
import { imapFlags } from '../../store/maildir/flags.ts';
import type { Keywords } from '../../store/maildir/keywords.ts';
import { baseName, flagsPart } from '../../store/maildir/names.ts';
import { syncDirectorySync } from '../../system/files.ts';
import { asidePath, Handles, namesIn, removeAside } from './aside.ts';
import { Doveadm, type DovecotAccess } from './doveadm.ts';
import type { Run } from './journal.ts';
import { folderPath, isFolder, listFolder, type LiveFolder, LiveReader } from './look.ts';
import { changes, type FolderPlan, type MailboxPlan } from './model.ts';
import { rename } from './put.ts';
import { lookServed, releaseServed, undoServed } from './served/undo.ts';

/** What an undo would do in a folder. */
export interface FolderUndo {
  mailbox: string;
  folder: string;
  /** Messages that the restore put in, and that are as it put them in. */
  take: number;
  /** Those that a client has changed since. */
  changed: number;
  /** Those that a client has moved or deleted since. */
  gone: number;
  /** Messages that were set aside. */
  back: number;
  flags: number;
  /** Flags that a client has changed since: they stay. */
  flagsChanged: number;
}

export interface UndoOptions {
  run: Run;
  dovecot: DovecotAccess;
  /** What becomes of messages that clients have changed since: `take` or `leave`; without it they are a reason to refuse. */
  changed?: 'take' | 'leave' | undefined;
  dryRun: boolean;
}

export interface UndoReport {
  folders: FolderUndo[];
  counts: { taken: number; left: number; gone: number; back: number; flags: number };
  findings: Finding[];
}

interface Task {
  mailbox: MailboxPlan;
  folder: FolderPlan;
  number: number;
  at: number;
  old: ByteString;
}

function sameFlags(flags: ByteString, wanted: readonly string[], keywords: Keywords): boolean {
  const plain = (list: readonly string[]): string =>
    list
      .map((flag) => flag.toLowerCase())
      .sort()
      .join(' ');
  return plain(imapFlags(flags, keywords)) === plain(wanted);
}

/**
 * @throws MailrecoverError `refused` where clients changed what would be taken out, and nothing was said of that
 */
export async function undo(options: UndoOptions): Promise<UndoReport> {
  const { run, dryRun } = options;
  const worker = new Undo(options);
  try {
    const tasks = run.plan.mailboxes.flatMap((mailbox, number) =>
      mailbox.folders.flatMap((folder, at): Task[] =>
        changes(folder) ? [{ mailbox, folder, number, at, old: `${asidePath(mailbox, run.plan.id, number)}/old/${at}` }] : [],
      ),
    );
    const folders = [
      ...tasks.map((task) => worker.look(task)),
      ...(await lookServed(options)).map(({ uids, ...folder }) => {
        if (folder.changed > 0) worker.examples.push(`${folder.mailbox} ${folder.folder} (${uids.changed.length})`);
        return folder;
      }),
    ];
    const changed = folders.reduce((sum, each) => sum + each.changed, 0);
    if (changed > 0 && options.changed === undefined && !dryRun)
      throw new MailrecoverError(
        'refused',
        `clients have changed ${changed} of the messages that would be taken out: ${worker.examples.slice(0, 5).join(', ')}`,
        {
          hint: "say what becomes of them: '--changed leave' keeps them, '--changed take' takes them out all the same; nothing was changed",
          subject: run.plan.id,
        },
      );
    if (!dryRun) {
      if (!run.has('undoing')) run.note({ did: 'undoing' });
      for (const task of tasks) await worker.folder(task);
      await worker.finish(tasks);
      await undoServed(options, worker.counts, worker.findings);
      for (const [number, mailbox] of run.plan.mailboxes.entries()) removeAside(asidePath(mailbox, run.plan.id, number));
      run.note({ did: 'undone' });
    }
    return { folders, counts: worker.counts, findings: worker.findings };
  } finally {
    worker.close();
  }
}

class Undo {
  readonly findings: Finding[] = [];
  readonly counts = { taken: 0, left: 0, gone: 0, back: 0, flags: 0 };
  readonly examples: string[] = [];
  readonly #options: UndoOptions;
  readonly #handles = new Handles();
  readonly #reader = new LiveReader();
  readonly #doveadm: Doveadm;

  constructor(options: UndoOptions) {
    this.#options = options;
    this.#doveadm = new Doveadm(options.dovecot);
  }

  close(): void {
    this.#handles.close();
    this.#reader.close();
  }

  #state({ mailbox, folder }: Task): { live: LiveFolder; keywords: Keywords } {
    return { live: listFolder(mailbox, folder.dir), keywords: this.#reader.keywords(mailbox, folder.dir) };
  }

  /** Base names of messages that did not come so far as to lie in the folder. */
  #neverPut({ mailbox, number }: Task): ReadonlySet<string> {
    const { run } = this.#options;
    return new Set([...run.lost, ...namesIn(`${asidePath(mailbox, run.plan.id, number)}/add`)]);
  }

  look(task: Task): FolderUndo {
    const { mailbox, folder, old } = task;
    const { live, keywords } = this.#state(task);
    const staged = this.#neverPut(task);
    const found = { take: 0, changed: 0, gone: 0 };
    for (const { base, flags } of folder.adds) {
      const message = live.get(base);
      if (message === undefined) found.gone += staged.has(base) ? 0 : 1;
      else if (sameFlags(message.flags, flags, keywords)) found.take++;
      else {
        found.changed++;
        this.examples.push(
          `${displayBytes(mailbox.mailbox)} ${folder.name} (${imapFlags(message.flags, keywords).join(' ') || 'no flags'})`,
        );
      }
    }
    const ours = folder.flags.filter(({ base, to, add }) => {
      const message = live.get(base);
      return message !== undefined && sameFlags(message.flags, [...imapFlags(to, keywords), ...add], keywords);
    }).length;
    const still = folder.flags.filter(({ base, from }) => live.get(base)?.flags === from).length;
    const back = namesIn(old).length;
    return {
      mailbox: displayBytes(mailbox.mailbox),
      folder: folder.name,
      ...found,
      back,
      flags: ours,
      flagsChanged: folder.flags.length - ours - still,
    };
  }

  async folder(task: Task): Promise<void> {
    const { mailbox, folder, old } = task;
    if (!isFolder(mailbox, folder.dir)) {
      const left = namesIn(old).length;
      const staged = this.#neverPut(task);
      this.counts.gone += folder.adds.filter(({ base }) => !staged.has(base)).length;
      if (left > 0) await this.#doveadm.create(displayBytes(mailbox.mailbox), folder.name);
      else return;
    }
    const path = folderPath(mailbox, folder.dir);
    const cur = `${path}/cur`;
    // What was set aside first: at no moment is less there than before or after.
    const backs = new Map(folder.removals.map(({ base, back }) => [base, back]));
    for (const name of namesIn(old)) {
      const back = backs.get(baseName(name));
      if (back !== undefined && rename(`${this.#handles.at(old)}/${name}`, `${this.#handles.at(cur)}/${back}${flagsPart(name) || ':2,'}`))
        this.counts.back++;
    }
    const { live, keywords } = this.#state(task);
    for (const { base, from, to, add } of folder.flags) {
      const message = live.get(base);
      if (message === undefined || !sameFlags(message.flags, [...imapFlags(to, keywords), ...add], keywords)) continue;
      if (rename(`${this.#handles.at(`${path}/${message.in}`)}/${base}${message.flags}`, `${this.#handles.at(cur)}/${base}${from}`))
        this.counts.flags++;
    }
    const staged = this.#neverPut(task);
    for (const { base, flags } of folder.adds) {
      const message = live.get(base);
      if (message === undefined) this.counts.gone += staged.has(base) ? 0 : 1;
      else if (!sameFlags(message.flags, flags, keywords) && this.#options.changed !== 'take') this.counts.left++;
      else if (this.#remove(`${this.#handles.at(`${path}/${message.in}`)}/${base}${message.flags}`)) this.counts.taken++;
      else this.counts.left++;
    }
    for (const each of ['cur', 'new']) syncDirectorySync(this.#handles.at(`${path}/${each}`));
  }

  /** By its whole name: where a client gives it other flags at the same moment, it stays. */
  #remove(path: ByteString): boolean {
    try {
      unlinkSync(fsPath(path));
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw ioError(error, 'remove', displayBytes(path));
    }
  }

  /** Folders that the restore made go again, where nothing lies in them; the server takes up the rest. */
  async finish(tasks: readonly Task[]): Promise<void> {
    const { run } = this.#options;
    for (const { mailbox, folder, number, at } of tasks) {
      const user = displayBytes(mailbox.mailbox);
      if (!isFolder(mailbox, folder.dir)) continue;
      try {
        const messages = await this.#doveadm.open(user, folder.name);
        if (!run.created(number, at) || folder.name === 'INBOX') continue;
        if (messages === 0 && listFolder(mailbox, folder.dir).size === 0) await this.#doveadm.remove(user, folder.name);
        else
          this.findings.push({
            severity: 'info',
            code: 'folder-kept',
            message: `folder '${folder.name}' of '${user}' was made by the restore, and is kept: there is mail in it`,
            subject: user,
          });
      } catch (error) {
        if (!(error instanceof MailrecoverError)) throw error;
        if (/doesn't exist/i.test(error.message)) continue;
        this.findings.push({
          severity: 'warning',
          code: 'not-served',
          message: `folder '${folder.name}' of '${user}': dovecot did not take up the change yet: ${error.message}`,
          hint: `doveadm mailbox status -u '${user}' messages '${folder.name}'`,
          subject: user,
        });
      }
    }
    for (const mailbox of new Set(tasks.map((task) => task.mailbox))) {
      const finding = await this.#doveadm.recalculateQuota(displayBytes(mailbox.mailbox));
      if (finding !== undefined) this.findings.push(finding);
    }
  }
}

/** Removes for good what a `replace` set aside: after that it can not be undone. @returns how many messages that were */
export async function release(run: Run, dovecot: DovecotAccess): Promise<number> {
  let count = await releaseServed({ run, dovecot });
  for (const [number, mailbox] of run.plan.mailboxes.entries()) {
    const aside = asidePath(mailbox, run.plan.id, number);
    for (const name of namesIn(`${aside}/old`)) count += namesIn(`${aside}/old/${name}`).length;
  }
  for (const [number, mailbox] of run.plan.mailboxes.entries()) removeAside(asidePath(mailbox, run.plan.id, number));
  run.note({ did: 'released' });
  return count;
}
