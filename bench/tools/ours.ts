import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { type Command, measure, type Pipeline } from '../measure.ts';
import type { Place, RestoringTool } from './tool.ts';
import { firstLine } from './version.ts';

export interface Ours extends RestoringTool {
  restoreMailbox(home: string, target: string, mailbox: string): Pipeline;
  cat(home: string, message: string): Pipeline;
  /** All messages with this text in their subject. */
  find(home: string, subject: string): Pipeline;
  check(home: string, readData: boolean): Pipeline;
  /** The messages of one mailbox, by the names that `cat` takes. */
  messages(home: string, mailbox: string): Promise<string[]>;
  /** The restore script that lies in the repository. */
  script(home: string, target: string): Pipeline;
  command(args: string[]): Command;
}

/** mailrecover, encrypted, with or without reading back what was written. */
export function ours({ mail, recipient, identity, program }: Place, readBack = true): Ours {
  const config = (home: string) => join(home, 'mailrecover.yaml');
  const command = (args: string[]): Command => ({ file: program, args, env: { XDG_CACHE_HOME: '' } });
  const run = (home: string, ...args: string[]): Pipeline => ({ stages: [command(['--config', config(home), ...args])] });
  const repository = (home: string) => join(home, 'repository');
  return {
    name: readBack ? 'mailrecover' : 'mailrecover, no read-back',
    version: () => `mailrecover ${firstLine(program, ['--version'])}`,
    async init(home) {
      const pattern = join(mail, '%d/%n/Maildir');
      await measure(run(home, 'init', '--mail', pattern, '--repository', repository(home), '--recipient', recipient), false);
      const document = parseDocument(readFileSync(config(home), 'utf8'));
      document.set('state', join(home, 'state'));
      document.setIn(['backup', 'readBack'], readBack);
      writeFileSync(config(home), String(document));
    },
    backup: (home) => run(home, 'backup', '--json'),
    restore: (home, target) => run(home, 'restore', 'latest', '--identity', identity, '--json', '--to', target),
    restored: (target) => target,
    repository,
    restoreMailbox: (home, target, mailbox) =>
      run(home, 'restore', 'latest', '--identity', identity, '--json', '--mailbox', mailbox, '--to', target),
    cat: (home, message) => run(home, 'cat', 'latest', message, '--identity', identity),
    find: (home, subject) => run(home, 'find', '--subject', subject, '--identity', identity, '--json'),
    check: (home, readData) => run(home, 'check', '--json', ...(readData ? ['--read-data'] : [])),
    async messages(home, mailbox) {
      const found = await measure(run(home, 'find', '--mailbox', mailbox, '--identity', identity, '--json'), false);
      return (JSON.parse(found.stdout) as { matches: { message: string }[] }).matches.map(({ message }) => message);
    },
    script: (home, target) => ({
      stages: [{ file: 'sh', args: ['recover.sh', '--identity', identity, '--to', target, 'latest'], cwd: repository(home) }],
    }),
    command,
  };
}
