/** Changes to live Maildirs as a mail server makes them, each in one call. */
import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

let count = 0;

/** A base name that no other message has. */
export function freshBase(): string {
  count++;
  return `17952144${String(count).padStart(6, '0')}.M${count}P1.mx1`;
}

export function mailboxPath(mail: string, user: string): string {
  const [name = '', domain = ''] = user.split('@');
  return join(mail, domain, name, 'Maildir');
}

/** Path of a folder: INBOX is the mailbox itself, others as Maildir++ names them. */
export function folderPath(mail: string, user: string, folder: string): string {
  return join(mailboxPath(mail, user), folder === 'INBOX' ? '' : `.${folder}`);
}

export function makeFolder(mail: string, user: string, folder: string): void {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(folderPath(mail, user, folder), part), { recursive: true, mode: 0o700 });
}

/** Delivers by way of `tmp`; gives the path below the folder. */
export function deliver(mail: string, user: string, folder: string, bytes: Uint8Array | string, base = freshBase()): string {
  const path = folderPath(mail, user, folder);
  const waiting = join(path, 'tmp', base);
  writeFileSync(waiting, bytes, { mode: 0o600 });
  const time = 1_795_214_400 + count;
  utimesSync(waiting, time, time);
  renameSync(waiting, join(path, 'new', base));
  return `new/${base}`;
}

/** Renames a message within its folder, as flags do. */
export function flag(path: string, from: string, flags: string): string {
  const base = from.slice(4).replace(/:.*$/, '');
  const to = `cur/${base}:2,${flags}`;
  if (to !== from) renameSync(join(path, from), join(path, to));
  return to;
}

/** Moves or copies a message (as a hard link) into another folder, under its own name or a new one. */
export function transfer(from: string, to: string, copy: boolean, keepName: boolean): string {
  const name = from.slice(from.lastIndexOf('/') + 1);
  const target = keepName ? name : freshBase() + (/:.*$/.exec(name)?.[0] ?? '');
  const place = `cur/${target}`;
  if (copy) linkSync(from, join(to, place));
  else renameSync(from, join(to, place));
  return place;
}

export function expunge(path: string, message: string): void {
  rmSync(join(path, message));
}

/** Messages of a folder, as paths below it, in order. */
export function messagesOf(path: string): string[] {
  return ['cur', 'new'].flatMap((part) =>
    existsSync(join(path, part))
      ? readdirSync(join(path, part))
          .sort()
          .map((name) => `${part}/${name}`)
      : [],
  );
}
