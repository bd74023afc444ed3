/** What tests of whole hosts share. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pair } from '../support/pair.ts';
import type { SystemdHost } from '../support/systemd-host.ts';

/** Sends message after message to the host that the MX names; one that was not accepted is tried again, as a mail server does. */
export class Sender {
  /** Subjects of the messages that were accepted. */
  readonly accepted: string[] = [];
  readonly #pair: Pair;
  #running: Promise<void> | undefined;
  #stop = false;

  constructor(pair: Pair) {
    this.#pair = pair;
  }

  start(): void {
    this.#running = (async () => {
      for (let number = 1; !this.#stop; number++) {
        const subject = `load-${String(number).padStart(4, '0')}`;
        while (!this.#stop) {
          try {
            await this.#pair.sendToMx('alice@example.test', subject);
            this.accepted.push(subject);
            break;
          } catch {
            await sleep(200);
          }
        }
        await sleep(150);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stop = true;
    await this.#running;
  }
}

/** Sends to a host that is about to lose its power, and notes what that accepted, and when. */
export class LateSender {
  readonly #running: Promise<void>;
  #count = 0;
  #stop = false;

  constructor(pair: Pair, accepted: { subject: string; at: string }[]) {
    this.#running = (async () => {
      for (; !this.#stop; this.#count++) {
        try {
          await pair.send('mx1', 'alice@example.test', `late-${this.#count}`);
          accepted.push({ subject: `late-${this.#count}`, at: new Date().toISOString() });
        } catch {
          return;
        }
      }
    })();
  }

  /** Resolves when so many were accepted. */
  async took(count: number): Promise<void> {
    while (this.#count < count) await sleep(50);
  }

  async stop(): Promise<void> {
    this.#stop = true;
    await this.#running;
  }
}

/** Whether Postfix and Dovecot run. */
export function unitsOn(host: SystemdHost): string[] {
  return host.run('systemctl', 'is-active', 'postfix', 'dovecot').out.trim().split('\n');
}

/** Queue ids of the messages to far-away recipients. */
export function deferredIds(host: SystemdHost): string[] {
  return host
    .run('postqueue', '-j')
    .out.split('\n')
    .filter((line) => line.includes('far@'))
    .map((line) => (JSON.parse(line) as { queue_id: string }).queue_id);
}
