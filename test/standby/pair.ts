/** Two hosts on one machine: a Dovecot each, a configuration each, and sshd between them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createRepository } from '../../src/repository/repository.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { claimEpoch, putStage } from '../../src/standby/epoch.ts';
import { BINARY, type Document, mailrecover, mailrecoverJson, notBuilt, type Ran, type RunOptions } from '../support/binary.ts';
import { type Dovecot, dovecot, noDovecot } from '../support/dovecot.ts';
import { imapSnapshots } from '../support/imap-snapshot.ts';
import { noSshd, type Sshd, sshd } from '../support/sshd.ts';
import { scratch } from '../support/tmp.ts';

export const USERS = ['alice@example.org', 'bob@example.org'];
export const ALICE = 'alice@example.org';
export const skipPair = noDovecot() || notBuilt() || noSshd();

export interface Host {
  name: string;
  server: Dovecot;
  config: string;
  state: string;
  /** Where its mail lies. */
  root: string;
  run: (args: string[], options?: RunOptions & { expect?: number }) => Promise<Document>;
  /** The same without looking at how it ends. */
  attempt: (args: string[], options?: RunOptions) => Promise<Ran>;
}

export interface Pair {
  first: Host;
  second: Host;
  ssh: Sshd;
  repository: string;
  /** Makes a host the one that serves, as a switch does. */
  activate: (epoch: number, host: 'mx1' | 'mx2') => Promise<void>;
}

/** Starts everything, for the rest of the test, suite or file. @param format in which mail lies on both hosts */
export async function hosts(format: 'maildir' | 'sdbox' | 'mdbox' = 'maildir'): Promise<Pair> {
  const ssh = await sshd();
  const repository = join(scratch('repo'), 'repository');
  const target = localTarget(repository);
  await createRepository(target, { recipients: undefined, rescue: [] });
  const login = { host: '127.0.0.1', port: ssh.port, user: ssh.user, key: `file:${ssh.key}`, knownHosts: ssh.knownHosts };
  const places = ['mx1', 'mx2'].map((name) => ({ name, directory: scratch(name) }));
  const made = await Promise.all(
    places.map(async ({ name, directory }): Promise<Host> => {
      mkdirSync(join(directory, 'mail'), { mode: 0o755 });
      const box = format === 'maildir' ? {} : { format, home: `${directory}/mail/%d/%n` };
      const server = await dovecot({ users: USERS, mail: `${directory}/mail/%d/%n/${format === 'maildir' ? 'Maildir' : format}`, ...box });
      const config = join(directory, 'mailrecover.yaml');
      const other = places.find((each) => each.name !== name)?.directory ?? '';
      const named = (host: string): object => ({ name: host, ...(host === name ? {} : { ssh: login }) });
      writeFileSync(
        config,
        stringify({
          host: name,
          state: join(directory, 'state'),
          stores: [{ path: server.mail, separator: '/', ...box }],
          repository: { at: repository },
          encryption: false,
          dovecot: { config: server.config },
          standby: {
            primary: named('mx1'),
            standby: named('mx2'),
            // None of the machine that the tests run on.
            services: ['mailrecover-test.service'],
            queue: false,
            sync: { program: [BINARY, '--config', join(other, 'mailrecover.yaml')] },
          },
        }),
      );
      return {
        name,
        server,
        config,
        state: join(directory, 'state'),
        root: join(directory, 'mail'),
        run: (args, options) => mailrecoverJson(['--config', config, ...args], options),
        attempt: (args, options) => mailrecover(['--config', config, ...args], options),
      };
    }),
  );
  const [first, second] = made;
  if (first === undefined || second === undefined) throw new Error('no hosts');
  // Only a folder that was opened has a UIDVALIDITY.
  await imapSnapshots(first.server, USERS);
  return {
    first,
    second,
    ssh,
    repository,
    async activate(epoch, host) {
      const claim = { epoch, run: `${epoch}`.padStart(16, '0'), host, from: host === 'mx1' ? 'mx2' : 'mx1', by: 'a test' };
      await claimEpoch(target, claim);
      for (const stage of ['active', 'settled'] as const) await putStage(target, claim, stage);
    },
  };
}
