/** Adding to an IMAP account what it does not have yet. The server's own state is the journal: a run that ended anywhere is simply run again. */
import type { ImapFlow } from 'imapflow';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import type { Progress } from '../../system/progress.ts';
import type { Source } from '../look/source.ts';
import type { Selection } from '../select.ts';
import { connectionError, connectTo, type ImapAccount, isAnswer, isCutOff } from '../../store/imap/account.ts';
import { Patience } from '../../store/imap/throttle.ts';
import { withCrLf } from './crlf.ts';
import { compareFolder, type FolderTask, WantedKeys } from './compare.ts';
import { wantedMail, type WantedFolder, type WantedMail, type WantedMessage } from './wanted.ts';

export interface ImapOptions {
  source: Source;
  selection: Selection;
  account: ImapAccount;
  progress: Progress;
  signal?: AbortSignal;
  /** What is wanted, where that was chosen already; all of the selection by default. */
  mail?: WantedMail;
  /** Told of each message that is there: `bytes` were sent for it, 0 where it was there already. */
  onThere?: (folder: WantedFolder, message: WantedMessage, bytes: number) => void;
}

export interface ImapReport {
  counts: { added: number; bytes: number; present: number; folders: number };
  /** Milliseconds until the first message was there. */
  firstMailMs?: number;
  findings: Finding[];
}

/** A connection that is lost is made again so often before anything else was added. */
const PATIENCE = 5;

/** Tries again where the connection is lost, or the server asks for time. */
async function patiently<T>(patience: Patience, work: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (await patience.wait(error)) {
        failures--;
        continue;
      }
      if (failures > PATIENCE || !isCutOff(error)) throw error;
      await sleep(250 * 2 ** failures);
    }
  }
}

/** A restore into an account: compared, and not carried out yet. */
export class ImapRestore {
  readonly findings: Finding[] = [];
  readonly #options: ImapOptions;
  readonly #mail: WantedMail;
  readonly #keys = new WantedKeys();
  readonly #patience: Patience;
  #client: ImapFlow;
  #tasks: FolderTask[] = [];

