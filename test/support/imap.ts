import { connect, type Socket } from 'node:net';
import { fetchItems, parse, type Response, ResponseReader, type Token } from './imap-parse.ts';
import { decodeUtf7, encodeUtf7 } from './utf7.ts';

export interface Selected {
  exists: number;
  uidValidity: number;
  uidNext: number;
  /** 0 where the server has none. */
  highestModseq: bigint;
  permanentFlags: string[];
}

export interface Fetched {
  uid: number;
  flags: string[];
  /** As the server says it, e.g. `01-Oct-2026 10:00:00 +0000`. */
  internalDate: string;
  size: number;
  body: Buffer;
}

export interface Listed {
  name: string;
  attributes: string[];
}

interface Pending {
  tag: string;
  untagged: Response[];
  onResponse: ((response: Response) => void) | undefined;
  onContinue: (() => void) | undefined;
  resolve: (result: { text: string; untagged: Response[] }) => void;
  reject: (error: Error) => void;
}

/** The server answered NO or BAD. */
export class ImapError extends Error {}

/**
 * A small IMAP client (RFC 3501, with UIDPLUS and MOVE): it shows what the server sends and hides nothing.
 * Folder names are UTF-8. One command runs at a time; others wait their turn.
 */
export class Imap {
  #socket: Socket;
  #reader = new ResponseReader();
  #pending: Pending | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #count = 0;
  #closed: Error | undefined;
  /** All untagged responses since the last command began, e.g. for QRESYNC. */
  untagged: Response[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      for (const response of this.#reader.push(chunk)) this.#take(response);
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the server closed the connection')));
  }

  /** Connects and logs in. */
  static async login(server: { host: string; ports: { imap: number }; password: string }, user: string): Promise<Imap> {
    const client = await Imap.connect(server.host, server.ports.imap);
    try {
      await client.command(`LOGIN ${quote(user)} ${quote(server.password)}`);
    } catch (error) {
      client.#socket.destroy();
      throw error;
    }
    return client;
  }

  static async connect(host: string, port: number): Promise<Imap> {
    const socket = connect(port, host);
    const client = new Imap(socket);
    await new Promise<void>((resolve, reject) => {
      // The greeting answers a command that nobody sent.
      client.#pending = { tag: '*', untagged: [], onResponse: undefined, onContinue: undefined, resolve: () => resolve(), reject };
    });
    return client;
  }

  /**
   * Sends one command. A Buffer stands for a literal.
   * Gives the text of the tagged answer and the untagged responses, unless `onResponse` takes these one by one.
   */
  command(parts: string | (string | Buffer)[], onResponse?: (response: Response) => void): Promise<{ text: string; untagged: Response[] }> {
    const result = this.#queue.then(() => this.#send(typeof parts === 'string' ? [parts] : parts, onResponse));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #send(
    parts: (string | Buffer)[],
    onResponse: ((response: Response) => void) | undefined,
  ): Promise<{ text: string; untagged: Response[] }> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const tag = `a${++this.#count}`;
    const chunks: (string | Buffer)[] = [];
    let line = `${tag} `;
    for (const part of parts) {
      if (typeof part === 'string') line += part;
      else {
        chunks.push(`${line}{${part.length}}\r\n`);
        line = '';
        chunks.push(part);
      }
    }
    chunks.push(`${line}\r\n`);
    return new Promise((resolve, reject) => {
      const sendNext = (): void => {
        // After a literal's length the server must ask for it; what follows a literal goes along with it.
        let chunk = chunks.shift();
        if (chunk === undefined) return;
        this.#socket.write(chunk);
        if (typeof chunk === 'string') return;
        chunk = chunks.shift();
        if (chunk !== undefined) this.#socket.write(chunk);
      };
      this.untagged = [];
      this.#pending = { tag, untagged: this.untagged, onResponse, onContinue: sendNext, resolve, reject };
      sendNext();
    });
  }

