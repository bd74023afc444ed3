/** Messages that Postfix is about to accept, told to the other host before it says yes to their senders. */
import { isoNow, monotonic } from '../../system/clock.ts';

/** Asked before the `250`: with the word of the log it is accepted, and without it nobody knows. */
export interface Taking {
  event: 'taking';
  queue: string;
  at: string;
  /** The envelope sender, empty for a bounce. */
  from: string;
  /** Recipients as they were asked for, also those that were refused; empty where nobody said. */
  to: string[];
  size: number;
}

/** How it goes, for the other host. */
export interface Asked {
  /** When that was so, UTC. */
  at: string;
  /** Messages that were let through before the other host had them, since the program began. */
  passed: number;
  /** The last of these, UTC. */
  lastPassed?: string;
  /** Services of Postfix that don't ask, as master.cf has them. */
  except: string[];
}

type Send = (events: readonly Taking[]) => Promise<void>;

/** What could not be told for so long stands in the log, or was not accepted. */
const KEPT_MS = 60_000;
const MAX_KEPT = 10_000;

interface Waiting {
  event: Taking;
  since: number;
  told: (isTold: boolean) => void;
}

/**
 * Tells the other host, several at once where several wait. Mail goes first: where there is no connection nobody waits, and where an answer took too long nobody
 * does until one has come.
 */
export class Teller {
  readonly #patienceMs: number;
  #waiting: Waiting[] = [];
  #send: Send | undefined;
  #sending = false;
  #silent = false;
  #passed = 0;
  #lastPassed: string | undefined;

  /** @param patienceMs how long a message may be kept waiting */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** There is a connection to the other host, or none any more. */
  connect(send: Send | undefined): void {
    this.#send = send;
    this.#silent = false;
    if (send === undefined) for (const { told } of this.#waiting) told(false);
    void this.#flush();
  }

  /** Resolves, and never rejects, when the message may be accepted: true where the other host has written it down. */
  async tell(event: Taking): Promise<boolean> {
    const isTold = await this.#within(event);
    if (!isTold) [this.#passed, this.#lastPassed] = [this.#passed + 1, isoNow()];
    return isTold;
  }

  #within(event: Taking): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#silent = true;
        resolve(false);
      }, this.#patienceMs);
      const told = (isTold: boolean): void => {
        clearTimeout(timer);
        resolve(isTold);
      };
      this.#waiting.push({ event, since: monotonic(), told });
      if (this.#send === undefined || this.#silent) told(false);
      void this.#flush();
    });
  }

  asked(except: string[]): Asked {
    return { at: isoNow(), passed: this.#passed, ...(this.#lastPassed === undefined ? {} : { lastPassed: this.#lastPassed }), except };
  }

  async #flush(): Promise<void> {
    this.#waiting = this.#waiting.slice(-MAX_KEPT).filter(({ since }) => monotonic() - since < KEPT_MS);
    if (this.#sending) return;
    this.#sending = true;
    while (this.#send !== undefined && this.#waiting.length > 0) {
      const send = this.#send;
      const batch = this.#waiting.splice(0);
      try {
        await send(batch.map(({ event }) => event));
        this.#silent = false;
        for (const { told } of batch) told(true);
      } catch {
        // Whoever made the connection finds out why. They are told again with the next one, or over the next connection: twice is no harm.
        this.#waiting.unshift(...batch);
        for (const { told } of batch) told(false);
        if (this.#send !== send) continue;
        this.#silent = true;
        break;
      }
    }
    this.#sending = false;
  }
}
