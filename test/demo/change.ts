import { readdirSync, readFileSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Dovecot } from '../support/dovecot.ts';
import { Imap } from '../support/imap.ts';
import { Lmtp } from '../support/lmtp.ts';
import { makeMail } from '../support/mail.ts';
import { baseName, folderPath, makeDirectory, type Owner, writeMessage } from '../support/maildir.ts';
import { Random } from '../support/random.ts';
import type { DemoMail } from './mail.ts';

export interface Deleted {
  user: string;
  messageId: string;
}

/** What was done, in words, and one message that was deleted, where a mailbox had any. */
export interface Changes {
  done: string[];
  deleted: Deleted | undefined;
}

/** A working day over IMAP and LMTP: mail comes, is read, filed, copied and deleted. */
export async function changeOverImap(server: Dovecot, users: string[]): Promise<Changes> {
  const counts = { delivered: 0, flagged: 0, moved: 0, copied: 0, deleted: 0 };
  let deleted: Deleted | undefined;
  const lmtp = await Lmtp.connect(server);
  for (const [index, user] of users.slice(0, 10).entries()) {
    const client = await Imap.login(server, user);
    const { exists } = await client.select('INBOX');
    const headers = exists > 0 ? await client.headers('Message-ID') : new Map<number, string>();
    const uids = [...headers.keys()];
    const folder = `Filed ${new Date().getFullYear()}`;
    await client.create(folder).catch(() => undefined);
    await client.subscribe(folder);
    if (uids.length > 0) {
      const first = String(uids[0]);
      await client.store(first, '+', ['\\Flagged', 'Important']);
      counts.flagged++;
    }
    if (uids.length > 4) {
      await client.store(uids.slice(1, 4).join(','), '+', ['\\Seen', '\\Answered']);
      await client.copy(String(uids[1]), folder);
      await client.move(String(uids[2]), folder);
      const gone = uids[4] ?? 0;
      const messageId = headers.get(gone) ?? '';
      if (deleted === undefined && messageId !== '') deleted = { user, messageId };
      await client.expunge(String(gone));
      counts.flagged += 3;
      counts.copied++;
      counts.moved++;
      counts.deleted++;
    }
    for (let number = 0; number < 3; number++) {
      await lmtp.deliver(makeMail('demo-new', index * 10 + number, { to: user, median: 3000, sigma: 0.7, date: Date.now() }).bytes, user);
      counts.delivered++;
    }
    await client.close();
  }
  await lmtp.close();
  return { done: Object.entries(counts).map(([what, count]) => `${count} ${what}`), deleted };
}

/** The same by renaming, moving and removing files, as a mail server would. */
export function changeOnDisk(mail: DemoMail, mailboxes: string[], owner: Owner | undefined): Changes {
  const counts = { delivered: 0, flagged: 0, moved: 0, deleted: 0 };
  const random = new Random('demo');
  let deleted: Deleted | undefined;
  for (const [index, path] of mailboxes.slice(0, 10).entries()) {
    const user = mail.users[index] ?? '';
    const current = join(path, 'cur');
    const [flagged, moved, gone] = readdirSync(current);
    if (flagged !== undefined) {
      renameSync(join(current, flagged), join(current, /:2,/.test(flagged) ? addFlag(flagged) : `${flagged}:2,F`));
      counts.flagged++;
    }
    if (moved !== undefined) {
      const folder = folderPath(path, 'Filed', mail.layout);
      for (const part of ['cur', 'new', 'tmp']) makeDirectory(join(folder, part), owner);
      renameSync(join(current, moved), join(folder, 'cur', moved));
      counts.moved++;
    }
    if (gone !== undefined) {
      const messageId = /^message-id:\s*(<[^>]+>)/im.exec(readFileSync(join(current, gone), 'latin1'))?.[1];
      if (messageId !== undefined) deleted ??= { user, messageId };
      unlinkSync(join(current, gone));
      counts.deleted++;
    }
    for (let number = 0; number < 3; number++) {
      const message = makeMail('demo-new', index * 10 + number, {
        to: user,
        median: 3000,
        sigma: 0.7,
        date: Math.floor(Date.now() / 1000) * 1000,
      });
      writeMessage(join(path, 'new', baseName(message, random)), message.bytes, message.date, owner);
      counts.delivered++;
    }
  }
  return { done: Object.entries(counts).map(([what, count]) => `${count} ${what}`), deleted };
}

/** `…:2,RS` with F, in alphabetical order. */
function addFlag(name: string): string {
  const [base = '', flags = ''] = name.split(':2,');
  return `${base}:2,${[...new Set(`${flags}F`.split(''))].sort().join('')}`;
}
