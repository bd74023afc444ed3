import { MailrecoverError } from '../../errors/error.ts';
import type { ByteString } from '../../store/bytes.ts';
import { monotonic } from '../../system/clock.ts';
import type { Progress } from '../../system/progress.ts';
import { parseList } from './fetch.ts';
import { compareFolder } from './folder.ts';
import { ImapLost } from './imap.ts';
import type { PrivateServer } from './process.ts';
import { MailboxSession } from './session.ts';
import type { Tally } from './tally.ts';
import { prepareTree } from './tree.ts';
import type { ExpectedFolder, ExpectedMailbox } from './types.ts';
import { below, controlDir, expectedDir, wireDir, wireName } from './wire.ts';

/** A mailbox that could be opened. */
export interface OpenedMailbox {
  login: string;
  mailPath: ByteString;
  /** How many messages are expected in it. */
  messages: number;
  /** On the monotonic clock, when INBOX was open. */
  firstLogin: number;
}

export interface MailboxContext {
  server: PrivateServer;
  tally: Tally;
  progress: Progress;
  signal: AbortSignal | undefined;
}

/**
 * Compares one mailbox over a session of its own.
 * @returns undefined when it could not be opened; a finding says why
 */
export async function compareMailbox(mailbox: ExpectedMailbox, context: MailboxContext): Promise<OpenedMailbox | undefined> {
  const { server, tally, signal } = context;
  const expected = mailbox.folders.reduce((sum, folder) => sum + folder.messages.length, 0);
  tally.counts.mailboxes++;
  tally.counts.messages += expected;
  const tree = prepareTree(mailbox, server);
  if (tree === undefined) {
    tally.counts.missing += expected;
    tally.add('error', 'mailbox-missing', `mailbox ${mailbox.mailbox} is not in the restored tree`, mailbox.mailbox);
    return undefined;
  }
  if (tree.links > 0) {
    tally.add(
      'info',
      'links-left-out',
      `mailbox ${mailbox.mailbox} has ${tree.links} symbolic links, which were not served`,
      mailbox.mailbox,
    );
  }
  const { uid, gid } = tree;
  const control = mailbox.controlPath !== undefined;
  const login = server.admit(tree, {
    uid,
    gid,
    layout: mailbox.layout,
    utf8: mailbox.utf8,
    control,
    format: mailbox.format ?? 'maildir',
    alt: tree.altPath !== undefined,
    index: tree.indexPath !== undefined,
    inbox: tree.inboxPath !== undefined,
  });
  const session = new MailboxSession(server, login, signal);
  const done: ExpectedFolder[] = [];
  let firstLogin: number | undefined;
  try {
    const inbox = await session.examine('INBOX');
    if (!('refusal' in inbox)) firstLogin = monotonic();
    const dirs = new Set<ByteString>();
    for (const folder of mailbox.folders) {
      const dir = expectedDir(folder, mailbox);
      await compareOne(folder, dir).catch((error: unknown) => {
        // One folder that the server cannot read is no reason to leave out the others.
        if (signal?.aborted === true || !(error instanceof ImapLost)) throw error;
        tally.counts.missing += folder.messages.length;
        tally.add(
          'error',
          'folder-unreadable',
          `folder ${mailbox.mailbox} ${folder.name} cannot be read: ${server.lastError() ?? error.message}`,
          `${mailbox.mailbox} ${folder.name}`,
        );
      });
      if (dir !== undefined) dirs.add(dir);
      done.push(folder);
    }
    await findUnexpected(dirs);
  } catch (error) {
    if (signal?.aborted === true || !(error instanceof ImapLost || error instanceof MailrecoverError)) throw error;
    const rest = mailbox.folders.filter((folder) => !done.includes(folder)).reduce((sum, folder) => sum + folder.messages.length, 0);
    tally.counts.missing += rest;
    const said = server.lastError();
    tally.add(
      'error',
      'mailbox-unreadable',
      `mailbox ${mailbox.mailbox} cannot be read: ${error.message}${said === undefined ? '' : ` (${said})`}`,
      mailbox.mailbox,
    );
  } finally {
    await session.close();
  }
  return firstLogin === undefined ? undefined : { login, mailPath: tree.mailPath, messages: expected, firstLogin };

  async function compareOne(folder: ExpectedFolder, dir: ByteString | undefined): Promise<void> {
    const subject = `${mailbox.mailbox} ${folder.name}`;
    const wire = dir === undefined ? undefined : wireName(dir, mailbox);
    if (dir === undefined || wire === undefined || (dir !== '' && wire.toUpperCase() === 'INBOX')) {
      tally.counts.missing += folder.messages.length;
      tally.add('error', 'folder-missing', `folder ${subject} has a name under which no server can serve it`, subject);
      return;
    }
    const { mailPath = '', controlPath = '' } = tree ?? {};
    const controlFolder = below(controlPath, control ? controlDir(dir, mailbox) : dir);
    await compareFolder({
      mailbox,
      folder,
      wire,
      mailFolder: below(mailPath, dir),
      controlFolder,
      session,
      tally,
      progress: context.progress,
      lastError: server.lastError,
    });
  }

  async function findUnexpected(dirs: ReadonlySet<ByteString>): Promise<void> {
    const names: string[] = [];
    const imap = await session.get();
    await imap.command('LIST "" "*"', {
      untagged(response) {
        const listed = parseList(response);
        if (listed !== undefined && !listed.attributes.some((one) => one === '\\noselect' || one === '\\nonexistent'))
          names.push(listed.name);
      },
    });
    for (const name of names) {
      if (dirs.has(wireDir(name, mailbox))) continue;
      const opened = await session.examine(name);
      if ('refusal' in opened) continue;
      const count = Number(opened.responses.map((text) => /^\* (\d{1,10}) EXISTS/i.exec(text)?.[1]).find((one) => one !== undefined) ?? 0);
      if (count === 0 && name.toUpperCase() === 'INBOX') continue;
      tally.counts.unexpected += count;
      const subject = `${mailbox.mailbox} ${name}`;
      tally.add(
        count > 0 ? 'error' : 'warning',
        'unexpected-folder',
        `folder ${subject} was not in the backup; it holds ${count} messages`,
        subject,
      );
    }
  }
}
