/** A host with a configuration that tells people, for tests of the commands with the real program. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateIdentity } from '../../src/repository/age/keys.ts';
import { mailrecover, type Ran, startMailrecover } from '../support/binary.ts';

export interface Host {
  config: string;
  state: string;
  /** Replaces the part `notify`; JSON is YAML. */
  tell: (notify: object) => void;
  run: (...args: string[]) => Promise<Ran>;
  start: (...args: string[]) => ReturnType<typeof startMailrecover>;
}

export function tellingHost(root: string): Host {
  const etc = join(root, 'etc');
  const state = join(root, 'run');
  const config = join(etc, 'mailrecover.yaml');
  for (const path of [etc, state, join(root, 'mail')]) mkdirSync(path, { recursive: true });
  const recipient = generateIdentity().identity.recipient.text;
  return {
    config,
    state,
    tell(notify) {
      const rest = {
        host: 'mx1',
        state,
        stores: [{ path: `${root}/mail/%d/%n` }],
        repository: join(root, 'repo'),
        recipients: [recipient],
      };
      writeFileSync(config, JSON.stringify({ ...rest, notify }), { mode: 0o600 });
    },
    run: (...args) => mailrecover(['--config', config, ...args]),
    start: (...args) => startMailrecover(['--config', config, ...args]),
  };
}
