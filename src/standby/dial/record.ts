/**
 * Which mailboxes of this host were begun anew, empty, by a switch: until their history is back they must not be compared with anything, or what
 * they do not hold would count as deleted. What was done is written once; a line is added for each mailbox whose history is back.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Remote } from '../remote.ts';
import { type ByteString, displayBytes } from '../../store/bytes.ts';
import { appendDurable, makeDirectory, syncDirectorySync, writeDurable } from '../../system/files.ts';
import { parseIfWhole, textIfThere } from '../../system/kept.ts';

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

/** What a switch did. */
export interface DialRecord {
  version: 1;
  /** The switch. */
  run: string;
  epoch: number;
  /** The host whose mail is missing. */
  from: string;
  /** UTC. */
  at: string;
  /** Mailboxes that were current, and stayed as they were. */
  kept: Name[];
  aside: AsideMailbox[];
}

/** The record, and how far the history is back. */
export interface Dial extends Omit<DialRecord, 'kept' | 'aside'> {
  isKept(name: Name): boolean;
  asideOf(name: Name): AsideMailbox | undefined;
  readonly aside: readonly AsideMailbox[];
  readonly kept: readonly Name[];
  /** Whether the history of a mailbox is back. */
  isComplete(name: Name): boolean;
  /** The history of all is back; whatever is made from now on is no matter of this. */
  readonly closed: boolean;
}

/** A line of the log. */
type DialLine = { run: string } & ({ complete: Name } | { closed: true });

function pathOf(state: string): string {
  return join(state, 'standby', 'dial-tone.json');
}

function logOf(state: string): string {
  return join(state, 'standby', 'dial-tone.jsonl');
}

function keyOf({ store, mailbox }: Name): string {
  return `${store}\0${mailbox}`;
}

/** @returns undefined where no mailbox was ever begun anew */
export function readDial(state: string): Dial | undefined {
  const path = pathOf(state);
  const text = textIfThere(path);
  return text === undefined ? undefined : dialOf(path, text, textIfThere(logOf(state)) ?? '');
}

/** The same of a host that is reached over SSH. @param state directory of its state */
export async function readDialOn(host: Remote, state: string): Promise<Dial | undefined> {
  const read = async (path: string): Promise<string | undefined> => {
    if ((await host.run(['test', '-e', path], { ok: [0, 1] })).exitCode !== 0) return undefined;
    return (await host.run(['cat', '--', path], { maxBytes: MAX_BYTES })).stdout;
  };
  const text = await read(pathOf(state));
  return text === undefined ? undefined : dialOf(pathOf(state), text, (await read(logOf(state))) ?? '');
}

const MAX_BYTES = 256 * 1024 * 1024;

function dialOf(path: string, text: string, log: string): Dial {
  const record = parseIfWhole(text) as DialRecord | undefined;
  if (record?.version !== 1)
    throw new MailrecoverError('damage', `'${path}' does not say which mailboxes were begun anew`, {
      subject: path,
      hint: 'nothing is copied from this host or to it until that is known: restore it from a backup of this host',
    });
  const kept = new Set(record.kept.map(keyOf));
  const aside = new Map(record.aside.map((mailbox) => [keyOf(mailbox), mailbox]));
  const complete = new Set<string>();
  let closed = false;
  for (const each of log.split('\n')) {
    const line = parseIfWhole(each) as DialLine | undefined;
    if (line?.run !== record.run) continue;
    if ('closed' in line) closed = true;
    else complete.add(keyOf(line.complete));
  }
  return {
    ...record,
    isKept: (name) => kept.has(keyOf(name)),
    asideOf: (name) => aside.get(keyOf(name)),
    isComplete: (name) => complete.has(keyOf(name)),
    closed,
  };
}

/** Writes the record down, durably. */
export async function writeDial(state: string, record: DialRecord): Promise<void> {
  await makeDirectory(join(state, 'standby'));
  await writeDurable(pathOf(state), JSON.stringify(record));
}

/** Says that the history of a mailbox, or of all, is back. */
export function noteDial(state: string, { run }: Pick<Dial, 'run'>, what: { complete: Name } | { closed: true }): void {
  // Begins with a line end: a torn line before it stays by itself.
  appendDurable(logOf(state), `\n${JSON.stringify({ run, ...what } satisfies DialLine)}\n`);
}

/** No mailbox is begun anew any more. */
export function dropDial(state: string): void {
  rmSync(pathOf(state), { force: true });
  syncDirectorySync(join(state, 'standby'));
}

/** Why a mailbox can't be copied or merged yet, or undefined. */
export function waitingFor(dial: Dial | undefined, name: Name): Finding | undefined {
  if (dial === undefined || dial.closed || dial.isKept(name) || dial.isComplete(name)) return undefined;
  const subject = displayBytes(name.mailbox);
  return {
    severity: 'error',
    code: 'dial-tone',
    message: `mailbox '${subject}' was begun anew at ${dial.at} and has not all of its history yet; what it lacks is not deleted, so it is neither copied nor merged`,
    hint: "bring it back first, on the host that serves: 'mailrecover restore --behind'",
    subject,
  };
}
