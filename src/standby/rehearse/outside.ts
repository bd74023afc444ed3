/** The mailbox somewhere else, which shows how a message arrived. */
import { MailrecoverError } from '../../errors/error.ts';
import { monotonic, sleep } from '../../system/clock.ts';
import { imapClient } from '../imap-client.ts';
import type { ProofServer } from '../proof.ts';

export interface Outside {
  imap: ProofServer;
  user: string;
  password: string;
  ca: string | undefined;
}

export interface Arrived {
  folder: string;
  junk: boolean;
  /** The head of the message. */
  head: string;
}

const SILENCE_MS = 20_000;
const AGAIN_MS = 2000;

/**
 * Waits for a message in the INBOX or the folder for junk, and deletes it there.
 * @returns undefined where it did not come in time
 * @throws MailrecoverError `key`, `unreachable`
 */
export async function arrival(
  { imap, user, password, ca }: Outside,
  messageId: string,
  until: number,
  signal: AbortSignal,
): Promise<Arrived | undefined> {
  const client = await imapClient({ server: imap, auth: { user, pass: password }, ca, silenceMs: SILENCE_MS, answerMs: 60_000 });
  try {
    await client.connect();
    const junk = (await client.list()).find(({ specialUse }) => specialUse === '\\Junk')?.path;
    for (;;) {
      for (const folder of ['INBOX', ...(junk === undefined ? [] : [junk])]) {
        await client.mailboxOpen(folder);
        const found = await client.search({ header: { 'message-id': messageId } }, { uid: true });
        const uid = Array.isArray(found) ? found[0] : undefined;
        if (uid === undefined) continue;
        const message = await client.fetchOne(String(uid), { headers: true }, { uid: true });
        const head = message === false || message === undefined ? '' : (message.headers?.toString('latin1') ?? '');
        await client.messageDelete(String(uid), { uid: true });
        return { folder, junk: folder === junk, head };
      }
      if (monotonic() >= until) return undefined;
      await sleep(AGAIN_MS, signal);
      signal.throwIfAborted();
    }
  } catch (error) {
    if (error instanceof MailrecoverError || signal.aborted) throw error;
    const { message, authenticationFailed } = error as { message: string; authenticationFailed?: boolean };
    const subject = `${imap.host}:${imap.port}`;
    throw new MailrecoverError(
      authenticationFailed === true ? 'key' : 'unreachable',
      `'${subject}' does not give out the mail of ${user}: ${message}`,
      {
        hint: "see 'standby.rehearsal' in the configuration",
        subject,
      },
    );
  } finally {
    client.close();
  }
}
