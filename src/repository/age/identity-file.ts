/** Age identity files: private keys, as `age-keygen` writes them, bare or wrapped in a passphrase (`age -p`). */
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { isoNow } from '../../system/clock.ts';
import { writeDurable } from '../../system/files.ts';
import { parseIdentity, type Identity } from './keys.ts';
import { passphraseIdentity, passphraseRecipient } from './passphrase.ts';

const BINARY = 'age-encryption.org/v1\n';
const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';
/** No identity file is larger; a disk image named by mistake is not read whole. */
const MAX_SIZE = 1024 * 1024;
const ATTEMPTS = 3;

export interface LoadIdentitiesOptions {
  /** Asked for the passphrase of a wrapped file, again where it was wrong. Without it such a file is an error. */
  askPassphrase?: (file: string) => Promise<string>;
  /** Gets a warning for each file that others than its owner can read. */
  findings?: Finding[];
}

/**
 * Reads the identities of all files, each once. No error ever holds a secret.
 * @throws MailrecoverError `key` where a file is missing, unreadable, empty or no identity file, or its passphrase is wrong
 */
export async function loadIdentities(files: readonly string[], options: LoadIdentitiesOptions = {}): Promise<Identity[]> {
  const identities = new Map<string, Identity>();
  for (const file of files) {
    const { bytes, mode } = await readKeyFile(file);
    const wrapped = isWrapped(bytes);
    if (!wrapped && (mode & 0o077) !== 0) {
      options.findings?.push({
        severity: 'warning',
        code: 'identity-readable',
        message: `others than its owner can read the private key '${file}'`,
        hint: `chmod 600 '${file}'`,
        subject: file,
      });
    }
    const text = wrapped ? await unwrap(bytes, file, options.askPassphrase) : bytes.toString('utf8');
    for (const identity of parseIdentityFile(text, file)) identities.set(identity.recipient.text, identity);
  }
  return [...identities.values()];
}

/** What lies at the place of an identity file: nothing, a private key that anyone who gets the file can use, or one in a passphrase. */
export type IdentityFileState = 'absent' | 'bare' | 'wrapped';

/** Looks at an identity file without needing its passphrase. A file that this user can't read counts as bare: it is there. */
export function identityFileState(file: string): IdentityFileState {
  try {
    return isWrapped(readFileSync(file)) ? 'wrapped' : 'bare';
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '') ? 'absent' : 'bare';
  }
}

/**
 * Reads the text of an identity file: comments, blank lines, and one or more `AGE-SECRET-KEY-1…`.
 * @throws MailrecoverError `key`, naming the line and never what stands there
 */
export function parseIdentityFile(text: string, file: string): Identity[] {
  const identities: Identity[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    try {
      identities.push(parseIdentity(line));
    } catch (error) {
      const said = reasonOf(line) ?? (error instanceof Error ? error.message : 'it is not an age identity');
      throw new MailrecoverError('key', `line ${index + 1} of '${file}' can not be used: ${said}`, { subject: file, hint: HINT });
    }
  }
  if (identities.length === 0) throw new MailrecoverError('key', `'${file}' holds no age identity`, { subject: file, hint: HINT });
  return identities;
}

const HINT = "an identity file holds a line that begins with AGE-SECRET-KEY-1, as 'age-keygen' writes it";

/** Why a line that looks like some other kind of key is no use. */
function reasonOf(line: string): string | undefined {
  if (line.startsWith('age1')) return 'it is a public key, and the private one is needed';
  if (line.startsWith('AGE-PLUGIN-')) return 'identities of age plugins are not supported';
  if (line.startsWith('AGE-SECRET-KEY-PQ-')) return 'only X25519 identities of age are supported';
  return line.startsWith('-----BEGIN') ? 'it is another kind of key; SSH and PGP keys are not supported' : undefined;
}

/**
 * Writes a new identity file, 0600, with the comments that `age-keygen` writes.
 * @param secret `AGE-SECRET-KEY-1…`
 * @param options.passphrase wraps the file (`age` asks for it then, too)
 * @throws MailrecoverError `refused` where something lies there already, `io`, `no-space`
 */
export async function writeIdentity(path: string, secret: string, options: { passphrase?: string } = {}): Promise<void> {
  if (identityFileState(path) !== 'absent') {
    throw new MailrecoverError('refused', `'${path}' is there already, and a private key is never overwritten`, {
      hint: 'move it to a safe place first',
      subject: path,
    });
  }
  const { recipient } = parseIdentity(secret);
  const text = `# created: ${isoNow()}\n# public key: ${recipient.text}\n${secret}\n`;
  await writeDurable(path, options.passphrase === undefined ? text : await wrap(text, options.passphrase), 0o600);
}

function isWrapped(bytes: Buffer): boolean {
  return bytes.subarray(0, BINARY.length).equals(Buffer.from(BINARY)) || bytes.toString('latin1', 0, 256).trimStart().startsWith(ARMOR);
}

async function readKeyFile(file: string): Promise<{ bytes: Buffer; mode: number }> {
  try {
    const handle = await open(file, 'r');
    try {
      const stat = await handle.stat();
      if (stat.size > MAX_SIZE) throw new MailrecoverError('key', `'${file}' is too large for an identity file`, { subject: file });
      return { bytes: await handle.readFile(), mode: stat.isFile() ? stat.mode : 0o600 };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { message } = ioError(error, 'read the identity file', file);
    throw new MailrecoverError('key', message, {
      subject: file,
      hint: 'name the file that holds the private key with --identity FILE',
      cause: error,
    });
  }
}

async function unwrap(bytes: Buffer, file: string, ask: LoadIdentitiesOptions['askPassphrase']): Promise<string> {
  if (ask === undefined) {
    throw new MailrecoverError('key', `'${file}' is wrapped in a passphrase, and there is no terminal to ask for it`, {
      subject: file,
      hint: `run the command at a terminal, or unwrap the file first: age -d '${file}'`,
    });
  }
  const { armor, Decrypter } = await import('age-encryption');
  const refused = (what: string, cause?: unknown): MailrecoverError =>
    new MailrecoverError('key', `'${file}' ${what}`, { subject: file, cause });
  let stored: Uint8Array = bytes;
  if (!bytes.subarray(0, BINARY.length).equals(Buffer.from(BINARY))) {
    try {
      stored = armor.decode(bytes.toString('latin1'));
    } catch (cause) {
      throw refused('is damaged', cause);
    }
  }
  if (!/^-> scrypt /m.test(Buffer.from(stored.subarray(0, 512)).toString('latin1')))
    throw refused('is encrypted to another key, not to a passphrase');
  for (let attempt = 1; ; attempt++) {
    const decrypter = new Decrypter();
    decrypter.addIdentity(passphraseIdentity(await ask(file)));
    try {
      return await decrypter.decrypt(stored, 'text');
    } catch (cause) {
      if (attempt === ATTEMPTS) throw refused('does not open with this passphrase', cause);
    }
  }
}

async function wrap(text: string, passphrase: string): Promise<string> {
  const { armor, Encrypter, Stanza } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.addRecipient(passphraseRecipient(passphrase, (args, body) => new Stanza(args, body)));
  return `${armor.encode(await encrypter.encrypt(text)).trimEnd()}\n`;
}
