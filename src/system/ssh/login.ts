/** How to log in to an SSH server, as a configuration has it: secrets are references. */
import { readSecret } from '../secret.ts';
import type { SshOptions } from './connect.ts';

export interface SshAccess {
  /** Reference to a private key. */
  key?: string | undefined;
  /** Reference to its passphrase. */
  passphrase?: string | undefined;
  /** Reference to a password. */
  password?: string | undefined;
  /** Path of an agent's socket. */
  agent?: string | undefined;
  /** Path of a known_hosts file. */
  knownHosts?: string | undefined;
  /** The one key that is right: `SHA256:…`, or a line of a `.pub` file. */
  hostKey?: string | undefined;
}

/**
 * What {@link SshOptions} wants of it, with secrets.
 * @throws MailrecoverError as {@link readSecret}
 */
export async function loginOptions(
  { host, port, user }: Pick<SshOptions, 'host' | 'port' | 'user'>,
  access: SshAccess,
): Promise<Omit<SshOptions, 'timeoutMs'>> {
  const who = `${user === undefined ? '' : `${user}@`}${host}`;
  const secret = async (reference: string | undefined, what: string): Promise<string | undefined> =>
    reference === undefined ? undefined : readSecret(reference, `${what} for ${who}`);
  const key = await secret(access.key, 'the SSH key');
  const passphrase = await secret(access.passphrase, 'the passphrase of the SSH key');
  return {
    host,
    port,
    user,
    credentials: {
      key: key === undefined ? undefined : { text: key, name: access.key ?? '', passphrase },
      agent: access.agent,
      password: await secret(access.password, 'the password'),
    },
    hostKeys: { pinned: access.hostKey, files: access.knownHosts === undefined ? undefined : [access.knownHosts] },
  };
}
