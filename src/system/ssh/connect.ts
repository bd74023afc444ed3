/** A connection to an SSH server whose key was checked. */
import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { AnyAuthMethod, Client, ClientChannel, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { MailrecoverError, systemCode } from '../../errors/error.ts';
import { networkMeaning } from '../network-errors.ts';
import { judgeHostKey, knownTypes, type HostKeyPolicy } from './known-hosts.ts';

/** How to prove who we are. What is not given is not tried; with nothing given, the agent and the user's own keys are. */
export interface SshCredentials {
  /** A private key as text, and what to call it in messages. */
  key?: { text: string; name: string; passphrase?: string | undefined } | undefined;
  /** Path of an agent's socket. */
  agent?: string | undefined;
  password?: string | undefined;
}

export interface SshOptions {
  host: string;
  /** 22 by default. */
  port?: number | undefined;
  /** Who runs the program by default. */
  user?: string | undefined;
  credentials: SshCredentials;
  hostKeys: HostKeyPolicy;
  /** How long connecting may take, and how long a silent server is believed to be there. */
  timeoutMs: number;
  /** A server that is logged in to first, from which this one is reached. */
  via?: Omit<SshOptions, 'via'> | undefined;
  /** Which program hints name; `sftp` by default. */
  program?: 'sftp' | 'ssh' | undefined;
}

const HOST_KEY_TYPES: ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];
const OWN_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const KEEPALIVES = 3;

/** Types of keys in the order in which to ask for them: those that are known first, so that the server shows one of them. */
function preferred(types: readonly string[]): ServerHostKeyAlgorithm[] {
  const isKnown = (algorithm: string): boolean => types.includes(algorithm) || (types.includes('ssh-rsa') && algorithm.startsWith('rsa-'));
  return [...HOST_KEY_TYPES.filter(isKnown), ...HOST_KEY_TYPES.filter((algorithm) => !isKnown(algorithm))];
}

/** @throws MailrecoverError `key` where the key can't be used */
async function keyMethod(username: string, { text, name, passphrase }: NonNullable<SshCredentials['key']>): Promise<AnyAuthMethod> {
  const { default: ssh2 } = await import('ssh2');
  const parsed = ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) {
    const isLocked = /passphrase|encrypted|decrypt/i.test(parsed.message);
    const why = !isLocked
      ? 'it is no SSH private key in a format that is known'
      : passphrase === undefined
        ? 'it is wrapped in a passphrase'
        : 'its passphrase is wrong';
    throw new MailrecoverError('key', `the SSH key '${name}' can't be used: ${why}`, {
      subject: name,
      hint: isLocked ? 'name the passphrase by a reference, or load the key into an agent' : "make one with 'ssh-keygen -t ed25519'",
    });
  }
  return { type: 'publickey', username, key: text, ...(passphrase === undefined ? {} : { passphrase }) };
}

/** The user's own keys that are not wrapped in a passphrase. */
async function ownKeys(username: string): Promise<AnyAuthMethod[]> {
  const methods: AnyAuthMethod[] = [];
  for (const file of OWN_KEYS) {
    const name = join(homedir(), '.ssh', file);
    try {
      methods.push(await keyMethod(username, { text: readFileSync(name, 'utf8'), name }));
    } catch {
      // Not there, or of no use without a passphrase.
    }
  }
  return methods;
}

async function methodsOf({ credentials }: SshOptions, username: string): Promise<AnyAuthMethod[]> {
  const { key, agent, password } = credentials;
  const methods: AnyAuthMethod[] = [];
  if (key !== undefined) methods.push(await keyMethod(username, key));
  if (agent !== undefined) methods.push({ type: 'agent', username, agent });
  if (password !== undefined) {
    methods.push(
      { type: 'password', username, password },
      {
        type: 'keyboard-interactive',
        username,
        prompt: (_name, _instructions, _lang, prompts, answer) => answer(prompts.map(() => password)),
      },
    );
  }
  if (methods.length > 0) return methods;
  const ownAgent = process.env['SSH_AUTH_SOCK'];
  if (ownAgent !== undefined && ownAgent !== '') methods.push({ type: 'agent', username, agent: ownAgent });
  return [...methods, ...(await ownKeys(username))];
}

