/** What a server must show of a restored mailbox, from its catalog section and its restored control files. */
import { chownSync, closeSync, mkdtempSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { FullSection } from '../repository/catalog/model.ts';
import { fsPath } from '../store/bytes.ts';
import { imapFlags } from '../store/maildir/flags.ts';
import { parseKeywords, type Keywords } from '../store/maildir/keywords.ts';
import { folderName, type FolderLayout } from '../store/maildir/layout.ts';
import { parseUidlist } from '../store/maildir/uidlist.ts';
import { contentOf } from '../store/message/content.ts';
import { displayBytes } from '../store/bytes.ts';
import { flagsOfView, partsOfBase } from '../store/view.ts';
import type { ControlFile } from './mail.ts';
import { hashBody } from './server/body.ts';
import type { ExpectedFolder, ExpectedMailbox, ExpectedMessage } from './server/index.ts';
import { headOf, onlyFile, type ReadView } from './view.ts';

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(fsPath(path));
  } catch {
    return undefined;
  }
}

/** Whether a message is stored compressed or encrypted, which its first bytes tell. */
function isOpaque(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(fsPath(path), 'r');
  } catch {
    return false;
  }
  try {
    const start = Buffer.alloc(512);
    return isOpaqueContent(start.subarray(0, readSync(fd, start, 0, start.length, 0)));
  } finally {
    closeSync(fd);
  }
}

function expectedFolder(root: string, section: FullSection, folder: string, name: string, controlFile: ControlFile): ExpectedFolder {
  const list = readIfThere(`${root}/${controlFile(section, folder, 'dovecot-uidlist')}`);
  const uids = list === undefined ? undefined : parseUidlist(list);
  const sound = uids !== undefined && uids.damage === undefined ? uids : undefined;
  const words = readIfThere(`${root}/${controlFile(section, folder, 'dovecot-keywords')}`);
  const keywords: Keywords = words === undefined ? new Map() : parseKeywords(words);
  const below = [root, section.root, folder].filter((part) => part !== '').join('/');
  const messages = Array.from(section.dirs.get(folder)?.messages ?? [], ([base, message]) => {
    const uid = sound?.uids.get(base);
    return {
      base,
      ...(uid === undefined ? {} : { uid }),
      // A message in new was never seen by a client; Dovecot moves it to cur without flags.
      flags: message.in === 'cur' ? imapFlags(message.flags, keywords) : [],
      internalDate: Math.floor(message.mtime / 1e6),
      size: message.size,
      sha256: message.sha,
      ...(isOpaque(`${below}/${message.in}/${base}${message.flags}`) ? { opaque: true } : {}),
    };
  });
  return { name, dir: folder, ...(sound === undefined ? {} : { uidNext: sound.nextUid, uidValidity: sound.uidValidity }), messages };
}

/** What a server must show of a mailbox whose files hold several messages: what the catalog lists, with the bytes that lie in the copy. */
export function expectedOfView(root: string, view: FullSection, layout: FolderLayout, read: ReadView): ExpectedMailbox {
  const found = read.captured.areas.get('view')?.dirs;
  const folders = Array.from(view.dirs, ([dir, { messages }]): ExpectedFolder => {
    const uids = read.captured.folders?.get(dir);
    const there = found?.get(dir)?.messages;
    return {
      name: folderName(dir, layout) ?? displayBytes(dir),
      dir,
      ...uids,
      messages: Array.from(messages, ([base, message]): ExpectedMessage => {
        const { uid, guid } = partsOfBase(base);
        const live = there?.get(base);
        const body = live === undefined ? { path: '' } : read.bodyOf(live);
        return {
          base,
          uid,
          guid,
          flags: flagsOfView(message.flags),
          internalDate: Math.floor(message.mtime / 1e6),
          size: message.size,
          sha256: message.rest === undefined || live === undefined ? message.sha : hashBody(body).sha256,
          body,
          ...(live !== undefined && isOpaqueContent(headOf(body, 512)) ? { opaque: true } : {}),
        };
      }),
    };
  });
  const rootOf = (area: FullSection['area']): string | undefined => {
    const section = read.sections.find((each) => each.area === area);
    return section === undefined ? undefined : `${root}/${section.root}`;
  };
  const [mailPath, controlPath, altPath, indexPath] = [rootOf('mail'), rootOf('control'), rootOf('alt'), rootOf('index')];
  const inbox = read.sections.find(({ area }) => area === 'inbox');
  const inboxFile = inbox === undefined ? undefined : onlyFile('inbox', inbox.dirs).file;
  const inboxPath =
    inbox === undefined || inboxFile === undefined ? undefined : [root, inbox.root, inboxFile].filter((part) => part !== '').join('/');
  return {
    mailbox: displayBytes(view.mailbox),
    mailPath: mailPath ?? emptyDirectory(root, inboxPath),
    ...(inboxPath === undefined ? {} : { inboxPath }),
    format: read.format,
    ...(controlPath === undefined ? {} : { controlPath }),
    ...(altPath === undefined ? {} : { altPath }),
    ...(indexPath === undefined ? {} : { indexPath }),
    layout: 'fs',
    separator: layout.separator,
    utf8: layout.utf8,
    prefix: layout.prefix,
    inbox: layout.inbox,
    folders,
  };
}

/** For folders where there are none: the mailbox is one file. It belongs to whom that belongs. */
function emptyDirectory(root: string, inbox: string | undefined): string {
  const path = mkdtempSync(`${root}/mailrecover-folders-`);
  if (inbox !== undefined && process.getuid?.() === 0) {
    const { uid, gid } = statSync(fsPath(inbox));
    chownSync(path, uid, gid);
  }
  return path;
}

function isOpaqueContent(start: Buffer): boolean {
  const content = contentOf(start);
  return content !== 'mail' && content !== 'empty' && content !== 'unknown';
}

/** @param controlPath absolute, where the control files were restored beside the mail */
export function expectedMailbox(
  root: string,
  section: FullSection,
  layout: FolderLayout,
  controlPath: string | undefined,
  controlFile: ControlFile,
): ExpectedMailbox {
  const folders: ExpectedFolder[] = [];
  for (const folder of section.dirs.keys()) {
    if (!section.dirs.has(folder === '' ? 'cur' : `${folder}/cur`)) continue;
    const name = folderName(folder, layout);
    if (name !== undefined) folders.push(expectedFolder(root, section, folder, name, controlFile));
  }
  return {
    mailbox: displayBytes(section.mailbox),
    mailPath: `${root}/${section.root}`,
    ...(controlPath === undefined ? {} : { controlPath }),
    layout: layout.layout,
    separator: layout.separator,
    utf8: layout.utf8,
    prefix: layout.prefix,
    inbox: layout.inbox,
    ...(layout.escape === undefined ? {} : { escape: layout.escape }),
    folders,
  };
}
