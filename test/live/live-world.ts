/** A running Dovecot with mail in it, its backups, and clients: for restores into it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, mailrecover, type Ran, type RunOptions } from '../support/binary.ts';
import { type Dovecot, dovecot, type DovecotOptions } from '../support/dovecot.ts';
import { type MailboxState, imapSnapshot } from '../support/imap-snapshot.ts';
import { Imap } from '../support/imap.ts';
import { scratch } from '../support/tmp.ts';
import { makeWorld, type StoreSettings, type World } from './world.ts';

export const ALICE = 'alice@example.org';

export interface LiveWorld {
  server: Dovecot;
  world: World;
  root: string;
  /** Runs the program with `--json --yes`. */
  restore: (args: string[], options?: RunOptions & { expect?: number }) => Promise<Document>;
  undo: (args?: string[], options?: RunOptions & { expect?: number }) => Promise<Document>;
  /** The same without looking at how it ends. */
  tryRestore: (args: string[], options?: RunOptions) => Promise<Ran>;
  identity: string;
}

/** Starts everything, for the rest of the test, suite or file. */
export async function liveWorld(options: Partial<DovecotOptions> & { control?: string } = {}): Promise<LiveWorld> {
  const root = scratch('served');
  const server = await dovecot({ users: [ALICE], mail: `${root}/%d/%n/${options.format ?? 'Maildir'}`, ...options });
  const store: StoreSettings = {
    path: server.mail,
    separator: server.separator,
    prefix: server.prefix,
    ...(options.layout === undefined ? {} : { layout: options.layout }),
    ...(options.format === undefined ? {} : { format: options.format }),
    ...(options.utf8 === undefined ? {} : { utf8: options.utf8 }),
    ...(options.control === undefined ? {} : { control: options.control }),
  };
  const world = await makeWorld(store, { dovecot: { config: server.config } });
  const identity = join(world.directory, 'etc/identity.txt');
  const config = join(world.directory, 'etc/mailrecover.yaml');
  return {
    server,
    world,
    root,
    identity,
    restore: (args, run) => world.run(['restore', ...args, '--identity', identity, '--yes'], run),
    undo: (args = [], run) => world.run(['undo', ...args, '--yes'], run),
    tryRestore: (args, run) => mailrecover(['--config', config, '--json', 'restore', ...args, '--identity', identity, '--yes'], run),
  };
}

/** A message with a subject, as an IMAP client sends it. */
export function text(subject: string): Buffer {
  return Buffer.from(
    `From: sender@example.net\r\nTo: ${ALICE}\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.net>\r\n\r\nThis is ${subject}.\r\n`,
  );
}

/** Subject, flags (without \Recent) and date of each message of a folder, in the order of UIDs. */
export async function folderLines(server: Dovecot, folder: string, user = ALICE): Promise<string[]> {
  const client = await Imap.login(server, user);
  const lines: string[] = [];
  await client.select(folder, { readOnly: true });
  await client.fetch('1:*', ({ flags, internalDate, body }) => {
    const subject = /^Subject: (.*)\r$/m.exec(body.toString('latin1'))?.[1] ?? '';
    lines.push(
      `${subject} (${flags
        .filter((flag) => flag !== '\\Recent')
        .sort()
        .join(' ')}) ${internalDate}`,
    );
  });
  await client.close();
  return lines;
}

/** What a mailbox is but for UIDs: each folder's messages as lines, sorted. */
export async function contents(server: Dovecot, user = ALICE): Promise<Record<string, string[]>> {
  const state: MailboxState = await imapSnapshot(server, user);
  return Object.fromEntries(
    Object.entries(state.folders).map(([folder, { messages }]) => [
      folder,
      Object.values(messages)
        .map(({ flags, internalDate, size, sha256 }) => `${sha256} ${size} ${internalDate} (${flags.join(' ')})`)
        .sort(),
    ]),
  );
}

/** Directories that a live restore left beside the mailboxes. */
export function asides(live: LiveWorld): string[] {
  return readdirSync(join(live.root, 'example.org/alice')).filter((name) => name.startsWith('.mailrecover'));
}

/** Errors that the server wrote into its log; what is only said when clients go away is left out. */
export function complaints(server: Dovecot): string[] {
  return server
    .log()
    .split('\n')
    .filter((line) => /: (Error|Warning|Panic|Fatal): /.test(line));
}
