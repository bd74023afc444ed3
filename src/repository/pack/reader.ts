/** Reading packs: whole for a restore, or one entry. */
import { hash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import { decodeHeader } from '../age/header.ts';
import { release } from '../../system/memory.ts';
import type { Identity } from '../age/keys.ts';
import { chunkWindow, keyOfPayload, openChunks, plainSize } from '../age/payload.ts';
import { openWhole, openWindow, readTableFrame, tableOffset } from '../envelope.ts';
import type { Target } from '../target.ts';
import { decompressBeside, decompressBounded, decompressFrame, FOOTER_SIZE } from '../zstd.ts';
import { decodeTable, type PackEntry, type PackFrame, type PackTable } from './table.ts';
import { BLOCK } from './block.ts';

/** A table of more than this many bytes is no table: about a million entries. */
const MAX_TABLE = 128 * 1024 * 1024;

function tableOf(frame: Buffer, subject: string): PackTable {
  const tail = decompressBounded(frame, MAX_TABLE, subject);
  const size = Number.parseInt(tail.toString('latin1', 124, 135), 8);
  const named = tail.toString('latin1', 0, 12) === 'table.jsonl\0';
  if (!named || !(size >= 0) || BLOCK + size > tail.length)
    throw new MailrecoverError('damage', `the table of '${subject}' is damaged`, { subject });
  return decodeTable(tail.toString('latin1', BLOCK, BLOCK + size), subject);
}

/** Whether bytes are what they are named for. */
export function fitsSha(content: Uint8Array, sha: string): boolean {
  return hash('sha256', content, 'hex') === sha;
}

/**
 * A pack whose frames are decompressed one at a time. Entries come out only
 * when their bytes have the SHA-256 that they are named by.
 */
export interface OpenPack {
  table: PackTable;
  /** Content of an entry. Throws `damage` where it can't be had. Consecutive entries share decompressed frames. */
  content(entry: PackEntry): Buffer;
  /** The first bytes of an entry, at most `limit`, which are not compared with its hash. */
  head(entry: PackEntry, limit: number): Buffer;
  /** Gives memory back: nothing that came out may be used any more. */
  close(): void;
}

/** @param passing what came out of a frame is no longer needed when another is asked for: its memory is given back then */
function entryReader(table: PackTable, frameBytes: (frame: number) => Buffer, subject: string, passing = false): OpenPack {
  let heldNumber = -1;
  let held: Buffer = Buffer.alloc(0);
  const frame = (number: number): Buffer => {
    if (number !== heldNumber) {
      heldNumber = -1;
      if (passing) release(held);
      held = decompressFrame(frameBytes(number), table.frames[number]?.raw ?? -1, subject);
      heldNumber = number;
    }
    return held;
  };
  return {
    table,
    head: (entry, limit) => frame(entry.frame).subarray(entry.at, entry.at + Math.min(entry.size, limit)),
    content(entry) {
      let content = frame(entry.frame).subarray(entry.at, entry.at + entry.size);
      if (content.length < entry.size) {
        const whole = Buffer.allocUnsafeSlow(entry.size);
        let filled = content.copy(whole);
        for (let number = entry.frame + 1; filled < entry.size; number++) filled += frame(number).copy(whole, filled);
        content = whole;
      }
      if (!fitsSha(content, entry.sha)) throw new MailrecoverError('damage', `entry ${entry.sha} of '${subject}' is damaged`, { subject });
      return content;
    },
    close: () => release(held),
  };
}

/**
 * Opens a pack that is in memory. Where it is damaged in places, entries of
 * frames that are whole can still be read.
 * @param passing each content counts only until the next is asked for, and memory is given back as early as can be
 * @throws MailrecoverError `damage` where not even its table can be read, `key`
 */
export function openPack(bytes: Buffer, identities: readonly Identity[] | undefined, subject: string, passing = false): OpenPack {
  let stream: Buffer;
  try {
    stream = openWhole(bytes, identities, subject);
  } catch (error) {
    if (identities === undefined || !(error instanceof MailrecoverError) || error.code !== 'damage') throw error;
    return openDamagedPack(bytes, identities, subject);
  }
  const table = tableOf(stream.subarray(tableOffset(stream, subject), -FOOTER_SIZE), subject);
  const reader = entryReader(
    table,
    (number) => {
      const frame = table.frames[number];
      return frame === undefined ? Buffer.alloc(0) : stream.subarray(frame.offset, frame.offset + frame.length);
    },
    subject,
    passing,
  );
  return {
    ...reader,
    close: () => {
      reader.close();
      release(stream);
    },
  };
}

function openDamagedPack(bytes: Buffer, identities: readonly Identity[], subject: string): OpenPack {
  const { fileKey, length } = decodeHeader(bytes, identities, subject);
  const size = plainSize(bytes.length - length);
  const payload = bytes.subarray(length);
  if (size < FOOTER_SIZE) throw new MailrecoverError('damage', `'${subject}' is cut short`, { subject });
  const key = keyOfPayload(fileKey, payload);
  const range = (from: number, to: number): Buffer => {
    const { start, end, firstChunk } = chunkWindow(from, to, size);
    const plain = openChunks(key, payload.subarray(start, end), firstChunk, size, subject);
    const skipped = firstChunk * 64 * 1024;
    return plain.subarray(from - skipped, to - skipped);
  };
  const offset = Number(range(size - 8, size).readBigUInt64LE(0));
  if (!(offset < size)) throw new MailrecoverError('damage', `'${subject}' ends without its footer`, { subject });
  const table = tableOf(range(offset, size - FOOTER_SIZE), subject);
  return entryReader(
    table,
    (number) => {
      const frame = table.frames[number];
      return frame === undefined ? Buffer.alloc(0) : range(frame.offset, frame.offset + frame.length);
    },
    subject,
  );
}

/** Reads only the table of a pack on a target. */
export async function readPackTable(target: Target, path: string, identities: readonly Identity[] | undefined): Promise<PackTable> {
  const window = await openWindow(target, path, identities);
  return tableOf((await readTableFrame(window, path)).frame, path);
}

/** Frames are fetched in runs of about this size. */
const FETCH = 8 * 1024 * 1024;
/** Frames that are decompressed beside the one whose entries are taken. */
const AHEAD = 2;

/** The frames, first and last, that an entry lies in. */
function framesOf(table: PackTable, entry: PackEntry): { first: number; last: number } {
  let last = entry.frame;
  for (let room = (table.frames[last]?.raw ?? 0) - entry.at; room < entry.size; last++) room += table.frames[last + 1]?.raw ?? entry.size;
  return { first: entry.frame, last };
}

/**
 * Reads the entries named from a pack on a target, with requests for no more than the frames they lie in.
 * Entries that the pack does not hold are left out; damaged ones throw `damage` when it is their turn. Content is good until the next is asked for.
 */
export async function* streamEntries(
  target: Target,
  path: string,
  identities: readonly Identity[] | undefined,
  shas: ReadonlySet<string>,
): AsyncGenerator<{ sha: string; content: Buffer }> {
  const window = await openWindow(target, path, identities);
  const table = tableOf((await readTableFrame(window, path)).frame, path);
  const wanted = table.entries
    .filter((entry) => shas.has(entry.sha))
    .map((entry) => ({ entry, ...framesOf(table, entry) }))
    .sort((a, b) => a.first - b.first);
  for (let at = 0; at < wanted.length;) {
    const start = wanted[at] as (typeof wanted)[number];
    const from = table.frames[start.first];
    if (from === undefined) return;
    let last = start.last;
    let next = at + 1;
    for (; next < wanted.length; next++) {
      const candidate = wanted[next] as (typeof wanted)[number];
      const end = table.frames[candidate.last];
      if (end === undefined || candidate.first > last + 1 || end.offset + end.length - from.offset > FETCH) break;
      last = Math.max(last, candidate.last);
    }
    const to = table.frames[last];
    if (to === undefined) return;
    const bytes = await window.read(from.offset, to.offset + to.length);
    const frames = framesAhead(table, wanted.slice(at, next), path, ({ offset, length }) =>
      bytes.subarray(offset - from.offset, offset - from.offset + length),
    );
    for (; at < next; at++) {
      const { entry, first, last: end } = wanted[at] as (typeof wanted)[number];
      const content = await frames.content(entry, first, end);
      if (!fitsSha(content, entry.sha))
        throw new MailrecoverError('damage', `entry ${entry.sha} of '${path}' is damaged`, { subject: path });
      yield { sha: entry.sha, content };
    }
  }
}

/** Decompresses the frames that entries lie in, in their order, some ahead of the one that is asked for. */
function framesAhead(
  table: PackTable,
  entries: readonly { first: number; last: number }[],
  subject: string,
  bytesOf: (frame: PackFrame) => Buffer,
): { content(entry: PackEntry, first: number, last: number): Promise<Buffer> } {
  const order = [...new Set(entries.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index)))];
  const begun = new Map<number, Promise<Buffer>>();
  let next = 0;
  const begin = (): void => {
    const number = order[next++];
    const frame = number === undefined ? undefined : table.frames[number];
    if (number === undefined || frame === undefined) return;
    const out = decompressBeside(bytesOf(frame), frame.raw, subject);
    // Where nobody comes to ask for it, because one before it is damaged.
    out.catch(() => undefined);
    begun.set(number, out);
  };
  const frameOf = async (number: number): Promise<Buffer> => {
    for (const [held, out] of begun)
      if (held < number) {
        begun.delete(held);
        release(await out);
      }
    while (begun.size <= AHEAD && next < order.length) begin();
    const frame = table.frames[number];
    // A table may lead back to a frame that was given up.
    return begun.get(number) ?? decompressBeside(frame === undefined ? Buffer.alloc(0) : bytesOf(frame), frame?.raw ?? -1, subject);
  };
  return {
    async content(entry, first, last) {
      const content = (await frameOf(first)).subarray(entry.at, entry.at + entry.size);
      if (content.length === entry.size) return content;
      const whole = Buffer.allocUnsafeSlow(entry.size);
      let filled = content.copy(whole);
      for (let number = first + 1; number <= last; number++) filled += (await frameOf(number)).copy(whole, filled);
      return whole;
    },
  };
}

/** Reads a few entries from a pack on a target. @returns content by SHA-256; entries that the pack does not hold are left out */
export async function readEntries(
  target: Target,
  path: string,
  identities: readonly Identity[] | undefined,
  shas: ReadonlySet<string>,
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const { sha, content } of streamEntries(target, path, identities, shas)) found.set(sha, Buffer.from(content));
  return found;
}
