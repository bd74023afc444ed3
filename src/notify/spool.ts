/**
 * Mails that are on their way: `ID.mail` holds one, `ID.state` what was tried. A mail lies here before it is tried for the first
 * time, so that a run that is killed loses none, and is removed when every recipient was served.
 */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ioError, MailrecoverError } from '../errors/error.ts';
import { now } from '../system/clock.ts';
import { ifPresent, makeDirectory, syncDirectory, TEMPORARY_PREFIX, writeDurable } from '../system/files.ts';
import { takeLock } from '../system/lock.ts';
import type { Attachment, OutgoingMail } from './message.ts';
import type { Refusal } from './refusal.ts';

/** What was tried. Times are milliseconds since 1970. */
export interface SpoolState {
  /** Recipients who have not got it yet. */
  left: readonly string[];
  attempts: number;
  /** When it is due again; never, where every transport refused it for good: then somebody must change something first. */
  nextAt: number | undefined;
  /** What each transport said last. */
  said: readonly { transport: string; refusal: Refusal }[];
}

export interface SpooledMail {
  mail: OutgoingMail;
  state: SpoolState;
}

export interface Spool {
  directory: string;
  /** Keeps a mail. @throws MailrecoverError `no-space` or `io` where even the space set aside is not enough */
  add(mail: OutgoingMail): Promise<void>;
  update(id: string, state: SpoolState): Promise<void>;
  remove(id: string): Promise<void>;
  /** All mails, oldest first. Files that can't be understood are named in `damaged`, and stay. */
  list(): Promise<{ mails: SpooledMail[]; damaged: string[] }>;
  /** Undefined while another run is sending it. */
  lock(id: string): Promise<(() => void) | undefined>;
  /** Removes what killed runs left: halves of writes, states and locks of mails that are gone. */
  tidy(): Promise<void>;
  /** Does something else that must be kept, where the disk is full with the space that was set aside. */
  withReserve<T>(action: () => Promise<T>): Promise<T>;
  /** Sets the space aside again. False where there is no room for it. */
  setAside(): Promise<boolean>;
}

const RESERVE = 'reserve';
const DEBRIS_MS = 3_600_000;

/** @param reserve bytes to set aside */
export function openSpool(state: string, reserve: number): Spool {
  const directory = join(state, 'spool');
  const reserved = join(directory, RESERVE);

  /** Does it, and where the disk is full once more with the space that was set aside. */
  const withReserve = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      await makeDirectory(directory);
      return await action();
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code !== 'no-space') throw error;
      if ((await ifPresent(() => stat(reserved))) === undefined) throw error;
      await rm(reserved, { force: true });
      await syncDirectory(directory);
      return action();
    }
  };

  const spool: Spool = {
    directory,
    withReserve,
    add: (mail) => withReserve(() => writeDurable(join(directory, `${mail.id}.mail`), encodeMail(mail))),
    update: (id, next) => withReserve(() => writeDurable(join(directory, `${id}.state`), `${JSON.stringify(next)}\n`)),
    async remove(id) {
      try {
        await rm(join(directory, `${id}.mail`), { force: true });
        await rm(join(directory, `${id}.state`), { force: true });
        await syncDirectory(directory);
      } catch (error) {
        throw ioError(error, 'remove', join(directory, `${id}.mail`));
      }
    },
    async list() {
      const names = await listNames(directory);
      const mails: SpooledMail[] = [];
      const damaged: string[] = [];
      for (const name of names.filter((each) => each.endsWith('.mail')).toSorted()) {
        const id = name.slice(0, -'.mail'.length);
        const text = await ifPresent(() => readFile(join(directory, name), 'utf8'));
        if (text === undefined) continue;
        const mail = decodeMail(text);
        if (mail === undefined || mail.id !== id) damaged.push(join(directory, name));
        else mails.push({ mail, state: await readState(join(directory, `${id}.state`), mail) });
      }
      return { mails, damaged };
    },
    lock: (id) =>
      withReserve(async () => {
        try {
          return takeLock(join(directory, `${id}.lock`), 'notify');
        } catch (error) {
          if (error instanceof MailrecoverError && error.code === 'locked') return undefined;
          throw error;
        }
      }),
    async tidy() {
      const names = await listNames(directory);
      const present = new Set(names);
      for (const name of names) {
        const orphan = /^(.+)\.(?:state|lock)$/.exec(name)?.[1];
        if (!name.startsWith(TEMPORARY_PREFIX) && (orphan === undefined || present.has(`${orphan}.mail`))) continue;
        const path = join(directory, name);
        // What is young may be at work: a lock is taken before its mail is written.
        const made = (await ifPresent(() => stat(path)))?.mtimeMs ?? Infinity;
        if (now() - made > DEBRIS_MS) await rm(path, { force: true });
      }
    },
    async setAside() {
      if (reserve === 0 || (await ifPresent(() => stat(reserved)))?.size === reserve) return true;
      try {
        await makeDirectory(directory);
        // Random, so that no file system stores less of it.
        await writeDurable(reserved, randomBytes(reserve));
        return true;
      } catch (error) {
        if (error instanceof MailrecoverError && error.code === 'no-space') return false;
        throw error;
      }
    },
  };
  return spool;
}

async function listNames(directory: string): Promise<string[]> {
  try {
    return (await ifPresent(() => readdir(directory))) ?? [];
  } catch (error) {
    throw ioError(error, 'read', directory);
  }
}

/** What was tried; where that is lost, the mail is as one that was never tried. */
async function readState(path: string, mail: OutgoingMail): Promise<SpoolState> {
  try {
    const state = JSON.parse((await ifPresent(() => readFile(path, 'utf8'))) ?? '') as Partial<SpoolState>;
    if (Array.isArray(state.left) && Array.isArray(state.said) && typeof state.attempts === 'number') {
      return { left: state.left as string[], attempts: state.attempts, nextAt: state.nextAt, said: state.said as SpoolState['said'] };
    }
  } catch {
    // see above
  }
  return { left: mail.to, attempts: 0, nextAt: mail.writtenAt, said: [] };
}

function encodeMail(mail: OutgoingMail): string {
  const attachments = mail.attachments?.map((each) => ({ ...each, content: Buffer.from(each.content).toString('base64') }));
  return `${JSON.stringify({ mailrecover: 'mail/1', ...mail, ...(attachments === undefined ? {} : { attachments }) })}\n`;
}

function decodeMail(text: string): OutgoingMail | undefined {
  try {
    const { mailrecover, attachments, ...rest } = JSON.parse(text) as Omit<OutgoingMail, 'attachments'> & {
      mailrecover?: string;
      attachments?: (Omit<Attachment, 'content'> & { content: string })[];
    };
    if (mailrecover !== 'mail/1' || typeof rest.id !== 'string' || typeof rest.subject !== 'string' || !Array.isArray(rest.to))
      return undefined;
    if (attachments === undefined) return rest;
    return { ...rest, attachments: attachments.map((each) => ({ ...each, content: Buffer.from(each.content, 'base64') })) };
  } catch {
    return undefined;
  }
}
