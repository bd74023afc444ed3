import { closeSync, futimesSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeMessage } from './message.ts';
import { correspondents as countOf } from './people.ts';
import type { MailboxPlan } from './plan.ts';
import { maildirOf } from './plan.ts';
import { HEX, Random } from './random.ts';
import { MessageWriter } from './writer.ts';

const FIRST = Date.UTC(2019, 0, 1);
const SPAN = 7 * 365 * 86_400_000;
const FLAGS = [':2,S', ':2,S', ':2,S', ':2,S', ':2,S', ':2,RS', ':2,FS', ':2,', ':2,Sa', ':2,Sbc', ':2,ST'];

export interface Written {
  messages: number;
  bytes: number;
}

/** What a corpus is like beside its plan. */
export interface Kind {
  /** The messages of all mailboxes together. */
  all: number;
  seed: string;
  /** Only short texts, as where a million messages have to fit. */
  short: boolean;
}

/** Writes one mailbox with all its folders and Dovecot's own files; the same plan and kind give the same bytes. */
export function writeMailbox(root: string, mailbox: MailboxPlan, { all, seed, short }: Kind): Written {
  const writer = new MessageWriter();
  const written = { messages: 0, bytes: 0 };
  const maildir = join(root, maildirOf(mailbox));
  for (const folder of mailbox.folders) {
    const random = new Random(`${seed} ${maildir.slice(root.length)} ${folder.name}`);
    const directory = join(maildir, folder.name);
    for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(directory, name), { recursive: true, mode: 0o700 });
    if (folder.name) writeFileSync(join(directory, 'maildirfolder'), '', { mode: 0o600 });
    const correspondents = Array.from({ length: 40 }, () => random.below(countOf(all)));
    let uidlist = '';
    for (let uid = 1; uid <= folder.messages; uid++) {
      const time = FIRST + Math.floor((SPAN * uid) / folder.messages) - random.below(3_600_000);
      const from = correspondents[Math.floor(40 * random.unit() ** 2)] ?? 0;
      writeMessage(writer, random, { from, to: `${mailbox.user}@${mailbox.domain}`, time, sharedAttachments: all / 400, short });
      const base = baseName(random, time, writer);
      const unseen = random.chance(0.01);
      deliver(join(directory, unseen ? 'new' : 'cur', unseen ? base : base + random.pick(FLAGS)), writer, time);
      uidlist += `${uid} :${base}\n`;
      written.messages++;
      written.bytes += writer.length;
    }
    const header = `3 V${1_500_000_000 + random.below(1e8)} N${folder.messages + 1} G${random.token(32, HEX.toLowerCase())}\n`;
    writeFileSync(join(directory, 'dovecot-uidlist'), header + uidlist, { mode: 0o600 });
  }
  writeFileSync(join(maildir, 'dovecot-keywords'), '0 $Forwarded\n1 $Label1\n2 Work\n', { mode: 0o600 });
  writeFileSync(join(maildir, 'subscriptions'), `V\t2\n\n${mailbox.folders.map((folder) => `${folder.name.slice(1)}\n`).join('')}`, {
    mode: 0o600,
  });
  return written;
}

/** The name Dovecot's delivery gives: seconds, microseconds, process, host, size, and size with CRLF line ends. */
export function baseName(random: Random, time: number, writer: MessageWriter): string {
  const micros = 100_000 + random.below(900_000);
  const size = `S=${writer.length},W=${writer.length + writer.lines}`;
  return `${Math.floor(time / 1000)}.M${micros}P${1000 + random.below(60_000)}.mail1,${size}`;
}

/** Writes the message in `writer` to `path`, with `time` (milliseconds) as its modification time. */
export function deliver(path: string, writer: MessageWriter, time: number): void {
  const file = openSync(path, 'wx', 0o600);
  writeSync(file, writer.bytes, 0, writer.length);
  futimesSync(file, time / 1000, time / 1000);
  closeSync(file);
}
