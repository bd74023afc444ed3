/** What tests of whole hosts share. */
import { before, after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Imap } from '../support/imap.ts';
import { bootPair, PASSWORD, type Pair } from '../support/pair.ts';
import type { SystemdHost } from '../support/systemd-host.ts';

/** A test of two hosts, which is skipped with the reason where they do not come up. */
export type WholeTest = (name: string, body: () => Promise<void>) => void;

/**
 * Boots two hosts before the tests of a suite, and stops them after it.
 * @param ready given them as soon as they are up
 */
export function twoHosts(ready: (pair: Pair) => void | Promise<void>): WholeTest {
  let pair: Pair | undefined;
  let lacks = '';
  before(async () => {
    try {
      pair = await bootPair();
    } catch (error) {
      lacks = `two hosts could not be booted: ${String(error).slice(0, 200)}`;
      return;
    }
    await ready(pair);
  });
  after(() => pair?.stop());
  return (name, body) => {
    test(name, async (t) => {
      if (pair === undefined) t.skip(lacks);
      else await body();
    });
  };
}

/** Sends message after message to the host that the MX names, by a resolver that remembers; one that was not accepted is tried again, as a mail server does. */
export class Sender {
  /** Subjects of the messages that were accepted. */
  readonly accepted: string[] = [];
  /** The hosts that took one, the first ones first. */
  readonly hosts = new Set<string>();
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
            this.hosts.add(await this.#pair.sendByName('alice@example.test', subject));
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

/** A client that puts message after message into a mailbox, wherever a resolver that remembers says that the name of IMAP leads, and marks each; it logs in again where it was cut off. */
export class Client {
  /** Subjects of the messages that the server confirmed. */
  readonly confirmed: string[] = [];
  /** Subjects of those for which no answer came: they may be there, or not. */
  readonly unsure: string[] = [];
  /** The addresses at which it was logged in, the first ones first. */
  readonly addresses = new Set<string>();
  readonly #pair: Pair;
  readonly #user: string;
  #running: Promise<void> | undefined;
  #stop = false;

  constructor(pair: Pair, user: string) {
    this.#pair = pair;
    this.#user = user;
  }

  start(): void {
    this.#running = (async () => {
      let number = 0;
      while (!this.#stop) {
        try {
          const [host = ''] = await this.#pair.cached('imap.example.test', 'A');
          const client = await Imap.login({ host, ports: { imap: 143 }, password: PASSWORD }, this.#user);
          this.addresses.add(host);
          try {
            await client.select('INBOX');
            while (!this.#stop) {
              const subject = `client-${String(++number).padStart(4, '0')}`;
              this.unsure.push(subject);
              const uid = await client.append('INBOX', Buffer.from(`Subject: ${subject}\r\n\r\nx\r\n`));
              this.confirmed.push(this.unsure.pop() ?? '');
              await client.store(String(uid), '+', ['\\Flagged']);
              await sleep(150);
            }
          } finally {
            await client.close();
          }
        } catch {
          await sleep(200);
        }
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stop = true;
    await Promise.race([this.#running, sleep(60_000, undefined, { ref: false })]);
  }
}

/** A message that a host accepted. */
export interface AcceptedMail {
  subject: string;
  queue: string;
  at: string;
  /** How long that took, milliseconds. */
  took: number;
}

/** Hands a message to mx1, and notes that it was accepted. */
export async function handIn(pair: Pair, subject: string, accepted: AcceptedMail[]): Promise<void> {
  const from = performance.now();
  const queue = await pair.send('mx1', 'alice@example.test', subject);
  accepted.push({ subject, queue, at: new Date().toISOString(), took: performance.now() - from });
}

/** Sends to a host that is about to lose its power, and notes what that accepted. */
export class LateSender {
  readonly #running: Promise<void>;
  #count = 0;
  #stop = false;

  constructor(pair: Pair, accepted: AcceptedMail[]) {
    this.#running = (async () => {
      for (; !this.#stop; this.#count++) {
        try {
          await handIn(pair, `late-${this.#count}`, accepted);
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
