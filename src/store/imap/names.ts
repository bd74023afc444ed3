/** Where the folders of an account lie in its snapshot: as a Maildir of Dovecot's layout `fs`, INBOX at the top. */
import type { ImapFlow, ListResponse } from 'imapflow';
import type { ByteString } from '../bytes.ts';
import { mutf7Encode } from '../maildir/mutf7.ts';

/** A folder of the server that holds, or may hold, messages. */
export interface ServerFolder {
  path: string;
  dir: ByteString;
  subscribed: boolean;
  status: ListResponse['status'];
}

/** Names that a Maildir of this layout has a meaning for, or that a server would not show. */
const RESERVED = /^(cur|new|tmp|dovecot[.-].*|subscriptions|maildirfolder|\..*)$/i;

/** One level as a name of a directory. What can't be one is put as `_`, so that another name may come of it. */
function encodeLevel(level: string): string {
  const plain = level.replaceAll(/[/\0]/g, '_');
  return mutf7Encode(plain === '' ? '_' : RESERVED.test(plain) ? `_${plain}` : plain);
}

/** Levels of a folder's name without the prefix of the personal namespace. */
function levelsOf(path: string, delimiter: string, prefix: string): string[] {
  const plain = prefix !== '' && path.startsWith(prefix) && path.length > prefix.length ? path.slice(prefix.length) : path;
  return delimiter === '' ? [plain] : plain.split(delimiter);
}

/** Directory of a folder; `taken` holds those that others have. */
function dirOf(levels: readonly string[], taken: ReadonlySet<ByteString>): ByteString {
  if (levels.length === 1 && levels[0]?.toUpperCase() === 'INBOX') return '';
  const dir = levels.map(encodeLevel).join('/');
  for (let number = 2; ; number++) {
    const name = number === 2 ? dir : `${dir}~${number - 1}`;
    // Some servers have "inbox" below a prefix beside the real one.
    if (!taken.has(name) && name.toUpperCase() !== 'INBOX') return name;
  }
}

/** The prefixes of what others share with this user. */
function othersPrefixes(client: ImapFlow): string[] {
  const { other, shared } = (client as unknown as { namespaces?: Record<'other' | 'shared', { prefix: string }[] | false> }).namespaces ?? {
    other: false,
    shared: false,
  };
  return [...(other === false ? [] : (other ?? [])), ...(shared === false ? [] : (shared ?? []))].flatMap(({ prefix }) =>
    prefix === '' ? [] : [prefix],
  );
}

function filterOf(patterns: readonly string[]): (dir: string) => boolean {
  const tests = patterns.map((pattern) => new RegExp(`^${pattern.replace(/[\\^$.+?()[\]{}|]/g, '\\$&').replaceAll('*', '.*')}$`, 'isu'));
  return (name) => tests.some((test) => test.test(name));
}

/** The account's own folders, in the order of their directories. */
export function placeFolders(client: ImapFlow, list: readonly ListResponse[], exclude: readonly string[]): ServerFolder[] {
  const { prefix = '', delimiter = '/' } = client.namespace ?? {};
  const others = othersPrefixes(client).filter((each) => each !== prefix);
  const isExcluded = filterOf(exclude);
  const taken = new Set<ByteString>();
  const folders: ServerFolder[] = [];
  // In a fixed order, so that a name that two folders would have is given to the same one each time.
  for (const { path, flags, status, subscribed, delimiter: own } of [...list].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    if (flags.has('\\Noselect') || flags.has('\\NonExistent')) continue;
    if (others.some((each) => path.startsWith(each) || `${path}${delimiter}` === each)) continue;
    const levels = levelsOf(path, own ?? delimiter, prefix);
    if (isExcluded(levels.join('/'))) continue;
    const dir = dirOf(levels, taken);
    taken.add(dir);
    folders.push({ path, dir, subscribed, status });
  }
  return folders.sort((a, b) => (a.dir < b.dir ? -1 : 1));
}
