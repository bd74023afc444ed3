import { type ByteString, displayBytes, toBytes, toText } from '../bytes.ts';
import { mutf7Decode, mutf7Encode } from './mutf7.ts';

/** How folders lie on disk, and how Dovecot shows them to IMAP clients: one namespace. */
export interface FolderLayout {
  /** `maildir++`: `A/B` lies in `.A.B`; `fs`: in `A/B`. */
  layout: 'maildir++' | 'fs';
  /** Between the levels of a folder's name, one character. */
  separator: string;
  /** What the namespace puts before each name, with the separator: `INBOX/`, `Public/`, or nothing. */
  prefix: string;
  /** Whether the root is INBOX (`inbox = yes` in the namespace). */
  inbox: boolean;
  /** Names on disk are UTF-8 rather than modified UTF-7 (`mailbox_list_utf8`, `:UTF-8`). */
  utf8: boolean;
  /** Character that the listescape plugin (or `mailbox_list_storage_escape_char`) puts before two hex digits. */
  escape?: string;
}

/** Maildir++ as Dovecot has it when nothing is said, with `/` between the levels. */
export const DEFAULT_LAYOUT: FolderLayout = { layout: 'maildir++', separator: '/', prefix: '', inbox: true, utf8: false };

/**
 * Stands before the hex digits of a character that would make two names alike, where Dovecot has no escape character of
 * its own.
 */
const OWN_ESCAPE = '\\';

/**
 * The IMAP name of the folder in a directory; `dir` is relative to the mail root, `''` is the root itself. Names that
 * are neither in the encoding of the layout nor UTF-8 come with their bytes percent-encoded. Undefined for a directory
 * that is no folder by the layout (`sieve` in Maildir++).
 */
export function folderName(dir: ByteString, layout: FolderLayout = DEFAULT_LAYOUT): string | undefined {
  if (dir === '') return layout.inbox ? 'INBOX' : trimmedPrefix(layout);
  let levels: string[];
  if (layout.layout === 'maildir++') {
    // mailbox-list-maildir.c: directories of the root whose names begin with the separator.
    if (!dir.startsWith('.') || dir.includes('/')) return undefined;
    levels = decodeLevels(dir.slice(1).split('.'), layout);
  } else levels = decodeLevels(dir.split('/'), layout);

  const [first = ''] = levels;
  // A directory named INBOX is another folder than the root; Dovecot hides it, we must not mix them up.
  if (layout.prefix === '' && layout.inbox && levels.length === 1 && first.toUpperCase() === 'INBOX') {
    return escapeChar(layout, first.charAt(0)) + first.slice(1);
  }
  return layout.prefix + levels.join(layout.separator);
}

/**
 * The directory, relative to the mail root, of a folder with this IMAP name; undefined where the layout has no place
 * for it (empty levels, `..`, another namespace's prefix, a dot in a level of Maildir++ without an escape character).
 */
export function folderDir(name: string, layout: FolderLayout = DEFAULT_LAYOUT): ByteString | undefined {
  if (layout.inbox ? name.toUpperCase() === 'INBOX' : name === trimmedPrefix(layout)) return '';
  if (!name.startsWith(layout.prefix)) return undefined;
  const levels: ByteString[] = [];
  for (const level of name.slice(layout.prefix.length).split(layout.separator)) {
    const bytes = encodeLevel(level, layout);
    if (bytes === undefined) return undefined;
    levels.push(bytes);
  }
  return layout.layout === 'maildir++' ? `.${levels.join('.')}` : levels.join('/');
}

function trimmedPrefix(layout: FolderLayout): string {
  return layout.prefix.endsWith(layout.separator) ? layout.prefix.slice(0, -layout.separator.length) : layout.prefix;
}

function decodeLevels(levels: readonly ByteString[], layout: FolderLayout): string[] {
  return levels.map((level) => {
    const text = (layout.utf8 ? toText(level) : mutf7Decode(level)) ?? displayBytes(level);
    const plain =
      layout.escape === undefined
        ? text
        : text.replace(escaped(layout.escape), (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    return plain.replaceAll(layout.separator, escapeChar(layout, layout.separator));
  });
}

function encodeLevel(level: string, layout: FolderLayout): ByteString | undefined {
  let text = level.replace(escaped(layout.escape ?? OWN_ESCAPE), (whole, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    return char === layout.separator || /^i$/i.test(char) ? char : whole;
  });
  const { escape } = layout;
  const forbidden = layout.layout === 'maildir++' ? /[./]/g : /\//g;
  if (escape !== undefined) {
    // Plugins.Listescape: the escape character itself is escaped, too.
    text = text.replaceAll(escape, escapeChar(layout, escape)).replace(forbidden, (char) => escapeChar(layout, char));
  }
  if (text === '' || text === '.' || text === '..' || text.includes('\0') || text.search(forbidden) >= 0) return undefined;
  return layout.utf8 ? toBytes(text) : mutf7Encode(text);
}

function escapeChar(layout: FolderLayout, char: string): string {
  return `${layout.escape ?? OWN_ESCAPE}${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function escaped(escape: string): RegExp {
  return new RegExp(`${escape.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}([0-9a-f]{2})`, 'gi');
}

/**
 * Where the control files of a folder lie below a separate control directory: as its mail below the root, except that INBOX has a
 * directory of its own there (Dovecot's mailbox_list_get_path for MAILBOX_LIST_PATH_TYPE_CONTROL).
 */
export function controlDir(dir: ByteString, layout: FolderLayout['layout']): ByteString {
  if (dir !== '') return dir;
  return layout === 'fs' ? 'INBOX' : '.INBOX';
}
