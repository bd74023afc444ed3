/** Symbolic links on the way to a mailbox, some of which their owners could point at other people's mail. */
import { lstatSync, realpathSync } from 'node:fs';
import { ioError, systemCode } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import { type ByteString, displayBytes, fsPath } from './bytes.ts';
import { expandBytes, fixedPart, type Pattern } from './pattern.ts';
import { lstatIfThere } from './stat.ts';

/** A place as a pattern has it, and where it really lies: no component of `real` is a symbolic link. */
export interface Place {
  path: ByteString;
  real: ByteString;
}

export function below({ path, real }: Place, name: ByteString): Place {
  return { path: `${path === '/' ? '' : path}/${name}`, real: `${real === '/' ? '' : real}/${name}` };
}

/** Where a path really lies; itself where that can't be told. */
export function realPath(path: ByteString): ByteString {
  try {
    return realpathSync(fsPath(path), { encoding: 'latin1' });
  } catch {
    return path;
  }
}

/** What there is to tell of a part of a store that could not be read. */
export function unreadable(error: unknown, action: string, path: ByteString): Finding {
  const shown = displayBytes(path);
  const hint = deniedHint(systemCode(error));
  return {
    severity: 'error',
    code: 'unreadable',
    message: ioError(error, action, shown).message,
    ...(hint === undefined ? {} : { hint }),
    subject: shown,
  };
}

/** CAP_DAC_READ_SEARCH lets a program read all files and change none (capabilities(7)). */
function deniedHint(code: string | undefined): string | undefined {
  if (code !== 'EACCES' && code !== 'EPERM') return undefined;
  return process.getuid?.() === 0
    ? 'this file system refuses root, as NFS with root_squash does; run it as the owner of the mail'
    : "run it as root or as the owner of the mail, or let it read all files and no more: 'AmbientCapabilities=CAP_DAC_READ_SEARCH' in its systemd service (setpriv does the same; see docs/guide.md)";
}

/**
 * A symbolic link to a mailbox, or to a directory on the way to one, is followed only if root made it, or if its
 * owner owns what it leads to. Otherwise a user could have somebody else's files backed up, and restored, as their
 * own mail. A link that is not followed is an error, not a silence: mail may lie behind it.
 * @param findings gets why it is not followed
 * @returns where it leads: that very place is what the owners were compared of, whatever the link becomes meanwhile
 */
export function followLink({ path, real }: Place, wanted: 'directory' | 'file', findings: Finding[]): ByteString | undefined {
  const shown = displayBytes(path);
  try {
    const link = lstatSync(fsPath(real));
    const to = realpathSync(fsPath(real), { encoding: 'latin1' });
    const target = lstatSync(fsPath(to));
    if (wanted === 'directory' ? !target.isDirectory() : !target.isFile()) return undefined;
    if (link.uid === 0 || link.uid === target.uid) return to;
    findings.push({
      severity: 'error',
      code: 'link-not-followed',
      message: `symbolic link '${shown}' belongs to another user than what it leads to`,
      hint: `if it is meant so: chown -h root '${shown}'`,
      subject: shown,
    });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      findings.push({
        severity: 'error',
        code: 'link-broken',
        message: `symbolic link '${shown}' leads nowhere`,
        hint: 'mount the file system that it leads to, or remove the link',
        subject: shown,
      });
    } else findings.push(unreadable(error, 'follow', path));
  }
  return undefined;
}

/** Where the directory of one user really lies, or undefined where there is none that may be read. */
export function locate(pattern: Pattern, user: ByteString, findings: Finding[]): Place | undefined {
  const path = expandBytes(pattern, user);
  if (path === undefined) return undefined;
  const root = fixedPart(pattern);
  let place: Place = { path: root, real: realPath(root) };
  for (const name of path.split('/').slice(1 + pattern.fixed)) {
    place = below(place, name);
    const stat = lstatIfThere(place.real);
    if (stat?.isSymbolicLink() === true) {
      const real = followLink(place, 'directory', findings);
      if (real === undefined) return undefined;
      place = { path: place.path, real };
    } else if (stat?.isDirectory() !== true) return undefined;
  }
  return place;
}
