import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, systemCode } from '../errors/error.ts';
import { isoNow } from '../system/clock.ts';
import { appendDurable, makePath, syncDirectorySync } from '../system/files.ts';

const FILE = 'history.jsonl';
/** A file that has grown past this is put aside, and the newest few of those are kept. */
const LARGE = 8 * 1024 * 1024;
const KEPT = 4;
const ASIDE = /^history-.*\.jsonl$/;

/**
 * Appends one line to the history in `state`, durably. What a torn write left without a line feed
 * is ended first, so that it costs its own line and no other.
 */
export function appendHistoryLine(state: string, record: unknown): void {
  const path = join(state, FILE);
  try {
    makePath(state);
    const before = lastByte(path);
    if (before.size > LARGE) putAside(state);
    const torn = before.size > 0 && before.size <= LARGE && before.last !== 0x0a;
    appendDurable(path, `${torn ? '\n' : ''}${JSON.stringify(record)}\n`);
    if (before.size === 0 || before.size > LARGE) syncDirectorySync(state);
  } catch (error) {
    throw ioError(error, 'write the history', path);
  }
}

/** All records, oldest first. Lines that are no JSON (torn by a crash) are left out. */
export function readHistoryLines(state: string): unknown[] {
  let names: string[];
  try {
    names = readdirSync(state).filter((name) => ASIDE.test(name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read the history in', state);
  }
  return [...names.toSorted(), FILE].flatMap((name) => linesOf(join(state, name)));
}

/** The newest records, oldest first: those in the last `bytes` of the file, so that a long history costs nothing. */
export function readHistoryTail(state: string, bytes: number): unknown[] {
  const path = join(state, FILE);
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read the history', path);
  }
  try {
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, bytes));
    const length = readSync(fd, tail, 0, tail.length, size - tail.length);
    // The first line may be cut off: then it is no JSON.
    return parseLines(tail.toString('utf8', 0, length));
  } catch (error) {
    throw ioError(error, 'read the history', path);
  } finally {
    closeSync(fd);
  }
}

function linesOf(path: string): unknown[] {
  try {
    return parseLines(readFileSync(path, 'utf8'));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read the history', path);
  }
}

function parseLines(text: string): unknown[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as unknown];
    } catch {
      return [];
    }
  });
}

function lastByte(path: string): { size: number; last: number | undefined } {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { size: 0, last: undefined };
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const byte = new Uint8Array(1);
    return { size, last: size > 0 && readSync(fd, byte, 0, 1, size - 1) === 1 ? byte[0] : undefined };
  } finally {
    closeSync(fd);
  }
}

/** Names hold the time, so that two runs that do this at once lose nothing. */
function putAside(state: string): void {
  try {
    renameSync(join(state, FILE), join(state, `history-${isoNow()}-${process.pid}.jsonl`));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  const aside = readdirSync(state)
    .filter((name) => ASIDE.test(name))
    .toSorted();
  for (const name of aside.slice(0, -KEPT)) rmSync(join(state, name), { force: true });
}
