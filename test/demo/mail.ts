import { spawnSync } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../support/host.ts';
import { CommandFailed } from './show.ts';
import { type Layout, type Owner, writeTree } from '../support/maildir.ts';

export interface DemoMail {
  /** The directory that is backed up. */
  root: string;
  /** Path pattern of a mailbox below {@link root}, as in a configuration. */
  pattern: string;
  layout: Layout;
  users: string[];
  /** One line: what it is and where it came from. */
  about: string;
}

const PATTERN = '%d/%n/Maildir';

/** Three mailboxes with 1,500 made messages. */
export function madeMail(root: string, owner: Owner | undefined): DemoMail {
  const users = ['alice@example.org', 'bob@example.org', 'sato@example.jp'];
  const tree = writeTree({ root, users, messages: 1500, seed: 'demo', ...(owner === undefined ? {} : { owner }) });
  const megabytes = (tree.bytes / 1e6).toFixed(0);
  return {
    root,
    pattern: PATTERN,
    layout: 'maildir++',
    users,
    about: `${tree.messages} made messages (${megabytes} MB) in ${users.length} mailboxes with ${tree.folders} folders`,
  };
}

/**
 * Copies real Maildirs into the scratch directory: one Maildir, or all below a directory. The original is only read.
 * Mailboxes get the name that their path tells, so that `/var/vmail/example.org/alice/Maildir` is alice@example.org.
 */
export function copiedMail(from: string, root: string, owner: Owner | undefined): DemoMail {
  const found = maildirs(from);
  if (found.length === 0) throw new CommandFailed(`no Maildir (a directory with cur and new) was found in ${from}`);
  const users = new Set<string>();
  for (const path of found) {
    const user = nameOf(path, users);
    users.add(user);
    const [name = '', domain = ''] = user.split('@');
    const to = join(root, domain, name, 'Maildir');
    mkdirSync(dirname(to), { recursive: true });
    copy(path, to);
  }
  // The private server runs as another user than the one that owned the original.
  if (owner !== undefined) run('chown', ['-R', `${owner.uid}:${owner.gid}`, root]);
  const nested = found.filter((path) => layoutOf(path) === 'fs').length;
  const layout = nested * 2 > found.length ? 'fs' : 'maildir++';
  return {
    root,
    pattern: PATTERN,
    layout,
    users: [...users],
    about: `a copy of ${found.length} mailbox${found.length === 1 ? '' : 'es'} from ${from}, which stays as it is`,
  };
}

function copy(from: string, to: string): void {
  // cp keeps times, modes and hard links, and shares blocks where the file system can.
  const { status } = spawnSync('cp', ['-a', '--reflink=auto', '--', from, to], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The outermost directories that are Maildirs. */
function maildirs(path: string): string[] {
  if (!isDirectory(path)) return [];
  if (isDirectory(join(path, 'cur')) && isDirectory(join(path, 'new'))) return [path];
  return readdirSync(path).flatMap((name) => (['cur', 'new', 'tmp'].includes(name) ? [] : maildirs(join(path, name))));
}

/** Folders that lie in plain directories, rather than in `.A.B`, are the layout `fs`. */
function layoutOf(path: string): Layout {
  const folders = readdirSync(path).filter((name) => !['cur', 'new', 'tmp'].includes(name) && maildirs(join(path, name)).length > 0);
  return folders.some((name) => !name.startsWith('.')) ? 'fs' : 'maildir++';
}

/** `…/example.org/alice/Maildir` is alice@example.org; where no domain stands in the path, it is demo.example. */
function nameOf(path: string, taken: Set<string>): string {
  const parts = path
    .toLowerCase()
    .split('/')
    .filter((part) => !/^(|\.?maildir|mail)$/.test(part));
  const [name = 'mail', own] = (parts.at(-1) ?? 'mail')
    .replace(/[^a-z0-9._+@-]/g, '-')
    .replace(/^[.@]+/, '')
    .split('@');
  const above = parts.at(-2) ?? '';
  const domain = own ?? (/^[a-z0-9.-]+\.[a-z]{2,}$/.test(above) ? above : 'demo.example');
  for (let number = 1; ; number++) {
    const user = `${name}${number === 1 ? '' : `-${number}`}@${domain}`;
    if (!taken.has(user)) return user;
  }
}
