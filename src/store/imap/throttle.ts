/** Servers that ask a client to slow down: which answers mean that, and how long to wait. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { monotonic, sleep } from '../../system/clock.ts';

/** What a server said when it wanted less of us. */
export interface Throttled {
  /** Its own words. */
  text: string;
  /** Milliseconds that it asks for, less what the client library waited already. */
  ms: number;
  /** False where the answer may also be about this one message or folder, and for ever. */
  sure: boolean;
}

/** The library waits as long as it is asked to, but no longer than this. */
const LIBRARY_WAITS_MS = 300_000;
/** RFC 5530 section 3: try again later; or a limit, which may be one of the rate. */
const MAYBE = new Set(['UNAVAILABLE', 'INUSE', 'LIMIT']);
/**
 * What large providers say, with whatever code: Microsoft 365 `Request is throttled. Suggested Backoff Time: 92415 milliseconds`, `Server Busy`,
 * `Server Unavailable. 15`; Google `Account exceeded command or bandwidth limits`, `Too many simultaneous connections`; Yahoo `Rate limit hit`.
 */
const WORDS =
  /throttl|back-?off|rate limit|server (?:is )?busy|server unavailable|too many (?:simultaneous|concurrent|requests|commands|connections|login)|bandwidth limits?|try again (?:later|in)|temporarily unavailable/i;

interface Answer {
  responseText?: string;
  serverResponseCode?: string;
  throttleReset?: number;
  reason?: string;
  response?: unknown;
}

/** The response code of an answer, which not every command of the library hands out. */
function codeOf({ serverResponseCode, response }: Answer): string {
  if (serverResponseCode !== undefined) return serverResponseCode.toUpperCase();
  const { attributes } = (typeof response === 'object' && response !== null ? response : {}) as {
    attributes?: { section?: { value?: unknown }[] }[];
  };
  const value = attributes?.[0]?.section?.[0]?.value;
  return typeof value === 'string' ? value.toUpperCase() : '';
}

/** @returns undefined for whatever else went wrong */
export function throttled(error: unknown): Throttled | undefined {
  const answer = (error instanceof MailrecoverError ? (error.cause ?? {}) : error) as Answer;
  // Words of BYE, where the server ended the connection.
  const text = answer.responseText ?? answer.reason ?? '';
  const code = codeOf(answer);
  if (answer.throttleReset !== undefined) {
    const { throttleReset } = answer;
    return { text, ms: throttleReset - Math.min(throttleReset, LIBRARY_WAITS_MS), sure: true };
  }
  if (code === 'THROTTLED' || WORDS.test(text)) return { text: text || code, ms: 0, sure: true };
  return MAYBE.has(code) ? { text: text || code, ms: 0, sure: false } : undefined;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
/** So long is waited before anything goes on. */
const PATIENCE_MS = 900_000;
/** And so long for an answer that may be for ever. */
const DOUBT_MS = 10_000;

/** Waits longer each time, until something goes on. */
export class Patience {
  readonly #host: string;
  readonly #signal: AbortSignal | undefined;
  #pause = FIRST_PAUSE_MS;
  #waited = 0;
  #times = 0;
  #all = 0;
  #text = '';

  constructor(host: string, signal: AbortSignal | undefined) {
    [this.#host, this.#signal] = [host, signal];
  }

  /** Something went on: the next time the waits begin small again. */
  eased(): void {
    [this.#pause, this.#waited] = [FIRST_PAUSE_MS, 0];
  }

  /**
   * Waits, where the server asked for that.
   * @returns false for an error that is something else, or an answer that seems to be for ever
   * @throws MailrecoverError `unreachable` where it asks for more than can be given
   */
  async wait(error: unknown): Promise<boolean> {
    const asked = throttled(error);
    if (asked === undefined) return false;
    const pause = asked.ms + this.#pause;
    if (!asked.sure && this.#waited + pause > DOUBT_MS) return false;
    if (this.#waited + pause > PATIENCE_MS)
      throw new MailrecoverError('unreachable', `${this.#host} asks us to slow down, and still does: ${asked.text}`, {
        hint: 'run the command again later: it goes on where it stopped, and nothing is fetched or added twice',
        subject: this.#host,
        cause: error,
      });
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    this.#times++;
    this.#text = asked.text;
    const begun = monotonic();
    await sleep(pause, this.#signal);
    const waited = monotonic() - begun;
    this.#waited += waited;
    this.#all += waited;
    return true;
  }

  /** What there is to say of it in the end. */
  finding(): Finding[] {
    if (this.#times === 0) return [];
    const seconds = Math.ceil(this.#all / 1000);
    return [
      {
        severity: 'info',
        code: 'throttled',
        message: `${this.#host} asked us to slow down ${this.#times === 1 ? 'once' : `${this.#times} times`}, so ${seconds} s were waited: ${this.#text}`,
        subject: this.#host,
      },
    ];
  }
}
