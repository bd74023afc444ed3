/**
 * Which mailboxes of this host were begun anew, empty, by a switch: until their history is back they must not be compared with anything, or what
 * they do not hold would count as deleted.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, MailrecoverError, systemCode } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import { makeDirectory, syncDirectorySync, writeDurable } from '../../system/files.ts';

interface Name {
  store: string;
  mailbox: ByteString;
}

/** A folder that was made empty. */
export interface EmptyFolder {
  dir: ByteString;
  uidValidity: number;
  /** It gives no UID below this one. */
  floor: number;
}

/** A mailbox whose mail was moved aside. */
export interface AsideMailbox extends Name {
  /** What its directories are called beside where they lay. */
  aside: string;
  folders: EmptyFolder[];
}

export interface DialRecord {
  version: 1;
  /** The switch that did it. */
  run: string;
  epoch: number;
  /** The host whose mail is missing. */
  from: string;
  /** UTC. */
  at: string;
  /** Mailboxes that were current, and stayed as they were. */
  kept: Name[];
  aside: AsideMailbox[];
  /** Mailboxes whose history is back. */
  complete: Name[];
  /** The history of all is back; whatever is made from now on is no matter of this. */
  closed: boolean;
}

function pathOf(state: string): string {
  return join(state, 'standby', 'dial-tone.json');
}

/** @returns undefined where no mailbox was ever begun anew */
export function readDial(state: string): DialRecord | undefined {
  const path = pathOf(state);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
  try {
    const record = JSON.parse(text) as DialRecord;
    if (record.version === 1) return record;
  } catch {
    // told below
  }
  throw new MailrecoverError('damage', `'${path}' does not say which mailboxes were begun anew`, {
    subject: path,
    hint: 'nothing is copied from this host or to it until that is known: restore it from a backup of this host',
  });
}

/** Writes the record down, durably. */
export async function writeDial(state: string, record: DialRecord): Promise<void> {
  await makeDirectory(join(state, 'standby'));
  await writeDurable(pathOf(state), JSON.stringify(record));
}

/** No mailbox is begun anew any more. */
export function dropDial(state: string): void {
  rmSync(pathOf(state), { force: true });
  syncDirectorySync(join(state, 'standby'));
}

export function isSame(a: Name, b: Name): boolean {
  return a.store === b.store && a.mailbox === b.mailbox;
}

/** Why a mailbox can't be copied or merged yet, or undefined. */
export function waitingFor(record: DialRecord | undefined, name: Name): Finding | undefined {
  if (record === undefined || !isWaiting(record, name)) return undefined;
  const subject = displayBytes(name.mailbox);
  return {
    severity: 'error',
    code: 'dial-tone',
    message: `mailbox '${subject}' was begun anew at ${record.at} and has not all of its history yet; what it lacks is not deleted, so it is neither copied nor merged`,
    hint: "bring it back first, on the host that serves: 'mailrecover restore --behind'",
    subject,
  };
}

/** Whether the history of a mailbox is not back yet. */
function isWaiting(record: DialRecord | undefined, name: Name): boolean {
  if (record === undefined || record.closed) return false;
  return ![...record.kept, ...record.complete].some((each) => isSame(each, name));
}
