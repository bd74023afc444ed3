/** Changes files and accounts of this host; what was there is kept aside, with a journal by which it is put back. */
import { createHash } from 'node:crypto';
import { lstatSync, lutimesSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, lchown, lstat, mkdir, rename, rm, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MailrecoverError, ioError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { displayBytes, fsPath, type ByteString } from '../../store/bytes.ts';
import { isoNow } from '../../system/clock.ts';
import { run } from '../../system/exec.ts';
import { appendDurable, makeDirectory, syncDirectory, writeDurable } from '../../system/files.ts';
import { createOwners } from '../../system/owners.ts';
import { readShadow } from './logins/shadow.ts';
import type { AccountChange, FileChange, HostDirectory } from './model.ts';

export interface WriteRequest {
  run: string;
  files: FileChange[];
  directories: HostDirectory[];
  accounts: AccountChange[];
}

/** One line of the journal, written before the change is made. */
export type JournalLine =
  | { do: 'file'; path: ByteString; was: FileState; becomes: string; at: string }
  | { do: 'directory'; path: ByteString; at: string }
  | { do: 'account'; kind: 'user' | 'group'; name: string; at: string }
  | { do: 'password'; name: string; was: string; becomes: string; at: string };

export type FileState =
  | { kind: 'none' }
  | { kind: 'link'; to: ByteString }
  | { kind: 'file'; sha256: string; mode: number; uid: number; gid: number; mtime: number; kept: string };

export function placeOfRun(state: string, run: string): string {
  return join(state, 'standby', 'prepared', run);
}

/** @throws MailrecoverError where the old state can't be kept: then nothing was changed */
export async function writeChanges(
  state: string,
  { run: name, files, directories, accounts }: WriteRequest,
): Promise<{ written: number; findings: Finding[] }> {
  if (!/^[0-9A-Za-z-]{1,64}$/.test(name)) throw new MailrecoverError('usage', 'that is no name of a run');
  const place = placeOfRun(state, name);
  await makeDirectory(join(place, 'old'));
  const journal = (line: JournalLine): void => appendDurable(join(place, 'journal.jsonl'), `${JSON.stringify(line)}\n`);
  const findings: Finding[] = [];
  for (const account of accounts) await makeAccount(account, journal);
  // Asked after accounts were made: names are remembered.
  const owners = createOwners();
  for (const { path, mode, user, group } of directories) {
    const [uid, gid] = [owners.userId(user), owners.groupId(group)];
    if (uid === undefined || gid === undefined) {
      findings.push(noOwner(path, user, group));
      continue;
    }
    if (exists(path)) continue;
    journal({ do: 'directory', path, at: isoNow() });
    await mkdir(fsPath(path), { mode: 0o700 });
    await lchown(fsPath(path), uid, gid);
    await chmod(fsPath(path), mode);
  }
  let written = 0;
  let number = readdirSync(join(place, 'old')).length;
  for (const change of files) {
    const [uid, gid] = [owners.userId(change.user), owners.groupId(change.group)];
    const shown = displayBytes(change.path);
    if (uid === undefined || gid === undefined) {
      findings.push(noOwner(change.path, change.user, change.group));
      continue;
    }
    try {
      const was = await keep(change.path, join(place, 'old', String(++number)));
      if (stateText(was) !== change.expect) {
        findings.push({
          severity: 'error',
          code: 'changed-meanwhile',
          message: `'${shown}' is not what was shown any more, and is left as it is`,
          hint: 'run it again: mailrecover standby prepare',
          subject: shown,
        });
        continue;
      }
      const becomes = change.to === undefined ? sha256(Buffer.from(change.content ?? '', 'base64')) : `link:${change.to}`;
      journal({ do: 'file', path: change.path, was, becomes, at: isoNow() });
      await put(change, uid, gid);
      written++;
    } catch (error) {
      if (error instanceof MailrecoverError && error.code === 'no-space') throw error;
      if (systemCode(error) === undefined && !(error instanceof MailrecoverError)) throw error;
      findings.push({ severity: 'error', code: 'unwritten', message: ioError(error, 'write', shown).message, subject: shown });
    }
  }
  return { written, findings };
}

function noOwner(path: ByteString, user: string, group: string): Finding {
  const shown = displayBytes(path);
  return {
    severity: 'error',
    code: 'no-owner',
    message: `'${shown}' belongs to ${user}:${group}, whom this host does not know, and is not copied`,
    hint: 'install the package that brings this user, and run it again',
    subject: shown,
  };
}

function exists(path: ByteString): boolean {
  return lstatSync(fsPath(path), { throwIfNoEntry: false }) !== undefined;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function stateText(was: FileState): string | null {
  return was.kind === 'none' ? null : was.kind === 'link' ? `link:${was.to}` : was.sha256;
}

/** Copies what lies at a path aside. @param to where; null where nobody needs it */
export async function keep(path: ByteString, to: string | null): Promise<FileState> {
  const stats = lstatSync(fsPath(path), { throwIfNoEntry: false });
  if (stats === undefined) return { kind: 'none' };
  if (stats.isSymbolicLink()) return { kind: 'link', to: readlinkSync(fsPath(path), { encoding: 'latin1' }) };
  if (!stats.isFile())
    throw new MailrecoverError('refused', `'${displayBytes(path)}' is neither a file nor a link`, {
      hint: 'move it away by hand',
      subject: displayBytes(path),
    });
  const bytes = readFileSync(fsPath(path));
  if (to !== null) await writeDurable(to, bytes, 0o600);
  const { mode, uid, gid, mtimeMs } = stats;
  return { kind: 'file', sha256: sha256(bytes), mode: mode & 0o7777, uid, gid, mtime: Math.floor(mtimeMs / 1000), kept: to ?? '' };
}

/** Writes a file or a link beside its place, and moves it there. */
export async function put(change: Pick<FileChange, 'path' | 'content' | 'to' | 'mode' | 'mtime'>, uid: number, gid: number): Promise<void> {
  const { path, to, mode, mtime } = change;
  const parent = path.slice(0, path.lastIndexOf('/')) || '/';
  const temporary = `${parent}/.tmp-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;
  await rm(fsPath(temporary), { force: true });
  if (to !== undefined) {
    await symlink(fsPath(to), fsPath(temporary));
    await lchown(fsPath(temporary), uid, gid);
    lutimesSync(fsPath(temporary), mtime, mtime);
  } else {
    const { open } = await import('node:fs/promises');
    // Nobody else reads it before it has its owner.
    const handle = await open(fsPath(temporary), 'wx', 0o600);
    try {
      await handle.writeFile(Buffer.from(change.content ?? '', 'base64'));
      await handle.chown(uid, gid);
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await utimes(fsPath(temporary), mtime, mtime);
  }
  await rename(fsPath(temporary), fsPath(path));
  await syncDirectory(dirname(displayBytes(path)));
}

async function makeAccount(
  { kind, name, id, gid, home, shell, hash, members, password }: AccountChange,
  journal: (line: JournalLine) => void,
): Promise<void> {
  if (password === true) {
    const was = readShadow([name])[name] ?? '';
    journal({ do: 'password', name, was, becomes: hash ?? '', at: isoNow() });
    return setHash(name, hash ?? '');
  }
  journal({ do: 'account', kind, name, at: isoNow() });
  if (kind === 'group') {
    await run('groupadd', ['--gid', String(id), '--', name], { okExitCodes: [0, 9], timeoutMs: 30_000 });
    for (const member of members ?? []) await run('gpasswd', ['--add', member, name], { okExitCodes: [0, 3], timeoutMs: 30_000 });
    return;
  }
  await run(
    'useradd',
    [
      '--uid',
      String(id),
      '--gid',
      String(gid),
      '--home-dir',
      home ?? '/nonexistent',
      '--shell',
      shell ?? '/usr/sbin/nologin',
      '--no-create-home',
      '--',
      name,
    ],
    { okExitCodes: [0, 9], timeoutMs: 30_000 },
  );
  if (hash !== undefined) await setHash(name, hash);
}

/** As input: arguments are read by everybody. */
export async function setHash(name: string, hash: string): Promise<void> {
  await run('chpasswd', ['--encrypted'], { input: `${name}:${hash}\n`, timeoutMs: 30_000, secrets: [hash] });
}

/** Whether a path is a plain file that this program may read for the other host. */
export async function contentOf(path: ByteString, allowed: ReadonlySet<ByteString>): Promise<string | null> {
  if (!allowed.has(path)) throw new MailrecoverError('refused', `'${displayBytes(path)}' does not belong to the mail server`);
  try {
    if (!(await lstat(fsPath(path))).isFile()) return null;
    return readFileSync(fsPath(path)).toString('base64');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw ioError(error, 'read', displayBytes(path));
  }
}
