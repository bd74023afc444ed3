import { setTimeout as sleep } from 'node:timers/promises';
import type { Dovecot } from './dovecot.ts';
import { Imap } from './imap.ts';
import { type Instance, Ledger } from './ledger.ts';
import { Lmtp } from './lmtp.ts';
import { type Mail, makeMail } from './mail.ts';
import { Random } from './random.ts';

export type Operation = 'flag' | 'move' | 'copy' | 'expunge' | 'append' | 'deliver';

export interface LoadOptions {
  /** Whose mailboxes; all of the server by default. */
  users?: string[];
  /** IMAP connections in all; 6 by default. */
  clients?: number;
  /** Aim at so many changes a second in all; 250 by default. */
  rate?: number;
  /** Folders that are used, without the prefix of the namespace; made where they do not exist. INBOX must be among them. */
  folders?: string[];
  seed?: string;
  /** How often each operation is chosen, beside the others. */
  mix?: Partial<Record<Operation, number>>;
}

export interface Load {
  ledger: Ledger;
  /** Changes that the server confirmed so far. */
  counts: Record<Operation, number>;
  /** Confirmed changes a second since the start. */
  rate: () => number;
  /** Ends after the operations that are under way; throws when one had failed. */
  stop: () => Promise<void>;
}

interface Message {
  uid: number;
  instance: Instance;
}

const MIX: Record<Operation, number> = { flag: 50, move: 12, copy: 8, expunge: 12, append: 10, deliver: 8 };
const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '$Forwarded', 'Junk', '$label1'];

/**
 * Clients that change mail all the time, each on messages of its own, until stopped.
 * What was there when it began is in the ledger, too.
 */
