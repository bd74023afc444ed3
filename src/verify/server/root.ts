import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';

/** The directories that the server's settings name, and what has to be removed with them. */
export interface ServerRoot {
  /** Leads to `work`. */
  path: string;
  /** Where its sockets lie: not behind a link, for Dovecot resolves it. Not there yet. */
  run: string;
  /** A directory of ours with a link to `work` and the sockets; absent where `work` itself would do. */
  alias?: string;
}

/** Settings can hold such a path without escapes. */
const PLAIN_PATH = /^(?:\/[A-Za-z0-9._-]+)+$/;

/** A Unix socket's path has at most 107 bytes (unix(7)); the longest below the root is `run/token-login/imap-urlauth`. */
const MAX_ROOT = 70;

/**
 * Short paths of plain characters that lead to `work`, or stand for it: itself, or else a directory of its own under /tmp, where `work` is long or has blanks or letters
 * that Dovecot's settings would take for something else.
 */
export function serverRoot(work: string): ServerRoot {
  const real = realpathSync(work);
  if (PLAIN_PATH.test(real) && real.length <= MAX_ROOT) return { path: real, run: join(real, 'run') };
  const alias = mkdtempSync('/tmp/mailrecover-');
  chmodSync(alias, 0o711);
  symlinkSync(real, join(alias, 'w'));
  return { path: join(alias, 'w'), run: join(alias, 'run'), alias };
}

/** @returns what could not be removed */
export function removeRoot(root: Pick<ServerRoot, 'path' | 'alias'>, entries: readonly string[]): string[] {
  const left: string[] = [];
  for (const path of [...entries.map((entry) => join(root.path, entry)), ...(root.alias === undefined ? [] : [root.alias])]) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      left.push(path);
    }
  }
  return left;
}

/** Makes a directory that others may pass through, but not list. */
export function makePassage(path: string): void {
  mkdirSync(path, { mode: 0o711 });
  chmodSync(path, 0o711);
}

/**
 * Dovecot's processes run as other users than we do: they must be able to pass through everything above `path`.
 * @throws {MailrecoverError} `usage` where they cannot
 */
export function requirePassage(path: string): void {
  for (let at = dirname(realpathSync(path)); at !== '/'; at = dirname(at)) {
    if ((lstatSync(at).mode & 0o001) === 0) {
      throw new MailrecoverError('usage', `the mail's owners may not enter '${at}', so dovecot could not read a copy below it`, {
        hint: 'name another place with --scratch, for example below /var/tmp',
        subject: at,
      });
    }
  }
}

/** Lets members of `gid` pass through a directory that is ours to change. */
export function openToGroup(path: string | Buffer, gid: number): void {
  const { mode, uid } = lstatSync(path);
  if ((mode & 0o001) !== 0) return;
  chownSync(path, uid, gid);
  chmodSync(path, (mode & 0o7777) | 0o010);
}