/**
 * Connects and logs in.
 * @throws MailrecoverError `unreachable`; `key` where the server is not the one that is known, or does not let us in
 */
export async function connectSsh(options: SshOptions): Promise<Client> {
  const { host, port = 22, hostKeys, timeoutMs } = options;
  const username = options.user ?? userInfo().username;
  const methods = await methodsOf(options, username);
  if (methods.length === 0) {
    throw new MailrecoverError('key', `there is no key, agent or password to log in to '${host}' with`, {
      subject: host,
      hint: `name a private key: '${options.program ?? 'sftp'}: { key: file:/… }' in the configuration`,
    });
  }
  const { default: ssh2 } = await import('ssh2');
  const jump = options.via === undefined ? undefined : await connectSsh({ ...options.via, program: options.program });
  const client = new ssh2.Client();
  let refused: MailrecoverError | undefined;
  const config: ConnectConfig = {
    host,
    port,
    username,
    authHandler: methods,
    readyTimeout: timeoutMs,
    keepaliveInterval: Math.max(1000, Math.floor(timeoutMs / KEEPALIVES)),
    keepaliveCountMax: KEEPALIVES,
    algorithms: { serverHostKey: preferred(knownTypes({ host, port }, hostKeys)) },
    hostVerifier: (key: Buffer): boolean => {
      refused = judgeHostKey({ host, port }, key, hostKeys);
      return refused === undefined;
    },
  };
  const where = `${username}@${host}${port === 22 ? '' : `:${port}`}`;
  const program = options.program ?? 'sftp';
  if (jump !== undefined) {
    config.sock = await forwarded(jump, host, port, where, program);
    client.once('close', () => jump.end());
  }
  await new Promise<void>((resolve, reject) => {
    const fail = (error?: Error): void => {
      client.destroy();
      reject(refused ?? connectError(error, where, program));
    };
    client.once('ready', resolve);
    // For good: an error that nobody listens for ends the program. What comes after 'ready' changes nothing here.
    client.on('error', fail);
    client.on('close', () => fail());
    // Requests are small and many: each would wait for the acknowledgement of the one before.
    client.once('connect', () => client.setNoDelay(true));
    client.connect(config);
  });
  return client;
}

/** A connection to the server from the host that was logged in to first. */
async function forwarded(jump: Client, host: string, port: number, where: string, program: Program): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    jump.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
      if (error === undefined) return resolve(channel);
      jump.end();
      reject(unreachableServer(error, where, program));
    });
  });
}

type Program = 'sftp' | 'ssh';

function connectError(error: (Error & { level?: string }) | undefined, where: string, program: Program): MailrecoverError {
  if (error?.level === 'client-authentication') {
    return new MailrecoverError('key', `the server does not let '${where}' in`, {
      subject: where,
      hint: `put the public key into its authorized_keys there, and name the private one: '${program}: { key: file:/… }'`,
      cause: error,
    });
  }
  return unreachableServer(error, where, program);
}

/** What became of a connection, in words. */
export function unreachableServer(error: Error | undefined, where: string, program: Program = 'sftp'): MailrecoverError {
  const code = systemCode(error);
  const why =
    error === undefined
      ? 'it closed the connection'
      : (networkMeaning(code) ?? (/timed? ?out|keepalive/i.test(error.message) ? 'it does not answer' : error.message.toLowerCase()));
  return new MailrecoverError('unreachable', `unable to reach '${where}': ${why}`, {
    subject: where,
    hint: `try '${program} ${where.includes(':') ? `-${program === 'ssh' ? 'p' : 'P'} ${where.slice(where.lastIndexOf(':') + 1)} ${where.slice(0, where.lastIndexOf(':'))}` : where}' on this host`,
    ...(error === undefined ? {} : { cause: error }),
  });
}
