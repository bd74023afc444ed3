/** Names for messages that are put into a live Maildir. */
import { hostname } from 'node:os';

/** What Dovecot keeps of sizes in a base name: `,S=38,W=42`. They belong to the bytes, and stay. */
const SIZES = /(?:,[SW]=\d+)+$/;

/**
 * Gives base names that nobody else gives, by the rules of Maildir (https://cr.yp.to/proto/maildir.html): seconds, microseconds and
 * process, counted on, and `R` for restored. Dovecot gives UIDs to files it has not seen yet in the order of these names, so
 * names have to be asked for in the order in which clients shall see the messages.
 */
export class BaseNames {
  readonly #seconds: number;
  #count = 0;
  readonly #host = hostname().replaceAll('/', '\\057').replaceAll(':', '\\072');
  readonly #run: string;

  /** @param time milliseconds since 1970 @param run tells this run's names from those of any other */
  constructor(time: number, run: string) {
    this.#seconds = Math.floor(time / 1000);
    this.#run = run;
  }

  /** @param old base name of the same bytes, whose sizes are kept */
  next(old: string): string {
    const number = this.#count++;
    const seconds = this.#seconds + Math.floor(number / 1e6);
    const microseconds = String(number % 1e6).padStart(6, '0');
    return `${seconds}.M${microseconds}P${process.pid}R${this.#run}.${this.#host}${SIZES.exec(old)?.[0] ?? ''}`;
  }
}