  private constructor(options: ImapOptions, mail: WantedMail, client: ImapFlow, patience: Patience) {
    [this.#options, this.#mail, this.#client, this.#patience] = [options, mail, client, patience];
  }

  /**
   * Logs in, and finds out what is missing. Changes nothing.
   * @throws MailrecoverError `key`, `unreachable`, `not-found`, `usage`
   */
  static async compare(options: ImapOptions): Promise<ImapRestore> {
    const mail = options.mail ?? (await wantedMail(options.source, options.selection));
    const patience = new Patience(options.account.host, options.signal);
    return patiently(patience, () => ImapRestore.#compare(options, mail, patience));
  }

  static async #compare(options: ImapOptions, mail: WantedMail, patience: Patience): Promise<ImapRestore> {
    const restore = new ImapRestore(options, mail, await connectTo(options.account), patience);
    try {
      options.progress.phase('comparing', { items: mail.folders.length });
      const list = await restore.#client.list();
      for (const folder of mail.folders) {
        options.signal?.throwIfAborted();
        restore.#tasks.push(restore.#seen(await compareFolder(restore.#client, list, folder, mail.contents, restore.#keys)));
        options.progress.advance(1, 0);
      }
      return restore;
    } catch (error) {
      restore.close();
      throw restore.#told(error);
    }
  }

  get mailbox(): string {
    return this.#mail.mailbox;
  }

  get tasks(): readonly FolderTask[] {
    return this.#tasks;
  }

  close(): void {
    this.#client.close();
  }

  #told(error: unknown): unknown {
    if (error instanceof MailrecoverError) return error;
    // What is wrong in this program is not the server's fault.
    return error instanceof TypeError || error instanceof RangeError ? error : connectionError(this.#options.account, error);
  }

  /** Carries it out. @param begun {@link monotonic} when the command began */
  async carryOut(begun: number): Promise<ImapReport> {
    const { progress, signal } = this.#options;
    const counts = { added: 0, bytes: 0, present: 0, folders: 0 };
    let first: number | undefined;
    const onAdded = (bytes: number): void => {
      first ??= Math.round(monotonic() - begun);
      this.#patience.eased();
      counts.added++;
      counts.bytes += bytes;
      progress.advance(1, bytes);
    };
    const missing = this.#tasks.flatMap((task) => task.missing);
    progress.phase('adding', { items: missing.length, bytes: missing.reduce((sum, { state }) => sum + state.size, 0) });
    try {
      for (let task of this.#tasks) {
        counts.present += task.present;
        counts.folders += task.create || task.missing.length > 0 ? 1 : 0;
        for (let failures = 0; ;) {
          signal?.throwIfAborted();
          const before = counts.added;
          try {
            await this.#fill(task, onAdded);
            break;
          } catch (error) {
            if (this.#client.usable && counts.added === before && (await this.#patience.wait(error))) continue;
            if (isAnswer(error) || (this.#client.usable && !isCutOff(error))) throw error;
            failures = counts.added > before ? 1 : failures + 1;
            if (failures > PATIENCE) throw error;
            task = await this.#again(task, failures);
          }
        }
      }
      // Everything is there: how the connection ends is of no matter.
      await this.#client.logout().catch(() => undefined);
    } catch (error) {
      throw this.#told(error);
    } finally {
      this.close();
    }
    return {
      counts,
      ...(first === undefined ? {} : { firstMailMs: first }),
      findings: [...this.findings, ...this.#mail.contents.findings, ...this.#patience.finding()],
    };
  }

  #seen(task: FolderTask): FolderTask {
    const { onThere } = this.#options;
    if (onThere === undefined) return task;
    const missing = new Set(task.missing);
    for (const message of task.folder.messages)
      // One that can't be read is not missing there, and was not seen there either.
      if (!missing.has(message) && this.#keys.get(message) !== undefined) onThere(task.folder, message, 0);
    return task;
  }

  /** After a lost connection nobody knows whether the last message arrived: the folder is compared anew. */
  async #again(task: FolderTask, failures: number): Promise<FolderTask> {
    await sleep(250 * 2 ** failures);
    return patiently(this.#patience, async () => {
      this.close();
      this.#client = await connectTo(this.#options.account);
      const list = await this.#client.list();
      return this.#seen(await compareFolder(this.#client, list, task.folder, this.#mail.contents, this.#keys));
    });
  }

  async #fill(task: FolderTask, onAdded: (bytes: number) => void): Promise<void> {
    const { path, missing } = task;
    if (task.create) {
      await this.#client.mailboxCreate(path);
      await this.#client.mailboxSubscribe(path);
      task.create = false;
    }
    if (missing.length === 0) return;
    const { permanentFlags } = await this.#client.mailboxOpen(path);
    this.#tellLostKeywords(path, missing, permanentFlags);
    for await (const { message, content } of this.#mail.contents.read(missing)) {
      this.#options.signal?.throwIfAborted();
      await this.#append(task.folder, path, message, content, onAdded);
    }
  }

  async #append(
    folder: WantedFolder,
    path: string,
    message: WantedMessage,
    content: Buffer,
    onAdded: (bytes: number) => void,
  ): Promise<void> {
    const text = withCrLf(content);
    const time = new Date(Math.floor(message.state.mtime / 1000));
    try {
      // Refused for now: it was not added, and nothing else is before it.
      for (;;) {
        try {
          await this.#client.append(path, text, message.flags, time);
          break;
        } catch (error) {
          this.#options.signal?.throwIfAborted();
          if (!isAnswer(error) || !(await this.#patience.wait(error))) throw error;
        }
      }
      this.#options.onThere?.(folder, message, content.length);
      onAdded(content.length);
    } catch (error) {
      // Only what the server itself refuses is left out: too large, no room, or not mail as it sees it.
      if (!isAnswer(error)) throw error;
      const why = (error as { responseText?: string }).responseText ?? (error instanceof Error ? error.message : String(error));
      this.findings.push({
        severity: 'error',
        code: 'not-taken',
        message: `message '${message.id}' was not taken by the server: ${why}`,
        subject: message.id,
      });
    }
  }

  /** Keywords that the server has no room for are left out by the client. */
  #tellLostKeywords(path: string, messages: readonly WantedMessage[], permanent: Set<string> | undefined): void {
    if (permanent === undefined || permanent.has('\\*')) return;
    const lost = new Set(messages.flatMap(({ flags }) => flags.filter((flag) => !flag.startsWith('\\') && !permanent.has(flag))));
    if (lost.size > 0)
      this.findings.push({
        severity: 'warning',
        code: 'keywords',
        message: `folder '${path}' of the server takes no other keywords than its own, so these are left out: ${[...lost].join(', ')}`,
        subject: path,
      });
  }
}
