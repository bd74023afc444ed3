import { appendFileSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mailrecoverJson } from '../../support/binary.ts';
import { writeTree } from '../../support/maildir.ts';
import { scratch } from '../../support/tmp.ts';

export interface Watched {
  root: string;
  repository: string;
  /** Global options. */
  args: string[];
}

/** A host with two mailboxes and a repository that is not encrypted. @param watch lines of `watch` in the configuration */
export async function makeWatched(watch: string): Promise<Watched> {
  const root = scratch('watch');
  const config = join(root, 'etc/mailrecover.yaml');
  const repository = join(root, 'repo');
  writeTree({
    root: join(root, 'mail'),
    users: ['alice@example.org', 'bob@example.org'],
    messages: 5,
    folders: ['Sent'],
    mail: { size: 500 },
  });
  const args = ['--config', config];
  const places = ['--mail', join(root, 'mail/%d/%n/Maildir'), '--repository', repository, '--state', join(root, 'state')];
  await mailrecoverJson([...args, 'init', ...places, '--no-encryption']);
  appendFileSync(config, `\nwatch:\n  ${watch}\n`);
  return { root, repository, args };
}

export function folderOf({ root }: Watched, user: string): string {
  return join(root, 'mail/example.org', user, 'Maildir');
}

let delivered = 0;

/** Delivers as a delivery agent does: written in `tmp`, moved to `new`; makes the folder where it is missing. */
export function deliver(folder: string, subject: string): void {
  for (const name of ['tmp', 'new', 'cur']) mkdirSync(join(folder, name), { recursive: true });
  const name = `${1_800_000_000 + delivered++}.M${process.pid}P1.host`;
  writeFileSync(join(folder, 'tmp', name), `Subject: ${subject}\nDate: Sun, 22 Nov 2026 03:00:00 +0000\n\n${subject} ${name}\n`);
  renameSync(join(folder, 'tmp', name), join(folder, 'new', name));
}

/** The packs of a repository, by path. */
export function packs(repository: string): string[] {
  return readdirSync(join(repository, 'packs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** Subjects of all messages in the newest snapshot. */
export async function messages({ args }: Watched): Promise<string[]> {
  const found = (await mailrecoverJson([...args, 'find'])) as unknown as { matches: { subject: string }[] };
  return found.matches.map(({ subject }) => subject);
}

/** Makes so many more mailboxes with so many folders each. @returns the folders */
export function makeFolders(host: Watched, mailboxes: number, folders: number): string[] {
  const made: string[] = [];
  for (let mailbox = 0; mailbox < mailboxes; mailbox++) {
    const root = folderOf(host, `user${mailbox}`);
    for (let folder = 0; folder < folders; folder++) {
      const path = folder === 0 ? root : join(root, `.F${folder}`);
      for (const name of ['tmp', 'new', 'cur']) mkdirSync(join(path, name), { recursive: true });
      made.push(path);
    }
  }
  return made;
}
