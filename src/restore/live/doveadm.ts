/** Asking the running Dovecot to do what only it should do: make folders, give UIDs, count again. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { now } from '../../system/clock.ts';
import { run } from '../../system/exec.ts';

export interface DovecotAccess {
  /** Its configuration file, where it is not the one that doveadm finds by itself. */
  config?: string | undefined;
  signal?: AbortSignal | undefined;
}

const HINT = 'make sure that Dovecot runs, and that this user (root, or the owner of the mail) may use doveadm';

export class Doveadm {
  readonly #access: DovecotAccess;

  constructor(access: DovecotAccess) {
    this.#access = access;
  }

  async #run(args: readonly string[]): Promise<string> {
    const { config, signal } = this.#access;
    const result = await run('doveadm', [...(config === undefined ? [] : ['-c', config]), ...args], {
      timeoutMs: 600_000,
      hint: 'install dovecot-core, or restore into a directory: --to DIR',
      ...(signal === undefined ? {} : { signal }),
    });
    return result.stdout;
  }

  /** @throws MailrecoverError `unreachable` where Dovecot does not answer for a user */
  async check(user: string): Promise<void> {
    try {
      await this.open(user, 'INBOX');
    } catch (error) {
      if (!(error instanceof MailrecoverError)) throw error;
      throw new MailrecoverError('unreachable', `dovecot does not answer for '${user}': ${error.message}`, {
        hint: `${HINT}; nothing was changed`,
        subject: user,
        cause: error,
      });
    }
  }

  /** Makes a folder and subscribes to it. One that is there already is as good. */
  async create(user: string, folder: string): Promise<void> {
    await this.make(user, folder);
    await this.subscribe(user, folder).catch((error: unknown) => {
      throw withHint(error);
    });
  }

  /** Makes a folder without subscribing to it. One that is there already is as good. */
  async make(user: string, folder: string): Promise<void> {
    try {
      await this.#run(['mailbox', 'create', '-u', user, folder]);
    } catch (error) {
      if (!(error instanceof MailrecoverError) || !/already exists/i.test(error.message)) throw withHint(error);
    }
  }

  async subscribe(user: string, ...folders: readonly string[]): Promise<void> {
    await this.#run(['mailbox', 'subscribe', '-u', user, ...folders]);
  }

  async remove(user: string, folder: string): Promise<void> {
    await this.#run(['mailbox', 'unsubscribe', '-u', user, folder]);
    await this.#run(['mailbox', 'delete', '-u', user, folder]);
  }

  /** Opens a folder once, so that it takes up what lies in it by now. @returns how many messages it shows */
  async open(user: string, folder: string): Promise<number> {
    const said = await this.#run(['-f', 'flow', 'mailbox', 'status', '-u', user, 'messages', folder]);
    return Number(/messages=(\d+)/.exec(said)?.[1] ?? 0);
  }

  async addFlags(user: string, folder: string, uids: readonly number[], flags: readonly string[]): Promise<void> {
    for (let at = 0; at < uids.length; at += 2000)
      await this.#run(['flags', 'add', '-u', user, flags.join(' '), 'mailbox', folder, 'uid', uids.slice(at, at + 2000).join(',')]);
  }

  async raiseNextUid(user: string, folder: string, next: number): Promise<void> {
    await this.#run(['mailbox', 'update', '-u', user, '--min-next-uid', String(next), folder]);
  }

  /** Before anything gets a UID in a folder whose time was turned back: no UID and no number of a change that clients have seen is given again. */
  async raise(user: string, folder: string, next: number): Promise<void> {
    await this.raiseNextUid(user, folder, next);
    await this.raiseModseq(user, folder, now());
  }

  /** Numbers of changes go on from here (HIGHESTMODSEQ, RFC 7162). */
  async raiseModseq(user: string, folder: string, modseq: number): Promise<void> {
    await this.#run(['mailbox', 'update', '-u', user, '--min-highest-modseq', String(modseq), folder]);
  }

  /** Processes of the clients that are logged in. */
  async sessions(user: string): Promise<number[]> {
    const said = await this.#run(['-f', 'tab', 'who', '-1', user]);
    const [head = '', ...lines] = said.split('\n');
    const at = head.split('\t').indexOf('pid');
    return lines.flatMap((line) => {
      const pid = Number(line.split('\t')[at] ?? '');
      return Number.isInteger(pid) && pid > 0 ? [pid] : [];
    });
  }

  /** Has all clients of a user log in again. */
  async kick(user: string): Promise<void> {
    try {
      await this.#run(['kick', user]);
    } catch (error) {
      // Nobody was there.
      if (!(error instanceof MailrecoverError) || !/no users kicked|exit code 68/i.test(error.message)) throw error;
    }
  }

  /** Counts the mailbox's quota again, where the server has any. */
  async recalculateQuota(user: string): Promise<Finding | undefined> {
    try {
      await this.#run(['quota', 'recalc', '-u', user]);
      return undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (/Unknown command 'quota'|No quota|quota plugin/i.test(message)) return undefined;
      return {
        severity: 'warning',
        code: 'quota',
        message: `the quota of '${user}' could not be counted again: ${message}`,
        hint: `doveadm quota recalc -u '${user}'`,
        subject: user,
      };
    }
  }

  /** Puts the messages into the server's caches, so that the first client does not wait for that. */
  async index(user: string, folder: string): Promise<void> {
    await this.#run(['index', '-u', user, folder]);
  }
}

function withHint(error: unknown): unknown {
  if (!(error instanceof MailrecoverError) || error.hint !== undefined) return error;
  if (/not allowed|namespace/i.test(error.message))
    return new MailrecoverError('config', `dovecot refused: ${error.message}`, {
      hint: "are 'separator' and 'prefix' of the store what they are in Dovecot's namespace? (doveconf -n)",
      cause: error,
    });
  return new MailrecoverError('unreachable', `dovecot did not do it: ${error.message}`, { hint: HINT, cause: error });
}
