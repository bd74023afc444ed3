/** A small host with mail, a configuration and a repository, driven by the real binary. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mailrecover, mailrecoverJson, type Document, type Ran, type RunOptions } from '../support/binary.ts';
import type { KillPlan } from '../support/preload/plan.ts';
import { deliver, expunge, folderPath, makeFolder, messagesOf } from '../reliability/mailbox.ts';
import { scratch } from '../support/tmp.ts';

export interface Site {
  root: string;
  mail: string;
  repo: string;
  config: string;
  identity: string;
  /** Adds lines to the configuration. */
  configure(text: string): void;
  run(args: string[], options?: RunOptions): Promise<Ran>;
  json(args: string[], options?: RunOptions & { expect?: number }): Promise<Document>;
  /** Delivers so many messages, and gives their texts. */
  deliver(user: string, count: number, word?: string): void;
  /** Removes so many messages of a mailbox. */
  expunge(user: string, count: number): void;
}

let serial = 0;

export async function makeSite(
  users: readonly string[] = ['alice@example.org', 'bob@example.org'],
  host = 'mx1',
  at?: { repo: string },
): Promise<Site> {
  const root = scratch('site');
  const mail = join(root, 'mail');
  const repo = at?.repo ?? join(root, 'repo');
  mkdirSync(join(root, 'etc'), { recursive: true });
  const config = join(root, 'etc/mailrecover.yaml');
  for (const user of users) makeFolder(mail, user, 'INBOX');
  const run = (args: string[], options?: RunOptions): Promise<Ran> => mailrecover(['--config', config, ...args], options);
  const json = (args: string[], options?: RunOptions & { expect?: number }): Promise<Document> =>
    mailrecoverJson(['--config', config, ...args], options);
  if (at === undefined) {
    const made = await run([
      'init',
      '--mail',
      `${mail}/%d/%n/Maildir`,
      '--repository',
      repo,
      '--state',
      join(root, 'state'),
      '--host',
      host,
    ]);
    if (made.code !== 0) throw new Error(made.stderr);
    // So that a test that makes a backup right after a change sees it.
    writeFileSync(config, `${readFileSync(config, 'utf8').replaceAll(/^backup:/gm, '#backup:')}\n`);
  }
  return {
    root,
    mail,
    repo,
    config,
    identity: join(root, 'etc/identity.txt'),
    configure: (text) => writeFileSync(config, `${readFileSync(config, 'utf8')}\n${text}\n`),
    run,
    json,
    deliver(user, count, word = 'text') {
      for (let number = 0; number < count; number++) {
        serial++;
        deliver(mail, user, 'INBOX', `From: a@example.com\nSubject: ${word} ${serial}\n\n${`${word} ${serial} `.repeat(20)}\n`);
      }
    },
    expunge(user, count) {
      const path = folderPath(mail, user, 'INBOX');
      for (const message of messagesOf(path).slice(0, count)) expunge(path, message);
    },
  };
}

/** Makes so many snapshots, with some mail coming and going between them. @returns their ids */
export async function someSnapshots(site: Site, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 0; number < count; number++) {
    site.deliver('alice@example.org', 4);
    site.deliver('bob@example.org', 2);
    if (number > 0) site.expunge('alice@example.org', 4);
    ids.push(String((await site.json(['backup']))['snapshot']));
  }
  return ids;
}

/** A kill at the nth removal or renaming in a repository. @param counter path of a file that is not there yet */
export function killAt(at: number, repository: string, counter: string): KillPlan {
  return { do: 'kill', at, under: [repository], kinds: ['unlink', 'rename'], counter };
}
