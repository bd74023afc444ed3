import { readdirSync, readFileSync } from 'node:fs';
import { systemCode } from '../../errors/error.ts';
import { type ByteString, fsPath } from '../../store/bytes.ts';
import { baseName, isMessageName } from '../../store/maildir/names.ts';
import type { ExpectedFolder, ExpectedMailbox } from './types.ts';

/** Whether each message is a file of its own. */
export function isMaildir({ format }: Pick<ExpectedMailbox, 'format'>): boolean {
  return format === undefined || format === 'maildir';
}

/** GUIDs of a folder's messages by their base names; as expected, or as the folder's list of UIDs has them. */
export function guidsOf(mailbox: ExpectedMailbox, folder: ExpectedFolder, controlFolder: ByteString): Map<ByteString, string> {
  if (isMaildir(mailbox)) return messageGuids(controlFolder);
  return new Map(folder.messages.flatMap(({ base, guid }) => (guid === undefined ? [] : [[base, guid]])));
}

/** The files of a folder's messages: base name to absolute path. */
export function listMessages(folder: ByteString): Map<ByteString, ByteString> {
  const files = new Map<ByteString, ByteString>();
  for (const part of ['new', 'cur']) {
    let names: ByteString[];
    try {
      names = readdirSync(fsPath(`${folder}/${part}`), { encoding: 'latin1' });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') continue;
      throw error;
    }
    for (const name of names) if (isMessageName(name)) files.set(baseName(name), `${folder}/${part}/${name}`);
  }
  return files;
}

/**
 * The GUIDs that `dovecot-uidlist` gives to messages (its `G` fields), by base name. Dovecot shows a message's GUID by X-GUID, and its base name where it has none: so
 * that tells which file is behind a UID.
 */
export function messageGuids(controlFolder: ByteString): Map<ByteString, string> {
  const guids = new Map<ByteString, string>();
  let text: string;
  try {
    text = readFileSync(fsPath(`${controlFolder}/dovecot-uidlist`), 'latin1');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return guids;
    throw error;
  }
  for (const line of text.split('\n')) {
    const record = /^\d+ (?:[A-FH-Z][^ ]* +)*G([^ ]+) .*?:(.+)$/.exec(line);
    if (record?.[1] !== undefined && record[2] !== undefined) guids.set(baseName(record[2]), record[1]);
  }
  return guids;
}
