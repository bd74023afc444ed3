/** A mail store, a repository and a configuration, for tests that run the program itself. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateIdentity } from '../../../src/repository/age/keys.ts';
import { createRepository } from '../../../src/repository/repository.ts';
import { createSecret } from '../../../src/repository/secret.ts';
import { localTarget } from '../../../src/repository/targets/local.ts';
import { saveSecret } from '../../../src/backup/prepare.ts';
import { mailrecover, mailrecoverJson, type Document, type Ran, type RunOptions } from '../../support/binary.ts';

export interface Place {
  root: string;
  config: string;
  identity: string;
  repository: string;
  state: string;
  mail: string;
  /** Runs with the configuration and the identity, and gives the JSON document. */
  json(args: string[], options?: RunOptions & { expect?: number }): Promise<Document>;
  run(args: string[], options?: RunOptions): Promise<Ran>;
  /** Makes a snapshot; its id. */
  backup(...args: string[]): Promise<string>;
}

/** Makes an encrypted repository (in clear with `encrypted: false`) below `root`. */
export async function makePlace(root: string, options: { encrypted?: boolean; host?: string } = {}): Promise<Place> {
  const { encrypted = true, host = 'mx1' } = options;
  const [etc, repository, state, mail] = ['etc', 'repository', 'state', 'mail'].map((name) => join(root, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const directory of [etc, repository, state, mail]) mkdirSync(directory, { recursive: true });
  const { secret, identity } = generateIdentity();
  const key = join(etc, 'identity.txt');
  writeFileSync(key, `${secret}\n`, { mode: 0o600 });
  const recipients = encrypted ? [identity.recipient] : undefined;
  const target = localTarget(repository);
  const made = await createRepository(target, { recipients, rescue: [] });
  await saveSecret(etc, made.id, await createSecret(target, recipients));
  const config = join(etc, 'mailrecover.yaml');
  const lines = [
    `host: ${host}`,
    `state: ${state}`,
    'stores:',
    `  - path: ${mail}/%d/%n/Maildir`,
    'repository:',
    `  path: ${repository}`,
    encrypted ? `recipients: [${identity.recipient.text}]` : 'encryption: false',
    'backup:',
    '  settle: 0',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const env = { MAILRECOVER_CONFIG: config, ...(encrypted ? { MAILRECOVER_IDENTITY: key } : {}) };
  const withEnv = <O extends RunOptions>(given: O): O & RunOptions => ({ ...given, env: { ...env, ...given.env } });
  return {
    root,
    config,
    identity: key,
    repository,
    state,
    mail,
    json: (args, given = {}) => mailrecoverJson(args, withEnv(given)),
    run: (args, given = {}) => mailrecover(args, withEnv(given)),
    async backup(...args) {
      return String((await mailrecoverJson(['backup', '--deep', ...args], withEnv({})))['snapshot']);
    },
  };
}

export interface Letter {
  mailbox: string;
  /** Directory of the folder below the Maildir; '' is the inbox. */
  folder?: string;
  base: string;
  flags?: string;
  messageId?: string;
  from?: string;
  to?: string;
  subject?: string;
  date?: string;
  body?: string;
}

export function maildirOf(place: Place, mailbox: string): string {
  const [user = '', domain = ''] = mailbox.split('@');
  return join(place.mail, domain, user, 'Maildir');
}

export function pathOf(place: Place, letter: Pick<Letter, 'mailbox' | 'folder' | 'base' | 'flags'>): string {
  return join(maildirOf(place, letter.mailbox), letter.folder ?? '', 'cur', `${letter.base}${letter.flags ?? ':2,'}`);
}

export function textOf(letter: Letter): string {
  const {
    messageId = `${letter.base}@test.example`,
    from = 'Sender <sender@example.net>',
    to = letter.mailbox,
    subject = `About ${letter.base}`,
    date,
  } = letter;
  const lines = [`From: ${from}`, `To: ${to}`, `Subject: ${subject}`, `Message-ID: <${messageId}>`];
  if (date !== '') lines.push(`Date: ${date ?? 'Thu, 19 Nov 2026 10:00:00 +0000'}`);
  return `${lines.join('\n')}\n\n${letter.body ?? `The body of ${letter.base}.`}\n`;
}

/** Puts a message into a mailbox. */
export function deliver(place: Place, letter: Letter): void {
  const path = pathOf(place, letter);
  for (const directory of ['cur', 'new', 'tmp']) mkdirSync(join(dirname(dirname(path)), directory), { recursive: true });
  writeFileSync(path, textOf(letter));
}

export function expunge(place: Place, letter: Pick<Letter, 'mailbox' | 'folder' | 'base' | 'flags'>): void {
  rmSync(pathOf(place, letter));
}
