/** Lets people log in by the snapshot of their hashes in place of the directory, on the host that holds it. */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MailrecoverError } from '../../../errors/error.ts';
import { run } from '../../../system/exec.ts';
import { put } from '../apply.ts';
import { BLOCK_FIRST as FIRST, BLOCK_LAST as LAST, SETTINGS_HEAD } from '../texts.ts';

export type LoginsBy = 'snapshot' | 'directory';

/** Where the snapshot and its settings lie, beside Dovecot's main file. */
export function placesOf(dovecotConf: string): { directory: string; hashes: string; settings: string } {
  const directory = join(dirname(dovecotConf), 'mailrecover');
  return { directory, hashes: join(directory, 'logins'), settings: join(directory, 'logins.conf') };
}

/** Settings that have Dovecot ask the snapshot first: a directory that is gone would be waited for at each login. */
export function snapshotSettings(version: string, hashes: string): string {
  const isNew = !/^2\.[0-3]\b/.test(version);
  const one = (kind: 'passdb' | 'userdb'): string =>
    isNew
      ? `${kind} mailrecover {\n  driver = passwd-file\n  passwd_file_path = ${hashes}\n}\n`
      : `${kind} {\n  driver = passwd-file\n  args = username_format=%u ${hashes}\n}\n`;
  return `${SETTINGS_HEAD}${one('passdb')}${one('userdb')}`;
}

export function usesSnapshot(text: string): boolean {
  return text.includes(`${FIRST}\n`);
}

export function withoutSnapshot(text: string): string {
  const from = text.indexOf(`${FIRST}\n`);
  const to = text.indexOf(`${LAST}\n`, from);
  return from < 0 || to < 0 ? text : text.slice(0, from) + text.slice(to + LAST.length + 1);
}

/** The block stands before all other databases; the version of the configuration comes first in Dovecot 2.4. */
export function withSnapshot(text: string, dovecotConf: string): string {
  const bare = withoutSnapshot(text);
  const block = `${FIRST}\n!include ${placesOf(dovecotConf).settings}\n${LAST}\n`;
  // Each line can be read in one way only: files without a version have many blank ones.
  const head =
    /^(?:(?:[ \t]*#[^\n]*|[ \t]*|dovecot_(?:config|storage)_version[^\n]*)\n)*dovecot_(?:config|storage)_version[^\n]*\n/.exec(bare)?.[0] ??
    '';
  return head + block + bare.slice(head.length);
}

/**
 * Changes dovecot.conf of this host, and has a running Dovecot read it.
 * @throws MailrecoverError `not-found` without a snapshot; `failed` where Dovecot does not understand it: then it is as it was
 */
export async function useLogins(
  by: LoginsBy,
  config: string | undefined,
  signal: AbortSignal,
): Promise<{ changed: boolean; reloaded: boolean; users: number }> {
  const where = config === undefined ? [] : ['-c', config];
  const main =
    config ??
    /^# \S+ \([^)]*\): (\/\S+)/m.exec((await run('doveconf', ['-n'], { timeoutMs: 20_000, signal })).stdout)?.[1] ??
    '/etc/dovecot/dovecot.conf';
  const { hashes, settings } = placesOf(main);
  if (by === 'snapshot' && !(existsSync(hashes) && existsSync(settings)))
    throw new MailrecoverError('not-found', `there is no snapshot of logins at '${hashes}'`, {
      hint: "make one while the directory answers: 'mailrecover standby prepare'",
      subject: hashes,
    });
  const users = existsSync(hashes)
    ? readFileSync(hashes, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#')).length
    : 0;
  const before = readFileSync(main, 'utf8');
  const after = by === 'snapshot' ? withSnapshot(before, main) : withoutSnapshot(before);
  const { mode, uid, gid, mtimeMs } = lstatSync(main);
  const write = (text: string): Promise<void> =>
    put(
      { path: main, content: Buffer.from(text, 'utf8').toString('base64'), mode: mode & 0o7777, mtime: Math.floor(mtimeMs / 1000) },
      uid,
      gid,
    );
  if (after !== before) {
    await write(after);
    try {
      await run('doveconf', [...where, '-n'], { timeoutMs: 20_000 });
    } catch (error) {
      await write(before);
      throw new MailrecoverError(
        'failed',
        `dovecot does not understand its configuration with the snapshot, and has the old one again: ${error instanceof Error ? error.message : String(error)}`,
        {
          hint: 'see what it says: doveconf -n',
          subject: main,
        },
      );
    }
  }
  // One that does not run reads it when it starts.
  const { exitCode } = await run('doveadm', [...where, 'reload'], { timeoutMs: 30_000, okExitCodes: [0, 1, 2, 64, 65, 68, 75, 78, 89] });
  return { changed: after !== before, reloaded: exitCode === 0, users };
}
