import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type ByteString, fsPath } from '../../store/bytes.ts';
import { listMessages } from './files.ts';
import { deliverByLmtp } from './lmtp.ts';
import type { PrivateServer } from './process.ts';
import { parseFetch } from './fetch.ts';

export interface CanaryResult {
  delivered: boolean;
  fetched: boolean;
  /** What went wrong. */
  problem?: string;
}

const LMTP_SILENCE_MS = 120_000;

/**
 * Puts a message that nobody else has into a restored INBOX by LMTP, reads it back over IMAP, and takes its file away again.
 * Never throws.
 */
export async function flyCanary(
  server: PrivateServer,
  { login, mailPath }: { login: string; mailPath: ByteString },
  signal: AbortSignal | undefined,
): Promise<CanaryResult> {
  const token = randomBytes(16).toString('hex');
  const body = `canary ${token}`;
  const message = `From: mailrecover <>\r\nSubject: canary\r\nMessage-ID: <${token}@mailrecover.invalid>\r\n\r\n${body}\r\n`;
  const result: CanaryResult = { delivered: false, fetched: false };
  try {
    await deliverByLmtp(server.lmtpSocket, login, message, LMTP_SILENCE_MS);
    result.delivered = true;
    const session = await server.login(login, signal);
    try {
      const opened = await session.command('EXAMINE INBOX');
      if (opened.status !== 'OK') throw new Error(`INBOX cannot be opened: ${opened.text}`);
      // The newest message, that is the one with the highest UID.
      const found: { guid?: string; text: string[] } = { text: [] };
      await session.command('UID FETCH * (UID X-GUID BODY.PEEK[TEXT])', {
        untagged(response) {
          const fetched = parseFetch(response);
          if (fetched?.guid !== undefined) found.guid = fetched.guid;
          for (const literal of response.literals) if (literal !== null) found.text.push(literal.toString('latin1'));
        },
      });
      result.fetched = found.text.some((text) => text.trim() === body);
      if (!result.fetched) result.problem = 'it is not the newest message of INBOX';
      else removeFile(mailPath, found.guid);
    } finally {
      await session.close();
    }
  } catch (error) {
    signal?.throwIfAborted();
    result.problem = `${error instanceof Error ? error.message : String(error)}${server.lastError() === undefined ? '' : ` (${server.lastError()})`}`;
  }
  return result;
}

/** The copy is to hold what was restored, and no more. */
function removeFile(mailPath: ByteString, guid: string | undefined): void {
  const path = guid === undefined ? undefined : listMessages(mailPath).get(guid);
  if (path !== undefined) rmSync(fsPath(path), { force: true });
}
