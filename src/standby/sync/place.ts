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
  /** Directories that are the administrator's, by area: everything below them belongs to mailboxes. */
  fixed: Partial<Record<SyncedArea, ByteString>>;
  layout: 'maildir++' | 'fs';
}

/** A store with how its folders lie. */
export type SyncStore = StoreSource & { layout?: 'maildir++' | 'fs' };

/** @throws MailrecoverError `config` where this host has no such store, or the store no place for the mailbox */
export function placeOf({ store, mailbox }: MailboxName, stores: readonly SyncStore[]): MailboxPlace {
  const source = stores.find(({ name }) => name === store);
  if (source === undefined || (source.format ?? 'maildir') !== 'maildir')
    throw new MailrecoverError('config', `this host has no Maildir store '${store}'`, {
      hint: 'give the stores of both hosts the same names in their configurations',
      subject: store,
    });
  const root = placeIn(source.path, mailbox);
  const { control, home, index } = source;
  return {
    store,
    mailbox,
    root,
    ...(control === undefined ? {} : { control: placeIn(control, mailbox) }),
    ...(home === undefined ? {} : { home: placeIn(home, mailbox) }),
    ...(index === undefined ? {} : { index: placeIn(index, mailbox) }),
    fixed: {
      mail: realPath(fixedPart(parsePattern(source.path))),
      ...(control === undefined ? {} : { control: realPath(fixedPart(parsePattern(control))) }),
      ...(home === undefined ? {} : { home: realPath(fixedPart(parsePattern(home))) }),
    },
    layout: source.layout ?? 'maildir++',
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

/** The trees of it that are kept alike. */
export function areasOf({ root, control, home }: MailboxPlace): PrintArea[] {
  return [
    { area: 'mail', root },
    ...(control === undefined ? [] : [{ area: 'control' as const, root: control }]),
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
