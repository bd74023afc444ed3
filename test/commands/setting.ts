/** A host with some mail, set up by `init`, for tests of commands from end to end. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mailrecover, type Ended } from '../cli/program.ts';
import { writeTree } from '../support/maildir.ts';
import { scratch } from '../support/tmp.ts';

export interface Result {
  code: number | null;
  json: Record<string, unknown> & {
    outcome: string;
    counts: Record<string, number>;
    findings: { severity: string; code: string; message: string; hint?: string; subject?: string }[];
  };
}

export interface Setting {
  root: string;
  mail: string;
  repository: string;
  config: string;
  state: string;
  identity: string;
  sheet: string;
  /** Runs a command with this configuration. */
  run(...args: string[]): Promise<Ended>;
  /** The same with --json. */
  json(...args: string[]): Promise<Result>;
}

/** Where everything will lie; nothing but mail is there yet. */
export function makeSetting(messages = 30): Setting {
  const root = scratch('cmd');
  const etc = join(root, 'etc');
  const config = join(etc, 'mailrecover.yaml');
  writeTree({
    root: join(root, 'mail'),
    users: ['alice@example.org', 'bob@example.org'],
    messages,
    folders: ['Sent'],
    mail: { size: 900 },
  });
  const run = (...args: string[]): Promise<Ended> => mailrecover(['--config', config, ...args]);
  return {
    root,
    mail: join(root, 'mail/%d/%n/Maildir'),
    repository: join(root, 'repo'),
    config,
    state: join(root, 'state'),
    identity: join(etc, 'identity.txt'),
    sheet: join(etc, 'recovery-sheet.txt'),
    run,
    async json(...args) {
      const { code, out } = await run('--json', ...args);
      return { code, json: JSON.parse(out) as Result['json'] };
    },
  };
}

/** The arguments of `init` for a setting. */
export function initArguments({ mail, repository, state }: Setting, ...more: string[]): string[] {
  return ['init', '--mail', mail, '--repository', repository, '--state', state, '--host', 'mx1', ...more];
}

/** The private key on a recovery sheet, if it stands there. */
export function keyOnSheet({ sheet }: Setting): string | undefined {
  return existsSync(sheet) ? /AGE-SECRET-KEY-1[0-9A-Z]{58}/.exec(readFileSync(sheet, 'utf8'))?.[0] : undefined;
}
