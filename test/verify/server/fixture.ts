/** Maildirs written by hand, with what a server has to say of them. */
import { createHash } from 'node:crypto';
import { chmodSync, lchownSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toBytes } from '../../../src/store/bytes.ts';
import { silentProgress } from '../../../src/system/progress.ts';
import {
  type ExpectedFolder,
  type ExpectedMailbox,
  type ExpectedMessage,
  type ServerInput,
  type ServerReport,
  verifyByServer,
} from '../../../src/verify/server/index.ts';
import { isRoot, missing } from '../../support/host.ts';
import { scratch } from '../../support/tmp.ts';

/** What the tests that start a server need; as any user. */
export const noServer = missing('dovecot', 'doveconf');

/** Whom restored mail belongs to in these tests: any number will do, there need be no such user. */
export const OWNER = isRoot ? { uid: 5000, gid: 5000 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

export const KEYWORDS = ['$Forwarded', 'NonJunk', '重要'];

export interface MessageSpec {
  bytes: string | Buffer;
  /** Letters after `:2,`. */
  letters?: string;
  date?: number;
  /** Left out of dovecot-uidlist, as mail that came when no server looked. */
  unnumbered?: boolean;
  base?: string;
  in?: 'cur' | 'new';
  opaque?: boolean;
}

export interface FolderSpec {
  name: string;
  /** Directory below the mail root, as bytes are written with UTF-8. */
  dir: string;
  messages: MessageSpec[];
}

export interface MailboxSpec {
  mailbox?: string;
  /** Path below the root. */
  path?: string;
  layout?: 'maildir++' | 'fs';
  separator?: string;
  utf8?: boolean;
  /** Path below the root for the control files. */
  control?: string;
  folders?: FolderSpec[];
  owner?: { uid: number; gid: number };
}

const SYSTEM: Record<string, string> = { S: '\\Seen', F: '\\Flagged', R: '\\Answered', T: '\\Deleted', D: '\\Draft' };

export function mail(subject: string, lines = 3): string {
  return `From: a@example.org\nTo: b@example.org\nSubject: ${subject}\nMessage-ID: <${subject.replace(/[^A-Za-z0-9]/g, '')}@example.org>\n\n${`line of ${subject}\n`.repeat(lines)}`;
}

/** A few messages of each kind: flags, keywords, CRLF, NUL, empty, without an end of line, still in new, without a UID. */
export function variedMessages(name: string): MessageSpec[] {
  return [
    { bytes: mail(`${name} 1`), letters: 'S' },
    { bytes: mail(`${name} 2`), letters: 'FRS' },
    { bytes: mail(`${name} 3`).replaceAll('\n', '\r\n'), letters: 'Sab' },
    { bytes: Buffer.from(`Subject: x\n\na\rb\0c\r\r\n\n.\n..\n${'\xe3\x81\x82'.repeat(5)}`, 'latin1'), letters: 'DT' },
    { bytes: '', letters: '' },
    { bytes: mail(`${name} 6`), in: 'new' },
    { bytes: mail(`${name} 7`), letters: 'Sc', date: -86_400 },
    { bytes: mail(`${name} 8`), in: 'new', unnumbered: true },
  ];
}

export const UID_VALIDITY = 1_600_000_001;

/** Writes a mailbox below `root` and says what is to be expected of it. UIDs are 10, 20, 30 … */
export function writeMailbox(root: string, spec: MailboxSpec = {}): ExpectedMailbox {
  const mailbox = spec.mailbox ?? 'alice@example.org';
  const mailPath = join(root, spec.path ?? 'example.org/alice/Maildir');
  const controlPath = spec.control === undefined ? undefined : join(root, spec.control);
  const folders = (spec.folders ?? [{ name: 'INBOX', dir: '', messages: variedMessages('inbox') }]).map((folder) =>
    writeFolder(mailPath, controlPath ?? mailPath, folder),
  );
  for (const top of [mailPath, ...(controlPath === undefined ? [] : [controlPath])]) own(top, spec.owner ?? OWNER);
  return {
    mailbox,
    mailPath: toBytes(mailPath),
    ...(controlPath === undefined ? {} : { controlPath: toBytes(controlPath) }),
    layout: spec.layout ?? 'maildir++',
    separator: spec.separator ?? '/',
    utf8: spec.utf8 ?? false,
    folders,
  };
}

function writeFolder(mailPath: string, controlPath: string, spec: FolderSpec): ExpectedFolder {
  const path = join(mailPath, spec.dir);
  const control = join(controlPath, spec.dir);
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(path, part), { recursive: true, mode: 0o700 });
  mkdirSync(control, { recursive: true, mode: 0o700 });
  const lines: string[] = [];
  const messages = spec.messages.map((message, index): ExpectedMessage => {
    const bytes = Buffer.from(message.bytes);
    const base = message.base ?? `${1_700_000_000 + index}.M${index}P1.mx1`;
    const uid = (index + 1) * 10;
    const date = message.date ?? 1_700_000_000 + index;
    const fresh = message.in === 'new';
    const file = join(path, fresh ? 'new' : 'cur', fresh ? base : `${base}:2,${message.letters ?? ''}`);
    writeFileSync(file, bytes, { mode: 0o600 });
    utimesSync(file, new Date(date * 1000), new Date(date * 1000));
    if (message.unnumbered !== true) lines.push(`${uid} :${base}\n`);
    return {
      base: toBytes(base),
      ...(message.unnumbered === true ? {} : { uid }),
      flags: (fresh ? '' : (message.letters ?? '')).split('').map((letter) => SYSTEM[letter] ?? KEYWORDS[letter.charCodeAt(0) - 97] ?? '?'),
      internalDate: date,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      ...(message.opaque === true ? { opaque: true } : {}),
    };
  });
  const uidNext = spec.messages.length * 10 + 100;
  writeFileSync(join(control, 'dovecot-uidlist'), `3 V${UID_VALIDITY} N${uidNext} G0123456789abcdef0123456789abcdef\n${lines.join('')}`);
  writeFileSync(join(control, 'dovecot-keywords'), KEYWORDS.map((keyword, index) => `${index} ${keyword}\n`).join(''));
  return { name: spec.name, dir: toBytes(spec.dir), uidValidity: UID_VALIDITY, uidNext, messages };
}

export function own(path: string, owner: { uid: number; gid: number }): void {
  if (!isRoot) return;
  lchownSync(path, owner.uid, owner.gid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) own(below, owner);
    else lchownSync(below, owner.uid, owner.gid);
  }
}

/** A new pair of directories, as the caller of the server makes them. */
export function places(name = 'vs'): { scratch: string; work: string } {
  const top = scratch(name);
  const made = { scratch: join(top, 'copy'), work: join(top, 'work') };
  for (const path of Object.values(made)) {
    mkdirSync(path, { mode: 0o700 });
    chmodSync(path, 0o700);
  }
  return made;
}

export async function verify(
  at: { scratch: string; work: string },
  mailboxes: ServerInput['mailboxes'],
  more: Partial<ServerInput> = {},
): Promise<ServerReport> {
  return await verifyByServer({ ...at, mailboxes, progress: silentProgress, ...more });
}

/** Findings as `code subject`, sorted. */
export function told(report: ServerReport): string[] {
  return report.findings.map((finding) => `${finding.code} ${finding.subject ?? ''}`).sort();
}
