/** A connection to an account, which is made again where it is lost, and waits where the server asks for that. */
import type { ImapFlow } from 'imapflow';
import type { Finding } from '../../errors/finding.ts';
import { MailrecoverError } from '../../errors/error.ts';
import { sleep } from '../../system/clock.ts';
import { connectionError, connectTo, type ImapAccount, isAnswer, isCutOff } from './account.ts';
import { Patience, throttled } from './throttle.ts';

/** A connection that is lost is made again so often before anything else was fetched. */
const PATIENCE = 5;
/** And so often before there was any. */
const FIRST_PATIENCE = 2;
const FIRST_PAUSE_MS = 250;

export class Line {
  readonly #account: ImapAccount;
  readonly #signal: AbortSignal | undefined;
  readonly #patience: Patience;
  #client: ImapFlow | undefined;
  #progress = 0;

  constructor(account: ImapAccount, signal: AbortSignal | undefined) {
    this.#account = account;
    this.#signal = signal;
    this.#patience = new Patience(account.host, signal);
  }

  /** @throws MailrecoverError `key` where the server does not let us in, `unreachable` */
  async connect(): Promise<void> {
    await this.patiently(() => Promise.resolve());
  }

  close(): void {
    this.#client?.close();
  }

  /** The connection that was there last; to be used for what needs no answer. */
  get client(): ImapFlow {
    if (this.#client === undefined) throw new MailrecoverError('bug', 'an account is read before it is connected to');
    return this.#client;
  }

  /** Something was fetched: failures are counted anew. */
  progressed(): void {
    this.#progress++;
  }

  /** How long the server made us wait, where it did. */
  finding(): Finding[] {
    return this.#patience.finding();
  }

  /** Does something with a folder. @returns undefined where the folder went away */
  async working<T>(path: string, work: (client: ImapFlow) => Promise<T>): Promise<T | undefined> {
    return this.patiently(async (client) => {
      try {
        return await work(client);
      } catch (error) {
        if (!isAnswer(error) || throttled(error) !== undefined) throw error;
        const list = await client.list();
        const held = list.find((each) => each.path === path);
        if (held === undefined || held.flags.has('\\NonExistent')) return undefined;
        throw error;
      }
    });
  }

  /** Does something, again on a new connection where one is lost. */
  async patiently<T>(work: (client: ImapFlow) => Promise<T>): Promise<T> {
    for (let failures = 1, progress = this.#progress; ; failures++) {
      this.#signal?.throwIfAborted();
      try {
        return await work(await this.#alive());
      } catch (error) {
        this.#signal?.throwIfAborted();
        if (this.#progress > progress) {
          [failures, progress] = [1, this.#progress];
          this.#patience.eased();
        }
        if (await this.#patience.wait(error)) {
          failures--;
          continue;
        }
        const cut = isCutOff(error) || (this.#client !== undefined && !this.#client.usable && !isAnswer(error));
        if (!cut || failures > (this.#client === undefined ? FIRST_PATIENCE : PATIENCE)) throw this.#told(error);
        await sleep(FIRST_PAUSE_MS * 2 ** failures, this.#signal);
      }
    }
  }

  async #alive(): Promise<ImapFlow> {
    if (this.#client?.usable !== true) {
      this.close();
      this.#client = await connectTo(this.#account);
    }
    return this.#client;
  }

  #told(error: unknown): unknown {
    if (error instanceof MailrecoverError || error instanceof TypeError || error instanceof RangeError) return error;
    return connectionError(this.#account, error);
  }
}
