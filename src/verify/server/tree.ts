import { lchownSync, lstatSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import { type ByteString, displayBytes, fsPath, toBytes } from '../../store/bytes.ts';
import { openToGroup } from './root.ts';
import type { ExpectedMailbox } from './types.ts';

/** The parts of a mailbox in the scratch copy, ready to be served. */
export interface PreparedTree {
  mailPath: ByteString;
  controlPath: ByteString;
  altPath?: ByteString;
  indexPath?: ByteString;
  inboxPath?: ByteString;
  uid: number;
  gid: number;
  /** Symbolic links that were removed from the copy. */
  links: number;
}

export interface TreeOptions {
  /** Symbolic links resolved. */
  scratch: string;
  privileged: boolean;
  /** Whom files that belong to root are given to, for Dovecot serves no mail as root; and the group that mail processes are members of. */
  internal: { uid: number; gid: number };
}

/**
 * Makes a restored mailbox fit to be served, without a way out of the copy: every symbolic link in it is removed, for the server would follow it, and so change
 * mail that is not a copy. As root, what belongs to root is given to Dovecot's own user, and the directories above are opened to its group.
 * @returns undefined when the mailbox is not there
 * @throws {MailrecoverError} `refused` when it lies outside the scratch directory
 */
export function prepareTree(
  {
    mailPath,
    controlPath: control,
    altPath,
    indexPath,
    inboxPath,
  }: Pick<ExpectedMailbox, 'mailPath' | 'controlPath' | 'altPath' | 'indexPath' | 'inboxPath'>,
  options: TreeOptions,
): PreparedTree | undefined {
  const real = realInside(mailPath, options.scratch);
  if (real === undefined) return undefined;
  const realControl = control === undefined ? real : realInside(control, options.scratch);
  if (realControl === undefined) return undefined;
  const alt = altPath === undefined ? undefined : realInside(altPath, options.scratch);
  const index = indexPath === undefined ? undefined : realInside(indexPath, options.scratch);

  const inbox = inboxPath === undefined ? undefined : realInside(inboxPath, options.scratch);

  const own = process.getuid?.() ?? 0;
  const owner = lstatSync(fsPath(real));
  const uid = !options.privileged ? own : owner.uid === 0 ? options.internal.uid : owner.uid;
  const gid = !options.privileged ? (process.getgid?.() ?? 0) : owner.gid === 0 ? options.internal.gid : owner.gid;
  let links = 0;
  for (const tree of new Set([real, realControl, alt, index, inbox])) {
    if (tree === undefined) continue;
    links += cleanTree(tree, options.privileged ? { uid, gid } : undefined);
    if (options.privileged) {
      const top = toBytes(options.scratch);
      for (let at = dirname(tree); at.length >= top.length; at = dirname(at)) openToGroup(fsPath(at), options.internal.gid);
    }
  }
  const others = {
    ...(alt === undefined ? {} : { altPath: alt }),
    ...(index === undefined ? {} : { indexPath: index }),
    ...(inbox === undefined ? {} : { inboxPath: inbox }),
  };
  return { mailPath: real, controlPath: realControl, ...others, uid, gid, links };
}

function realInside(path: ByteString, scratch: string): ByteString | undefined {
  let real: ByteString;
  try {
    real = realpathSync(fsPath(path), { encoding: 'latin1' });
  } catch {
    return undefined;
  }
  const top = toBytes(scratch);
  if (real.startsWith(`${top}/`)) return real;
  throw new MailrecoverError('refused', `'${displayBytes(path)}' does not lie in the scratch directory '${scratch}'`, {
    subject: displayBytes(path),
  });
}

/** @returns how many links were removed */
function cleanTree(top: ByteString, newOwner: { uid: number; gid: number } | undefined): number {
  let links = 0;
  const give = (path: ByteString): void => {
    if (newOwner !== undefined && lstatSync(fsPath(path)).uid === 0) lchownSync(fsPath(path), newOwner.uid, newOwner.gid);
  };
  if (!lstatSync(fsPath(top)).isDirectory()) {
    give(top);
    return 0;
  }
  const directories = [top];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    give(directory);
    for (const entry of readdirSync(fsPath(directory), { withFileTypes: true, encoding: 'latin1' })) {
      const path = `${directory}/${entry.name}`;
      if (entry.isSymbolicLink()) {
        rmSync(fsPath(path));
        // Dovecot's own note where the alternative storage lies; it makes another.
        if (entry.name !== 'dbox-alt-root') links++;
      } else if (entry.isDirectory()) directories.push(path);
      else give(path);
    }
  }
  return links;
}
