import type { ImapSession } from './imap.ts';
import type { PrivateServer } from './process.ts';

/** One mailbox's session: made when it is needed, and made again after it was lost. */
export class MailboxSession {
  private readonly server: Pick<PrivateServer, 'login'>;
  private readonly login: string;
  private readonly signal: AbortSignal | undefined;
  private session: ImapSession | undefined;
  private opened: { wire: string; responses: string[] } | undefined;

  constructor(server: Pick<PrivateServer, 'login'>, login: string, signal: AbortSignal | undefined) {
    this.server = server;
    this.login = login;
    this.signal = signal;
  }

  async get(): Promise<ImapSession> {
    this.signal?.throwIfAborted();
    if (this.session?.alive !== true) {
      this.opened = undefined;
      this.session = await this.server.login(this.login, this.signal);
    }
    return this.session;
  }

  /** Opens a folder for reading only, unless it is open: nothing is moved from `new` to `cur`. Gives the untagged responses of its opening, or why it cannot be opened. */
  async examine(wire: string): Promise<{ session: ImapSession; responses: string[] } | { refusal: string }> {
    const session = await this.get();
    if (this.opened?.wire === wire) return { session, responses: this.opened.responses };
    this.opened = undefined;
    const responses: string[] = [];
    const answer = await session.command(`EXAMINE ${quotedName(wire)}`, { untagged: (response) => void responses.push(response.text) });
    if (answer.status !== 'OK') return { refusal: answer.text };
    this.opened = { wire, responses };
    return { session, responses };
  }

  async close(): Promise<void> {
    await this.session?.close();
    this.session = undefined;
  }
}

/** A name as a quoted string; bytes above 127, which no valid name has, go as they are. */
function quotedName(name: string): string {
  return `"${name.replace(/["\\]/g, '\\$&')}"`;
}
