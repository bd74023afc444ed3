/** Paths that stand in settings and in configuration files. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { type ByteString, fsPath } from '../../bytes.ts';

/** Absolute paths in a value: after nothing, a blank, `<` (Dovecot), `type:` (Postfix maps), `name=`, a quote or a brace. */
const PATHS = /(?<=^|[\s,;=:<"'({|])\/(?!\/)[^\s,;:"'(){}<>|]+/g;

/** Programs and what the system makes anew: packages bring the ones, nobody needs the others. */
const NOT_KEPT =
  /^\/(?:usr\/(?!local\/)|bin\/|sbin\/|lib(?:32|64|x32)?\/|dev\/|proc\/|sys\/|run\/|var\/run\/|var\/log\/|etc\/ssl\/certs(?:\/|$))/;

export function pathsIn(value: string): ByteString[] {
  return [...new Set(Array.from(value.matchAll(PATHS), ([path]) => path.replace(/(?<=.)\/+$/, '')))];
}

/** Whether what a setting names may belong to a backup. */
export function isKept(path: ByteString): boolean {
  return !NOT_KEPT.test(path);
}

/** What lies at a path, links followed; undefined for nothing, and for what is neither a file nor a directory. */
export function kindOf(path: ByteString): 'file' | 'directory' | undefined {
  try {
    const stats = statSync(fsPath(path), { throwIfNoEntry: false });
    return stats?.isFile() === true ? 'file' : stats?.isDirectory() === true ? 'directory' : undefined;
  } catch {
    return undefined;
  }
}

/** Configuration files are smaller than this. */
const LARGEST = 4 * 1024 * 1024;

/** The text of a configuration file as a byte string, without lines that are comments; empty where it can't be read. */
export function configText(path: ByteString): string {
  try {
    if (statSync(fsPath(path)).size > LARGEST) return '';
    return readFileSync(fsPath(path), 'latin1').replace(/^[ \t]*[#;].*$/gm, '');
  } catch {
    return '';
  }
}

/** Kept regular files that the text of a configuration file names. */
export function filesNamedIn(path: ByteString): ByteString[] {
  return pathsIn(configText(path)).filter((each) => isKept(each) && kindOf(each) === 'file');
}

/** The directory before the first component with a variable (`%d`, `$domain`); undefined where there is none. */
export function beforeVariables(path: ByteString): ByteString | undefined {
  const at = path.search(/[%$]/);
  if (at < 0) return undefined;
  const fixed = path.slice(0, path.lastIndexOf('/', at));
  // `/etc` or `/var` alone would be everything.
  return fixed.split('/').length > 2 ? fixed : undefined;
}

/** Names in a directory, none where it can't be listed. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path, { encoding: 'latin1' });
  } catch {
    return [];
  }
}
