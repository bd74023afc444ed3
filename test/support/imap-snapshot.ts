import { createHash } from 'node:crypto';
import { Imap } from './imap.ts';

export interface MessageState {
  /** Sorted, with keywords, without \Recent. */
  flags: string[];
  internalDate: string;
  size: number;
  /** Hexadecimal. */
  sha256: string;
}

export interface FolderState {
  uidValidity: number;
  uidNext: number;
  messages: Record<number, MessageState>;
}

/** What an IMAP client can know of a mailbox; two of them are the same when `deepEqual` says so. */
export interface MailboxState {
  folders: Record<string, FolderState>;
  /** Sorted. */
  subscriptions: string[];
}

type Server = Parameters<typeof Imap.login>[0];

/** Reads everything of a mailbox over IMAP, without changing anything. */
export async function imapSnapshot(server: Server, user: string): Promise<MailboxState> {
  const client = await Imap.login(server, user);
  try {
    const state: MailboxState = { folders: {}, subscriptions: (await client.lsub()).map(({ name }) => name).sort() };
    const folders = (await client.list()).filter(({ attributes }) => !attributes.some((name) => /^\\(noselect|nonexistent)$/i.test(name)));
    for (const { name } of folders.sort((a, b) => (a.name < b.name ? -1 : 1))) state.folders[name] = await folderState(client, name);
    return state;
  } finally {
    await client.close();
  }
}

async function folderState(client: Imap, name: string): Promise<FolderState> {
  const { uidValidity, uidNext, exists } = await client.select(name, { readOnly: true });
  const messages: Record<number, MessageState> = {};
  if (exists > 0) {
    await client.fetch('1:*', ({ uid, flags, internalDate, size, body }) => {
      messages[uid] = {
        flags: flags.filter((flag) => flag !== '\\Recent').sort(),
        internalDate,
        size,
        sha256: createHash('sha256').update(body).digest('hex'),
      };
    });
  }
  return { uidValidity, uidNext, messages };
}

/** {@link imapSnapshot} of several users, by name. */
export async function imapSnapshots(server: Server, users: string[]): Promise<Record<string, MailboxState>> {
  const states: Record<string, MailboxState> = {};
  for (const user of users) states[user] = await imapSnapshot(server, user);
  return states;
}

/** How many messages a state holds. */
export function countMessages(states: Record<string, MailboxState>): number {
  return Object.values(states)
    .flatMap(({ folders }) => Object.values(folders))
    .reduce((sum, { messages }) => sum + Object.keys(messages).length, 0);
}

/** The same as lines of text by place, so that differences can be named. */
export function flatten(states: Record<string, MailboxState>): Map<string, string> {
  const lines = new Map<string, string>();
  for (const [user, { folders, subscriptions }] of Object.entries(states)) {
    lines.set(`${user} subscriptions`, subscriptions.join(', '));
    for (const [folder, { uidValidity, uidNext, messages }] of Object.entries(folders)) {
      lines.set(`${user} ${folder}`, `UIDVALIDITY ${uidValidity} UIDNEXT ${uidNext}`);
      for (const [uid, { flags, internalDate, size, sha256 }] of Object.entries(messages)) {
        lines.set(`${user} ${folder} ${uid}`, `${internalDate} ${size} ${sha256} (${flags.join(' ')})`);
      }
    }
  }
  return lines;
}
