import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseUidlist } from '../../src/store/maildir/uidlist.ts';
import { baseName } from '../../src/store/maildir/names.ts';
import { folderName } from '../../src/store/maildir/layout.ts';

/** A message file in a restored Maildir++. */
export interface RestoredMessage {
  folder: string;
  base: string;
  messageId: string;
  /** From the uidlist that was restored; 0 where it does not name the message. */
  uid: number;
}

/** All messages of one restored mailbox, with their UIDs. */
export function restoredMessages(mailbox: string): RestoredMessage[] {
  const folders = ['', ...readdirSync(mailbox).filter((name) => name.startsWith('.'))];
  return folders.flatMap((dir) => {
    const folder = folderName(dir, { layout: 'maildir++', separator: '/', prefix: '', inbox: true, utf8: false }) ?? dir;
    const uids = uidsOf(join(mailbox, dir, 'dovecot-uidlist'));
    return ['new', 'cur'].flatMap((where) =>
      namesIn(join(mailbox, dir, where)).map((name) => {
        const text = readFileSync(join(mailbox, dir, where, name), 'latin1');
        const messageId = /^message-id:\s*(<[^>]*>)/im.exec(text.slice(0, text.search(/\r?\n\r?\n/) + 1))?.[1] ?? '';
        return { folder, base: baseName(name), messageId, uid: uids.get(baseName(name)) ?? 0 };
      }),
    );
  });
}

function uidsOf(path: string): Map<string, number> {
  try {
    return parseUidlist(readFileSync(path))?.uids ?? new Map<string, number>();
  } catch {
    return new Map();
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
