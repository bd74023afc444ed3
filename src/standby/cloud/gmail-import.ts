/** Filling a mailbox of Gmail by `users.messages.import`, which takes more in a day than IMAP does. Folders become labels. */
import { randomBytes } from 'node:crypto';
import type { Finding } from '../../errors/finding.ts';
import type { GoogleRest } from '../../notify/google-rest.ts';
import { Refused } from '../../notify/refusal.ts';
import type { WantedFolder, WantedMail, WantedMessage } from '../../restore/imap/wanted.ts';
import { readHeaders } from '../../store/message/headers.ts';
import { sleep } from '../../system/clock.ts';

export interface GmailImport {
  api: GoogleRest;
  mail: WantedMail;
  signal: AbortSignal;
  onThere: (folder: WantedFolder, message: WantedMessage, bytes: number) => void;
}

/** Labels of the system, by the names that folders have elsewhere. Drafts can't be imported as such. */
const SYSTEM: Readonly<Record<string, string>> = {
  inbox: 'INBOX',
  sent: 'SENT',
  'sent items': 'SENT',
  'sent messages': 'SENT',
  trash: 'TRASH',
  'deleted items': 'TRASH',
  junk: 'SPAM',
  spam: 'SPAM',
};
/** Names that Gmail keeps for itself: no label of a user may have them. */
const RESERVED = new Set([
  'all mail',
  'chat',
  'chats',
  'draft',
  'drafts',
  'important',
  'inbox',
  'sent',
  'snoozed',
  'spam',
  'starred',
  'trash',
  'unread',
  'voicemail',
]);
/** Waits for one request, at most so often; the last ones are a minute. */
const TRIES = 8;
const LONGEST_MS = 60_000;

/** @throws Refused where Google can't be asked, or wants to wait for longer than can be waited */
export async function importMail({ api, mail, signal, onThere }: GmailImport): Promise<Finding[]> {
  const findings: Finding[] = [];
  const ask = <T>(work: () => Promise<unknown>): Promise<T> => patiently(work, ['throttled', 'busy'], signal) as Promise<T>;
  const labels = new Map<string, string>();
  const { labels: list = [] } = await ask<{ labels?: { id?: string; name?: string; type?: string }[] }>(() =>
    api.get('/gmail/v1/users/me/labels'),
  );
  for (const { id = '', name = '', type } of list) if (type === 'user') labels.set(name.toLowerCase(), id);
  for (const folder of mail.folders) {
    const label = await labelOf(folder, labels, (name) =>
      ask<{ id: string }>(() => api.post('/gmail/v1/users/me/labels', Buffer.from(JSON.stringify({ name })), 'application/json')),
    );
    if (folder.messages.length === 0) continue;
    for await (const { message, content } of mail.contents.read(folder.messages)) {
      signal.throwIfAborted();
      if (await isThere(label, content, (path) => ask(() => api.get(path)))) {
        onThere(folder, message, 0);
        continue;
      }
      try {
        // After an answer that says neither yes nor no it may be there: the next run asks before it tries again.
        await patiently(() => api.post(IMPORT, ...upload(label, message, content)), ['throttled'], signal);
        onThere(folder, message, content.length);
      } catch (error) {
        // Only what Google refuses for this message is left out.
        if (!(error instanceof Refused) || !['rejected', 'content', 'too-large'].includes(error.refusal.code)) throw error;
        findings.push({
          severity: 'error',
          code: 'not-taken',
          message: `message '${message.id}' was not taken by the server: ${error.message}`,
          subject: message.id,
        });
      }
    }
  }
  return [...findings, ...mail.contents.findings];
}

/** The date of the header, as nothing else can be given; never into spam, and no invitations are answered. */
const IMPORT =
  '/upload/gmail/v1/users/me/messages/import?uploadType=multipart&internalDateSource=dateHeader&neverMarkSpam=true&processForCalendar=false';

async function labelOf(
  { levels }: WantedFolder,
  labels: Map<string, string>,
  make: (name: string) => Promise<{ id: string }>,
): Promise<string> {
  const plain = levels.length === 1 ? SYSTEM[levels[0]?.toLowerCase() ?? ''] : undefined;
  if (plain !== undefined) return plain;
  // A slash parts levels of labels, and can't stand in one.
  const path = levels.map((level) => level.replaceAll('/', '_')).join('/');
  const name = RESERVED.has(path.toLowerCase()) ? `${path} (mail)` : path;
  const known = labels.get(name.toLowerCase());
  if (known !== undefined) return known;
  const { id } = await make(name);
  labels.set(name.toLowerCase(), id);
  return id;
}

/**
 * Whether a message lies below a label: a run that was cut off put it there, or it came by itself. One without a Message-ID can't be asked for; of several with the same one Gmail shows one.
 */
async function isThere(label: string, content: Buffer, get: (path: string) => Promise<unknown>): Promise<boolean> {
  const id = readHeaders(content).messageId?.trim().replace(/^<|>$/g, '') ?? '';
  if (id === '' || /[\s"()]/.test(id)) return false;
  const query = new URLSearchParams({ labelIds: label, includeSpamTrash: 'true', maxResults: '1', q: `rfc822msgid:${id}` });
  const { messages = [] } = (await get(`/gmail/v1/users/me/messages?${query.toString()}`)) as { messages?: unknown[] };
  return messages.length > 0;
}

/** A multipart/related upload (RFC 2387): what the message is, then its bytes. */
function upload(label: string, { flags }: WantedMessage, content: Buffer): [body: Buffer, contentType: string] {
  const has = (flag: string): boolean => flags.includes(flag);
  const labelIds = [label, ...(has('\\Seen') ? [] : ['UNREAD']), ...(has('\\Flagged') ? ['STARRED'] : [])];
  const boundary = `mailrecover-${randomBytes(16).toString('hex')}`;
  const head = `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify({ labelIds })}\r\n--${boundary}\r\nContent-Type: message/rfc822\r\n\r\n`;
  return [
    Buffer.concat([
      Buffer.from(head),
      Buffer.from(content.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1'),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
    `multipart/related; boundary="${boundary}"`,
  ];
}

/** Again where Google asks to wait, for these reasons. */
async function patiently(work: () => Promise<unknown>, codes: readonly string[], signal: AbortSignal): Promise<unknown> {
  for (let tried = 1; ; tried++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Refused) || !codes.includes(error.refusal.code) || tried === TRIES) throw error;
      await sleep(Math.max(error.refusal.retryAfterMs ?? 0, Math.min(500 * 2 ** tried, LONGEST_MS)), signal);
      signal.throwIfAborted();
    }
  }
}
