/** Level `mail`: the restored messages are mail, and Dovecot's lists agree with them. */
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import type { FullSection } from '../repository/catalog/model.ts';
import { displayBytes, fsPath } from '../store/bytes.ts';
import { parseUidlist } from '../store/maildir/uidlist.ts';
import type { Content } from '../store/message/content.ts';
import { checkMessage } from '../store/message/parse.ts';
import type { Comparison } from './comparison.ts';
import { compareView, headOf, type ReadView } from './view.ts';

/** How much of a message is read to judge whether it is mail. */
const HEAD = 256 * 1024;

function head(path: string, size: number): Buffer {
  const fd = openSync(fsPath(path), 'r');
  try {
    const buffer = Buffer.allocUnsafe(Math.min(HEAD, size));
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}

/** Where the uidlist of a folder was restored: with the mail, or in the control area. */
export type ControlFile = (section: FullSection, folder: string, name: string) => string;

function compareUidlist(
  root: string,
  section: FullSection,
  folder: string,
  bases: ReadonlySet<string>,
  controlFile: ControlFile,
  comparison: Comparison,
): void {
  const path = controlFile(section, folder, 'dovecot-uidlist');
  const subject = displayBytes(path);
  if (!existsSync(fsPath(`${root}/${path}`))) {
    if (bases.size > 0)
      comparison.add({
        severity: 'info',
        code: 'no-uidlist',
        message: `'${subject}' was not there: clients load this folder anew`,
        subject,
      });
    return;
  }
  const list = parseUidlist(readFileSync(fsPath(`${root}/${path}`)));
  if (list === undefined || list.damage !== undefined) {
    comparison.add({
      severity: 'warning',
      code: 'uidlist-damaged',
      message: `'${subject}' was damaged when it was backed up (${list?.damage?.message ?? 'no header'}): Dovecot gives new UIDs`,
      hint: 'earlier snapshots may hold a sound one',
      subject,
    });
    return;
  }
  const seen = new Set<number>();
  for (const uid of list.uids.values()) {
    comparison.same(!seen.has(uid), 'uid-twice', subject, () => `gives UID ${uid} twice`);
    comparison.same(uid < list.nextUid, 'uid-beyond-next', subject, () => `gives UID ${uid}, though the next is ${list.nextUid}`);
    seen.add(uid);
  }
}

/**
 * Parses each message of a section, and compares its uidlists with the files.
 * @param root absolute byte string of the scratch directory
 */
export function compareMail(root: string, section: FullSection, controlFile: ControlFile, comparison: Comparison): void {
  if (section.area !== 'mail') return;
  let encrypted = 0;
  for (const [folder, dir] of section.dirs) {
    const below = [section.root, folder].filter((part) => part !== '').join('/');
    for (const [base, message] of dir.messages) {
      const path = `${below}/${message.in}/${base}${message.flags}`;
      const subject = displayBytes(path);
      if (!existsSync(fsPath(`${root}/${path}`))) continue;
      if (readsAsMail(head(`${root}/${path}`, message.size), subject, comparison) === 'mail-crypt') encrypted++;
    }
    if (section.dirs.has(folder === '' ? 'cur' : `${folder}/cur`))
      compareUidlist(root, section, folder, new Set(dir.messages.keys()), controlFile, comparison);
  }
  tellEncrypted(section, encrypted, comparison);
}

/** Parses each message of a mailbox whose files hold several, and compares them with the catalog. */
export function compareMailOfView(section: FullSection, read: ReadView, comparison: Comparison): void {
  compareView(section, read, comparison);
  let encrypted = 0;
  for (const [dir, { messages }] of read.captured.areas.get('view')?.dirs ?? []) {
    for (const [base, message] of messages) {
      const subject = `${displayBytes(section.mailbox)} ${dir === '' ? 'INBOX' : displayBytes(dir)} ${displayBytes(base)}`;
      if (readsAsMail(headOf(read.bodyOf(message), HEAD), subject, comparison) === 'mail-crypt') encrypted++;
    }
  }
  const mail = read.sections.find(({ area }) => area === 'mail');
  tellEncrypted(mail ?? section, encrypted, comparison);
}

/** Parses a message; what is odd about it is told. @returns what it is */
function readsAsMail(start: Buffer, subject: string, comparison: Comparison): Content {
  const check = checkMessage(start);
  for (const problem of check.problems)
    comparison.add({ severity: 'info', code: problem.code, message: `'${subject}': ${problem.message}; it is stored as it was`, subject });
  return check.content;
}

function tellEncrypted(section: FullSection, encrypted: number, comparison: Comparison): void {
  if (encrypted === 0) return;
  const keys = [...section.dirs.values()].some((dir) => dir.files.has('dovecot-attributes'));
  if (!keys) {
    const subject = displayBytes(section.mailbox);
    comparison.add({
      severity: 'warning',
      code: 'crypt-keys-elsewhere',
      message: `${encrypted} messages of '${subject}' are encrypted by Dovecot, and the keys are not with the mail`,
      hint: 'back up the mail-crypt keys too: without them nobody reads this mail',
      subject,
    });
  }
}
