/** Where a mailbox lies on this host, or would lie. */
import { isHomeName, type StoreSource } from '../../backup/mailboxes.ts';
import { MailrecoverError } from '../../errors/error.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import { locate, realPath } from '../../store/links.ts';
import { expandBytes, fixedPart, parsePattern } from '../../store/pattern.ts';
import type { MailboxName, SyncedArea } from './model.ts';
import type { PrintArea } from './print.ts';

export interface MailboxPlace extends MailboxName {
  /** Root of the mail, without links. */
  root: ByteString;
  control?: ByteString;
  home?: ByteString;
  /** Where indexes lie, if not with the mail. */
  index?: ByteString;
  /** The alternative storage (sdbox, mdbox). */
  alt?: ByteString;
  /** Directories that are the administrator's, by area: everything below them belongs to mailboxes. */
  fixed: Partial<Record<SyncedArea, ByteString>>;
  /** The same of what only Dovecot's own formats have. */
  fixedOf: Partial<Record<'control' | 'index' | 'alt', ByteString>>;
  layout: 'maildir++' | 'fs';
  format: SyncFormat;
  /** Folder names on disk in UTF-8 rather than modified UTF-7. */
  utf8: boolean;
}

/** Formats that are kept alike on both hosts: Maildir by this program, the others by Dovecot's dsync. */
export type SyncFormat = 'maildir' | BoxFormat;
export type BoxFormat = 'sdbox' | 'mdbox';

/** Whether Dovecot has to copy a format. */
export function isBox(format: string | undefined): format is BoxFormat {
  return format === 'sdbox' || format === 'mdbox';
}

/** A store with how its folders lie. */
export type SyncStore = StoreSource & { layout?: 'maildir++' | 'fs'; utf8?: boolean };

/** Of a Maildir. @throws MailrecoverError `config` where this host has no such store, or the store no place for the mailbox */
export function placeOf(name: MailboxName, stores: readonly SyncStore[]): MailboxPlace {
  const format = stores.find((each) => each.name === name.store)?.format ?? 'maildir';
  if (format === 'maildir') return syncPlaceOf(name, stores);
  throw new MailrecoverError('config', `this host has no Maildir store '${name.store}'`, {
    hint: 'give the stores of both hosts the same names in their configurations',
    subject: name.store,
  });
}

/** Of a mailbox in any format that is kept alike. @throws as {@link placeOf} */
export function syncPlaceOf({ store, mailbox }: MailboxName, stores: readonly SyncStore[]): MailboxPlace {
  const source = stores.find(({ name }) => name === store);
  const format = source?.format ?? 'maildir';
  if (source === undefined || (format !== 'maildir' && !isBox(format)))
    throw new MailrecoverError('config', `this host has no store '${store}' that can be kept alike`, {
      hint: 'give the stores of both hosts the same names and formats in their configurations',
      subject: store,
    });
  const root = placeIn(source.path, mailbox);
  const { control, home, index, alt } = source;
  return {
    store,
    mailbox,
    root,
    ...(control === undefined ? {} : { control: placeIn(control, mailbox) }),
    ...(home === undefined ? {} : { home: placeIn(home, mailbox) }),
    ...(index === undefined ? {} : { index: placeIn(index, mailbox) }),
    ...(alt === undefined ? {} : { alt: placeIn(alt, mailbox) }),
    fixed: {
      mail: realPath(fixedPart(parsePattern(source.path))),
      ...(control === undefined ? {} : { control: realPath(fixedPart(parsePattern(control))) }),
      ...(home === undefined ? {} : { home: realPath(fixedPart(parsePattern(home))) }),
    },
    fixedOf: {
      ...(control === undefined ? {} : { control: realPath(fixedPart(parsePattern(control))) }),
      ...(index === undefined ? {} : { index: realPath(fixedPart(parsePattern(index))) }),
      ...(alt === undefined ? {} : { alt: realPath(fixedPart(parsePattern(alt))) }),
    },
    layout: source.layout ?? 'maildir++',
    format,
    utf8: source.utf8 ?? false,
  };
}

/** Where the pattern leads, links resolved as far as it is there. */
function placeIn(text: string, mailbox: ByteString): ByteString {
  const pattern = parsePattern(text);
  const found = locate(pattern, mailbox, []);
  if (found !== undefined) return found.real;
  const path = expandBytes(pattern, mailbox);
  if (path === undefined)
    throw new MailrecoverError('config', `mailbox '${displayBytes(mailbox)}' has no place in '${text}'`, {
      subject: displayBytes(mailbox),
    });
  const fixed = fixedPart(pattern);
  return `${realPath(fixed)}${path.slice(fixed.length)}`;
}

/** The trees of it that are kept alike by this program: of a mailbox that Dovecot copies the Sieve scripts alone. */
export function areasOf({ root, control, home, format }: MailboxPlace): PrintArea[] {
  return [
    ...(isBox(format) ? [] : [{ area: 'mail' as const, root }]),
    ...(control === undefined || isBox(format) ? [] : [{ area: 'control' as const, root: control }]),
    ...(home === undefined ? [] : [{ area: 'home' as const, root: home, only: isHomeName }]),
  ];
}

/** The absolute path of something in a tree of the mailbox. */
export function pathIn(place: MailboxPlace, area: SyncedArea, path: ByteString): ByteString {
  const root = area === 'mail' ? place.root : area === 'control' ? place.control : place.home;
  if (root === undefined)
    throw new MailrecoverError('config', `store '${place.store}' of this host has no '${area}', where the other host has`, {
      hint: 'make the stores in both configurations alike',
      subject: place.store,
    });
  return path === '' ? root : `${root}/${path}`;
}
