/** Asking an SMTP server whether it takes mail for somebody, without sending any (RFC 5321, section 3.3). */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls';
import { MailrecoverError } from '../../errors/error.ts';
import type { ProofServer } from '../proof.ts';

export interface SmtpAnswer {
  address: string;
  /** `no` for good (5xx), `unsure` where it was put off (4xx) or the server said nothing. */
  takes: 'yes' | 'no' | 'unsure';
  /** What the server said, one line. */
  said: string;
}

export interface SmtpAsked {
  answers: SmtpAnswer[];
  /** It takes mail for whatever name: then its answers say nothing. */
  takesAll: boolean;
}

const SILENCE_MS = 20_000;
/** Servers slow down and hang up on those who ask for many that are not there (Postfix: `smtpd_hard_error_limit`, 20). */
const ERRORS_PER_CONNECTION = 8;
const PER_CONNECTION = 100;

/**
 * Asks for each address.
 * @param sender whom the mail would be from
 * @throws MailrecoverError `unreachable` where the server can't be talked to; `key` for a wrong certificate
 */
export async function askSmtp(
  server: ProofServer,
  { addresses, sender, ca }: { addresses: readonly string[]; sender: string; ca?: string | undefined },
  signal: AbortSignal,
): Promise<SmtpAsked> {
  const answers: SmtpAnswer[] = [];
  const domains = [...new Set(addresses.map((address) => address.slice(address.indexOf('@') + 1)))];
  const strangers = domains.map((domain) => `mailrecover-${randomBytes(8).toString('hex')}@${domain}`);
  const due = [...strangers, ...addresses];
  while (due.length > 0) {
    signal.throwIfAborted();
    const talk = await Talk.open(server, ca);
    let errors = 0;
    let asked = 0;
    try {
      while (due.length > 0 && errors < ERRORS_PER_CONNECTION && asked < PER_CONNECTION) {
        signal.throwIfAborted();
        const address = due[0] ?? '';
        const answer = await talk.ask(sender, address);
        // It hung up, which is no answer; the next connection asks again, unless this one had asked nothing.
        if (answer === undefined && asked > 0) break;
        due.shift();
        asked++;
        if (answer?.takes !== 'yes') errors++;
        answers.push(answer ?? { address, takes: 'unsure', said: 'it hung up' });
      }
    } finally {
      talk.close();
    }
  }
  const known = new Set(strangers);
  return {
    answers: answers.filter(({ address }) => !known.has(address)),
    takesAll: answers.some(({ address, takes }) => known.has(address) && takes === 'yes'),
  };
}

interface Reply {
  code: number;
  text: string;
}

/** One connection, a command at a time. */
class Talk {
  readonly #server: ProofServer;
  #socket: Socket | TLSSocket;
  #text = '';
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(server: ProofServer, socket: Socket | TLSSocket) {
    [this.#server, this.#socket] = [server, socket];
    this.#listen();
  }

  static async open(server: ProofServer, ca: string | undefined): Promise<Talk> {
    const { host, port, security, name = host } = server;
    const tls = { servername: name, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) };
    const talk = new Talk(server, security === 'tls' ? connectTls({ host, port, ...tls }) : connect({ host, port }));
    try {
      await talk.#expect(220);
      await talk.#say('EHLO mailrecover.invalid', 250);
      if (security === 'starttls') {
        await talk.#say('STARTTLS', 220);
        talk.#socket.removeAllListeners();
        talk.#socket = connectTls({ socket: talk.#socket, ...tls });
        talk.#listen();
        await talk.#say('EHLO mailrecover.invalid', 250);
      }
      return talk;
    } catch (error) {
      talk.close();
      throw error;
    }
  }

  /** @returns undefined where it hung up */
  async ask(sender: string, address: string): Promise<SmtpAnswer | undefined> {
    if (/[\s<>]/.test(address)) return { address, takes: 'no', said: 'is no address' };
    const from = await this.#command(`MAIL FROM:<${sender}>`);
    if (from === undefined) return undefined;
    if (from.code !== 250) return { address, takes: 'unsure', said: from.text };
    const reply = await this.#command(`RCPT TO:<${address}>`);
    if (reply === undefined || reply.code === 421) return undefined;
    await this.#command('RSET');
    const takes = reply.code >= 200 && reply.code < 300 ? 'yes' : reply.code >= 500 ? 'no' : 'unsure';
    return { address, takes, said: reply.text };
  }

  close(): void {
    if (!this.#ended) this.#socket.end('QUIT\r\n');
    setTimeout(() => this.#socket.destroy(), 1000).unref();
  }

  #listen(): void {
    const socket = this.#socket;
    let why = 'it hung up';
    socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('it did not answer in time')));
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', (error: Error) => (why = error.message));
    socket.on('close', () => {
      this.#ended = true;
      this.#why = why;
      this.#wake();
    });
  }
  #why = '';

  async #read(): Promise<Reply | undefined> {
    for (;;) {
      const [whole, code = '', text = ''] = /^(?:\d{3}-[^\n]*\n)*(\d{3})(?: ([^\n]*))?\r?\n/.exec(this.#text) ?? [];
      if (whole !== undefined) {
        this.#text = this.#text.slice(whole.length);
        // oxlint-disable-next-line no-control-regex
        return { code: Number(code), text: `${code} ${text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim()}`.slice(0, 200) };
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #command(line: string): Promise<Reply | undefined> {
    if (!this.#ended) this.#socket.write(`${line}\r\n`, 'utf8');
    return this.#read();
  }

  async #say(line: string, code: number): Promise<void> {
    this.#socket.write(`${line}\r\n`);
    await this.#expect(code);
  }

  async #expect(code: number): Promise<void> {
    const reply = await this.#read();
    if (reply?.code === code) return;
    const { host, port, name = host } = this.#server;
    const said = reply?.text ?? this.#why;
    const isCertificate = /certificate|altname|self[- ]signed/i.test(said);
    throw new MailrecoverError(isCertificate ? 'key' : 'unreachable', `unable to ask ${host}:${port} whom it takes mail for: ${said}`, {
      hint: isCertificate
        ? `its certificate must hold the name '${name}', by an authority that is trusted`
        : 'look at the address and port of the service, and whether port 25 is open outwards from here',
      subject: `${host}:${port}`,
    });
  }
}
