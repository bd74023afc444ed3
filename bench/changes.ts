import { appendFileSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Corpus } from './corpus.ts';
import { baseName, deliver } from './corpus/folder.ts';
import { writeMessage } from './corpus/message.ts';
import { type MailboxPlan, maildirOf } from './corpus/plan.ts';
import { correspondents } from './corpus/people.ts';
import { Random } from './corpus/random.ts';
import { MessageWriter } from './corpus/writer.ts';

interface Place {
  folder: string;
  name: string;
}

/** What a day did, as numbers of messages. */
export interface Day {
  mailboxes: number;
  added: number;
  flagged: number;
  moved: number;
  gone: number;
}

const MORNING = Date.UTC(2026, 0, 12, 9);

/** The mailboxes, three in ten, that a day changes. */
export function busyMailboxes(mailboxes: MailboxPlan[]): MailboxPlan[] {
  return mailboxes.filter((_, index) => index % 10 < 3);
}

/** One day of `messages` messages: 1 % new, 1.2 % other flags, 0.3 % moved, 0.3 % gone, spread evenly over three mailboxes in ten. */
export function aDay({ root, mailboxes, short }: Corpus, messages: number): Day {
  const random = new Random('a day');
  const busy = busyMailboxes(mailboxes);
  const day = { mailboxes: busy.length, added: 0, flagged: 0, moved: 0, gone: 0 };
  const places = shuffle(
    busy.flatMap((mailbox) => seen(root, mailbox)),
    random,
  );
  const take = (share: number) => places.splice(0, Math.round(messages * share));
  for (const place of take(0.012)) day.flagged += reflag(place, random);
  for (const place of take(0.003)) day.moved += move(place, random);
  for (const { folder, name } of take(0.003)) {
    unlinkSync(join(folder, 'cur', name));
    day.gone++;
  }
  const writer = new MessageWriter();
  for (; day.added < messages * 0.01; day.added++) {
    const mailbox = random.pick(busy);
    const time = MORNING + day.added * 1000;
    const to = `${mailbox.user}@${mailbox.domain}`;
    writeMessage(writer, random, { from: random.below(correspondents(messages)), to, time, sharedAttachments: messages / 400, short });
    const base = baseName(random, time, writer);
    const inbox = join(root, maildirOf(mailbox));
    deliver(join(inbox, 'tmp', base), writer, time);
    renameSync(join(inbox, 'tmp', base), join(inbox, 'new', base));
    list(inbox, base);
  }
  return day;
}

/** Gives every message other flags: with `read`, all of them `\Seen`, else none. Returns how many names changed. */
export function markAll({ root, mailboxes }: Corpus, read: boolean): number {
  let changed = 0;
  for (const mailbox of mailboxes) {
    for (const folder of foldersOf(root, mailbox)) {
      for (const from of ['cur', 'new']) {
        for (const name of readdirSync(join(folder, from))) {
          const [base = '', flags = ''] = name.split(':2,');
          const letters = flags.replace('S', '').split('');
          // in byte order, as Dovecot writes them
          const next = join(folder, 'cur', `${base}:2,${[...letters, ...(read ? ['S'] : [])].toSorted().join('')}`);
          if (next === join(folder, from, name)) continue;
          renameSync(join(folder, from, name), next);
          changed++;
        }
      }
    }
  }
  return changed;
}

function foldersOf(root: string, mailbox: MailboxPlan): string[] {
  return mailbox.folders.map((folder) => join(root, maildirOf(mailbox), folder.name));
}

function seen(root: string, mailbox: MailboxPlan): Place[] {
  return foldersOf(root, mailbox).flatMap((folder) =>
    readdirSync(join(folder, 'cur'))
      .toSorted()
      .map((name) => ({ folder, name })),
  );
}

function shuffle<T>(list: T[], random: Random): T[] {
  return list
    .map((value) => ({ value, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value);
}

function reflag({ folder, name }: Place, random: Random): number {
  const base = name.split(':2,')[0] ?? name;
  const flags = ['', 'F', 'S', 'RS', 'FS', 'FRS'].map((value) => `${base}:2,${value}`).filter((value) => value !== name);
  renameSync(join(folder, 'cur', name), join(folder, 'cur', random.pick(flags)));
  return 1;
}

/** Half of the moves keep the base name, as Dovecot's do; half get a new one, as other servers' and clients' do. */
function move({ folder, name }: Place, random: Random): number {
  const target = folder.endsWith('.Sent') ? folder.slice(0, -'.Sent'.length) : folder.replace(/\/Maildir.*/, '/Maildir/.Sent');
  const [base = '', flags = ''] = name.split(':2,');
  const kept = random.chance(0.5) ? base : base.replace(/M\d+P/, `M${100_000 + random.below(900_000)}P`);
  renameSync(join(folder, 'cur', name), join(target, 'cur', `${kept}:2,${flags}`));
  list(target, kept);
  return 1;
}

/** Appends a line with the next UID to a folder's list, as Dovecot does when it first sees a message. */
function list(folder: string, base: string): void {
  const uid = (uids.get(folder) ?? 1_000_000) + 1;
  uids.set(folder, uid);
  appendFileSync(join(folder, 'dovecot-uidlist'), `${uid} :${base}\n`);
}

const uids = new Map<string, number>();