  #take(response: Response): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    if (response.text.startsWith('+')) pending.onContinue?.();
    else if (pending.tag === '*') this.#finish(() => pending.resolve({ text: response.text, untagged: [] }));
    else if (response.text.startsWith('* ')) {
      if (pending.onResponse === undefined) pending.untagged.push(response);
      else pending.onResponse(response);
    } else if (response.text.startsWith(`${pending.tag} `)) {
      const text = response.text.slice(pending.tag.length + 1);
      if (text.startsWith('OK')) this.#finish(() => pending.resolve({ text, untagged: pending.untagged }));
      else this.#finish(() => pending.reject(new ImapError(text)));
    }
  }

  #finish(settle: () => void): void {
    this.#pending = undefined;
    settle();
  }

  #end(error: Error): void {
    this.#closed ??= error;
    const pending = this.#pending;
    if (pending !== undefined) this.#finish(() => pending.reject(error));
  }

  /** Opens a folder; `readOnly` by EXAMINE, which leaves \Recent alone. */
  async select(folder: string, options: { readOnly?: boolean; parameters?: string } = {}): Promise<Selected> {
    const verb = (options.readOnly ?? false) ? 'EXAMINE' : 'SELECT';
    const { untagged } = await this.command(`${verb} ${mailbox(folder)} ${options.parameters ?? '(CONDSTORE)'}`);
    const text = untagged.map((response) => response.text).join('\n');
    const number = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? '0';
    return {
      exists: Number(number(/^\* (\d+) EXISTS/m)),
      uidValidity: Number(number(/\[UIDVALIDITY (\d+)\]/)),
      uidNext: Number(number(/\[UIDNEXT (\d+)\]/)),
      highestModseq: BigInt(number(/\[HIGHESTMODSEQ (\d+)\]/)),
      permanentFlags: (/\[PERMANENTFLAGS \(([^)]*)\)\]/.exec(text)?.[1] ?? '').split(' ').filter((flag) => flag !== ''),
    };
  }

  /** Fetches flags, date, size and body of messages of the open folder, one by one. */
  async fetch(uids: string, onMessage: (message: Fetched) => void): Promise<void> {
    await this.command(`UID FETCH ${uids} (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])`, (response) => {
      if (!/^\* \d+ FETCH /.test(response.text)) return;
      const items = fetchItems(response);
      const body = items.get('BODY[]');
      // Somebody else's flag change comes as a FETCH too, without a body.
      if (body === undefined) return;
      onMessage({
        uid: Number(items.get('UID')),
        flags: list(items.get('FLAGS')),
        internalDate: String(items.get('INTERNALDATE')).trim(),
        size: Number(items.get('RFC822.SIZE')),
        body: Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : ''),
      });
    });
  }

  /** The value of one header field of each message of the open folder, by UID. */
  async headers(field: string, uids = '1:*'): Promise<Map<number, string>> {
    const values = new Map<number, string>();
    await this.command(`UID FETCH ${uids} (UID BODY.PEEK[HEADER.FIELDS (${field})])`, (response) => {
      const items = fetchItems(response);
      const header = [...items].find(([name]) => name.startsWith('BODY['))?.[1];
      if (header === undefined) return;
      const text = Buffer.isBuffer(header) ? header.toString('utf8') : String(header ?? '');
      values.set(
        Number(items.get('UID')),
        text
          .replace(/^[^:]*:/, '')
          .replace(/\r\n[ \t]/g, ' ')
          .trim(),
      );
    });
    return values;
  }

  /** Changes flags: `how` is `+`, `-` or empty (replace). */
  async store(uids: string, how: '+' | '-' | '', flags: string[]): Promise<void> {
    await this.command(`UID STORE ${uids} ${how}FLAGS.SILENT (${flags.join(' ')})`);
  }

  /** Copies to a folder; gives the new UIDs in the order of the old ones (RFC 4315). */
  async copy(uids: string, folder: string): Promise<number[]> {
    return copied(await this.command(`UID COPY ${uids} ${mailbox(folder)}`));
  }

  /** Moves to a folder (RFC 6851); gives the new UIDs. */
  async move(uids: string, folder: string): Promise<number[]> {
    return copied(await this.command(`UID MOVE ${uids} ${mailbox(folder)}`));
  }

  /** Marks messages \Deleted and expunges these alone (RFC 4315). */
  async expunge(uids: string): Promise<void> {
    await this.store(uids, '+', ['\\Deleted']);
    await this.command(`UID EXPUNGE ${uids}`);
  }

  /** Appends a message (lines must end with CRLF); gives its UID. `date` in milliseconds. */
  async append(folder: string, message: Buffer, flags: string[] = [], date?: number): Promise<number> {
    const when = date === undefined ? '' : ` "${imapDate(date)}"`;
    const { text } = await this.command([`APPEND ${mailbox(folder)} (${flags.join(' ')})${when} `, message]);
    return Number(/\[APPENDUID \d+ (\d+)\]/.exec(text)?.[1] ?? 0);
  }

  async create(folder: string): Promise<void> {
    await this.command(`CREATE ${mailbox(folder)}`);
  }

  async subscribe(folder: string): Promise<void> {
    await this.command(`SUBSCRIBE ${mailbox(folder)}`);
  }

  list(pattern = '*'): Promise<Listed[]> {
    return this.#list('LIST', pattern);
  }

  /** Subscribed folders, also those that are no longer there. */
  lsub(pattern = '*'): Promise<Listed[]> {
    return this.#list('LSUB', pattern);
  }

  async #list(verb: string, pattern: string): Promise<Listed[]> {
    const { untagged } = await this.command(`${verb} "" ${mailbox(pattern)}`);
    return untagged
      .filter(({ text }) => text.startsWith(`* ${verb} `))
      .map((response) => {
        const [attributes, , name] = parse(response, `* ${verb} `.length);
        return { name: decodeUtf7(String(name)), attributes: list(attributes) };
      });
  }

  /** STATUS items of a folder by upper-case name. */
  async status(folder: string, items: string[]): Promise<Map<string, bigint>> {
    const { untagged } = await this.command(`STATUS ${mailbox(folder)} (${items.join(' ')})`);
    const response = untagged.find(({ text }) => text.startsWith('* STATUS '));
    const values = new Map<string, bigint>();
    const tokens = response === undefined ? [] : list(parse(response, '* STATUS '.length)[1]);
    for (let index = 0; index + 1 < tokens.length; index += 2)
      values.set((tokens[index] ?? '').toUpperCase(), BigInt(tokens[index + 1] ?? 0));
    return values;
  }

  /** Logs out; never throws. */
  async close(): Promise<void> {
    await this.command('LOGOUT').catch(() => undefined);
    this.#socket.destroy();
  }
}

/** Milliseconds as IMAP's date-time in UTC. */
export function imapDate(date: number): string {
  const [day, month, year, time] = new Date(date).toUTCString().slice(5, 25).split(' ');
  return `${day ?? ''}-${month ?? ''}-${year ?? ''} ${time ?? ''} +0000`;
}

function list(token: Token | undefined): string[] {
  return Array.isArray(token) ? token.map(String) : [];
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function mailbox(folder: string): string {
  return quote(encodeUtf7(folder));
}

function copied({ text, untagged }: { text: string; untagged: Response[] }): number[] {
  // COPY answers in its tagged response, MOVE in an untagged one.
  const all = [text, ...untagged.map((response) => response.text)].join('\n');
  const set = /\[COPYUID \d+ \S+ ([\d:,]+)\]/.exec(all)?.[1] ?? '';
  return set.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split(':').map(Number);
    return first === 0 ? [] : Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