export async function startLoad(server: Dovecot, options: LoadOptions = {}): Promise<Load> {
  const users = options.users ?? server.users;
  const count = Math.max(options.clients ?? 6, users.length);
  const folders = (options.folders ?? ['INBOX', 'Work', 'Archive', 'Lists']).map((name) =>
    name === 'INBOX' ? name : server.prefix + name,
  );
  const load: Shared = {
    server,
    ledger: new Ledger(),
    counts: { flag: 0, move: 0, copy: 0, expunge: 0, append: 0, deliver: 0 },
    folders,
    mix: { ...MIX, ...options.mix },
    stopped: false,
    made: 0,
    seed: options.seed ?? 'load',
  };
  const clients: Client[] = [];
  for (let index = 0; index < count; index++) clients.push(await Client.open(load, users[index % users.length] ?? '', index));
  for (const user of users)
    await share(
      load,
      clients.filter((client) => client.user === user),
    );
  const begin = performance.now();
  const work = clients.map((client) => client.work((1000 * count) / (options.rate ?? 250)));
  const settled = Promise.allSettled(work);
  return {
    ledger: load.ledger,
    counts: load.counts,
    rate: () => (Object.values(load.counts).reduce((sum, done) => sum + done, 0) * 1000) / (performance.now() - begin),
    stop: async () => {
      load.stopped = true;
      const failed = (await settled).find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}

interface Shared {
  server: Dovecot;
  ledger: Ledger;
  counts: Record<Operation, number>;
  folders: string[];
  mix: Record<Operation, number>;
  stopped: boolean;
  made: number;
  seed: string;
}

/** Deals out what lies in a mailbox, so that no two clients touch the same message. */
async function share(load: Shared, clients: Client[]): Promise<void> {
  const [first] = clients;
  if (first === undefined) return;
  let turn = 0;
  for (const folder of load.folders) {
    await first.imap.create(folder).catch(() => undefined);
    const { exists } = await first.imap.select(folder, { readOnly: true });
    if (exists === 0) continue;
    for (const [uid, messageId] of await first.imap.headers('Message-ID')) {
      const instance = load.ledger.adding(first.user, messageId, folder);
      load.ledger.added(instance, uid);
      clients[turn++ % clients.length]?.take(folder, { uid, instance });
    }
  }
}

class Client {
  readonly user: string;
  readonly imap: Imap;
  #lmtp: Lmtp;
  #load: Shared;
  #random: Random;
  #own = new Map<string, Message[]>();
  #folder = '';

  private constructor(load: Shared, user: string, index: number, imap: Imap, lmtp: Lmtp) {
    [this.#load, this.user, this.imap, this.#lmtp] = [load, user, imap, lmtp];
    this.#random = new Random(`${load.seed} client ${index}`);
  }

  static async open(load: Shared, user: string, index: number): Promise<Client> {
    return new Client(load, user, index, await Imap.login(load.server, user), await Lmtp.connect(load.server));
  }

  /** A message whose UID the server did not tell, since it could not have its lock at once, stays untouched. */
  take(folder: string, message: Message): void {
    if (message.uid === 0) return;
    const messages = this.#own.get(folder) ?? [];
    messages.push(message);
    this.#own.set(folder, messages);
  }

  /** One change every so many milliseconds. One that took longer is made up for by the next ones, up to half a second. */
  async work(interval: number): Promise<void> {
    try {
      let next = performance.now() + this.#random.float() * interval;
      while (!this.#load.stopped) {
        const now = performance.now();
        if (now < next) await sleep(next - now);
        next = Math.max(next + interval, now - 500);
        await this.#change();
      }
    } finally {
      this.#load.stopped = true;
      await this.imap.close();
      await this.#lmtp.close();
    }
  }

  async #change(): Promise<void> {
    if (this.#folder === '' || this.#random.chance(0.1)) {
      this.#folder = this.#random.pick(this.#load.folders);
      await this.imap.select(this.#folder);
    }
    let operation = this.#choose();
    const own = this.#own.get(this.#folder) ?? [];
    if (own.length === 0 && operation !== 'deliver') operation = 'append';
    const index = this.#random.int(own.length);
    const message = own[index];
    if (operation === 'append') await this.#append();
    else if (operation === 'deliver') await this.#deliver();
    else if (message !== undefined) {
      if (operation === 'flag')
        await this.imap.store(String(message.uid), this.#random.chance(0.6) ? '+' : '-', [this.#random.pick(FLAGS)]);
      else if (operation === 'copy') await this.#copy(message);
      else {
        own.splice(index, 1);
        await (operation === 'move' ? this.#move(message) : this.#expunge(message));
      }
    }
    this.#load.counts[operation]++;
  }

  #choose(): Operation {
    const entries = Object.entries(this.#load.mix) as [Operation, number][];
    let dice = this.#random.float() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [operation, weight] of entries) {
      dice -= weight;
      if (dice < 0) return operation;
    }
    return 'flag';
  }

  #newMail(): Mail {
    return makeMail(this.#load.seed, this.#load.made++, { median: 2500, sigma: 1, to: this.user });
  }

  async #append(): Promise<void> {
    const mail = this.#newMail();
    const folder = this.#folder;
    const instance = this.#load.ledger.adding(this.user, mail.messageId, folder);
    const bytes = Buffer.from(mail.bytes.toString('latin1').replace(/\n/g, '\r\n'), 'latin1');
    const uid = await this.imap.append(folder, bytes, this.#random.chance(0.5) ? ['\\Seen'] : [], mail.date);
    this.#load.ledger.added(instance, uid);
    this.take(folder, { uid, instance });
  }

  /** What came by LMTP stays untouched: its UID is not known. */
  async #deliver(): Promise<void> {
    const mail = this.#newMail();
    const instance = this.#load.ledger.adding(this.user, mail.messageId, 'INBOX');
    await this.#lmtp.deliver(mail.bytes, this.user);
    this.#load.ledger.added(instance, 0);
  }

  async #copy({ uid, instance }: Message): Promise<void> {
    const folder = this.#random.pick(this.#load.folders);
    const copy = this.#load.ledger.adding(this.user, instance.messageId, folder);
    const [made = 0] = await this.imap.copy(String(uid), folder);
    this.#load.ledger.added(copy, made);
    this.take(folder, { uid: made, instance: copy });
  }

  async #move({ uid, instance }: Message): Promise<void> {
    const folder = this.#random.pick(this.#load.folders.filter((name) => name !== this.#folder));
    this.#load.ledger.moving(instance, folder);
    const [made = 0] = await this.imap.move(String(uid), folder);
    this.#load.ledger.moved(instance, made);
    this.take(folder, { uid: made, instance });
  }

  async #expunge({ uid, instance }: Message): Promise<void> {
    this.#load.ledger.removing(instance);
    await this.imap.expunge(String(uid));
    this.#load.ledger.removed(instance);
  }
}
