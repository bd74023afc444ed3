/**
 * Dovecot's own tools on one mailbox, by its place on the disk and as its owner. Neither a running Dovecot nor its directory of users is needed: on a
 * standby, and on a host that was fenced, there is none.
 */
import { MailrecoverError } from '../../../errors/error.ts';
import { type ByteString, displayBytes, toBytes } from '../../../store/bytes.ts';
import { lstatIfThere } from '../../../store/stat.ts';
import { run } from '../../../system/exec.ts';
import type { MailboxPlace } from '../place.ts';

export interface BoxAccess {
  /** Dovecot's configuration file, where it is not the usual one. */
  dovecot?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface BoxOwner {
  uid: number;
  gid: number;
}

/** Before that series dsync spoke otherwise. */
const OLDEST = '2.3';
const STATE_MS = 600_000;
const VERSION_MS = 30_000;
const MAX_BYTES = 1024 * 1024 * 1024;

/** By whom the mailbox is to be opened: its owner. undefined where it is not there. */
export function boxOwner({ root }: Pick<MailboxPlace, 'root'>): BoxOwner | undefined {
  const stats = lstatIfThere(root);
  return stats === undefined ? undefined : { uid: stats.uid, gid: stats.gid };
}

/**
 * The command that opens the mailbox where it lies. The kernel ends it together with this process.
 * @param end by which signal: what writes on a standby must not live on for a moment; what only reads, on a host that serves perhaps, puts away its locks first
 * @throws MailrecoverError `config` where its name or owner is none that Dovecot could be told
 */
export async function boxCommand(
  place: MailboxPlace,
  { uid, gid }: BoxOwner,
  { dovecot, signal }: BoxAccess,
  args: readonly string[],
  end: 'KILL' | 'TERM' = 'TERM',
): Promise<[string, string[]]> {
  const user = named(place, place.mailbox);
  const isRoot = process.getuid?.() === 0;
  if (isRoot && uid === 0)
    throw new MailrecoverError('config', `mailbox '${user}' belongs to root, as whom Dovecot must not open mail`, {
      hint: `give it to the user of its mail: chown -R … '${displayBytes(place.root)}'`,
      subject: user,
    });
  const owner = isRoot ? [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] : [];
  const home = place.home ?? place.root.slice(0, Math.max(1, place.root.lastIndexOf('/')));
  return [
    'setpriv',
    [
      `--pdeathsig=${end}`,
      ...owner,
      'env',
      `USER=${user}`,
      `HOME=${named(place, home)}`,
      'doveadm',
      ...(dovecot === undefined ? [] : ['-c', dovecot]),
      '-o',
      'stats_writer_socket_path=',
      ...location(place, await dovecotVersion(signal)).flatMap((setting) => ['-o', setting]),
      ...args,
    ],
  ];
}

/** Runs it to its end. @returns what it printed @throws MailrecoverError `failed`, `not-found`, `config` */
export async function runBox(place: MailboxPlace, owner: BoxOwner, access: BoxAccess, args: readonly string[]): Promise<string> {
  const [command, words] = await boxCommand(place, owner, access, args);
  const user = displayBytes(place.mailbox);
  try {
    const { stdout } = await run(command, words, {
      timeoutMs: STATE_MS,
      maxBytes: MAX_BYTES,
      ...(access.signal === undefined ? {} : { signal: access.signal }),
    });
    return stdout;
  } catch (error) {
    if (!(error instanceof MailrecoverError)) throw error;
    throw new MailrecoverError('failed', `dovecot can not open mailbox '${user}': ${error.message}`, {
      hint: 'see what doveadm says there; its configuration must be readable for the owner of the mail',
      subject: user,
      cause: error,
    });
  }
}

let version: Promise<string> | undefined;

/** As `dovecot --version` says it. @throws MailrecoverError `not-found` where there is none, `config` where it is too old */
function dovecotVersion(signal: AbortSignal | undefined): Promise<string> {
  version ??= askVersion(signal);
  version.catch(() => (version = undefined));
  return version;
}

async function askVersion(signal: AbortSignal | undefined): Promise<string> {
  let said: string;
  try {
    said = (await run('dovecot', ['--version'], { timeoutMs: VERSION_MS, ...(signal === undefined ? {} : { signal }) })).stdout;
  } catch (error) {
    if (!(error instanceof MailrecoverError) || error.code !== 'not-found') throw error;
    throw new MailrecoverError('not-found', 'Dovecot is not installed here, and only it can copy sdbox and mdbox', {
      hint: 'install the same packages of Dovecot on both hosts: standby prepare --check names what differs',
      cause: error,
    });
  }
  const found = /^\d+\.\d+/.exec(said)?.[0] ?? '0';
  const [major = 0, minor = 0] = found.split('.').map(Number);
  if (major > 2 || (major === 2 && minor >= 3)) return found;
  throw new MailrecoverError('config', `Dovecot ${said.trim()} is too old to copy sdbox and mdbox: ${OLDEST} or later is needed`, {
    hint: 'bring both hosts to the same version of Dovecot',
  });
}

/** Where the mail lies, in the words of Dovecot's series. */
function location(place: MailboxPlace, series: string): string[] {
  const { format, root, alt, index, control, utf8 } = place;
  const path = (bytes: ByteString): string => named(place, bytes).replaceAll('%', '%%');
  if (series === '2.3') {
    const part = (bytes: ByteString): string => path(bytes).replaceAll(':', '::');
    const more = Object.entries({ ALT: alt, INDEX: index, CONTROL: control }).flatMap(([key, bytes]) =>
      bytes === undefined ? [] : [`${key}=${part(bytes)}`],
    );
    return [`mail_location=${[`${format}:${part(root)}`, ...more, ...(utf8 ? ['UTF-8'] : [])].join(':')}`];
  }
  const more = Object.entries({ mail_alt_path: alt, mail_index_path: index, mail_control_path: control }).flatMap(([key, bytes]) =>
    bytes === undefined ? [] : [`${key}=${path(bytes)}`],
  );
  return [`mail_driver=${format}`, `mail_path=${path(root)}`, ...more, ...(utf8 ? ['mailbox_list_utf8=yes'] : [])];
}

/** A name as an argument. @throws MailrecoverError `config` where it is no text */
function named({ mailbox }: Pick<MailboxPlace, 'mailbox'>, bytes: ByteString): string {
  const text = displayBytes(bytes);
  if (toBytes(text) === bytes) return text;
  throw new MailrecoverError('config', `the name '${text}' is no UTF-8, and Dovecot can not be given it`, {
    hint: 'rename it on both hosts',
    subject: displayBytes(mailbox),
  });
}
