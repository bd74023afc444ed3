import { type ByteString, toBytes } from '../../store/bytes.ts';
import { folderDir } from '../../store/maildir/layout.ts';
import { mutf7Decode, mutf7Encode } from '../../store/maildir/mutf7.ts';
import type { ExpectedFolder, ExpectedMailbox } from './types.ts';

type Layout = Pick<ExpectedMailbox, 'layout' | 'utf8'>;

/** Where a folder lies below the mail root; undefined where its name has no place there. */
export function expectedDir(folder: ExpectedFolder, mailbox: ExpectedMailbox): ByteString | undefined {
  if (folder.dir !== undefined) return folder.dir;
  return folderDir(folder.name, {
    layout: mailbox.layout,
    separator: mailbox.separator,
    prefix: mailbox.prefix ?? '',
    inbox: mailbox.inbox ?? true,
    utf8: mailbox.utf8,
    ...(mailbox.escape === undefined ? {} : { escape: mailbox.escape }),
  });
}

/**
 * The name, as it goes over the wire, under which the private server serves a directory: its namespace has the separator `/`, no prefix and no plugin, so
 * that each directory has exactly one name whatever the live server's settings are.
 */
export function wireName(dir: ByteString, { layout, utf8 }: Layout): string {
  if (dir === '') return 'INBOX';
  const levels = layout === 'maildir++' ? dir.replace(/^\./, '').replaceAll('.', '/') : dir;
  return utf8 ? mutf7Encode(Buffer.from(levels, 'latin1').toString('utf8')) : levels;
}

/** The directory behind a name that the private server lists. */
export function wireDir(name: string, { layout, utf8 }: Layout): ByteString {
  if (name.toUpperCase() === 'INBOX') return '';
  const text = utf8 ? toBytes(mutf7Decode(name) ?? name) : name;
  return layout === 'maildir++' ? `.${text.replaceAll('/', '.')}` : text;
}

/** Where a directory lies below a root. */
export function below(root: ByteString, dir: ByteString): ByteString {
  return dir === '' ? root : `${root}/${dir}`;
}

/** Where a folder's control files lie below a control path of their own: there INBOX has a directory, too. */
export function controlDir(dir: ByteString, { layout }: Layout): ByteString {
  if (dir !== '') return dir;
  return layout === 'maildir++' ? '.INBOX' : 'INBOX';
}
