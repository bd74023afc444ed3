/** Dovecot's `dovecot.index` (mail-index.h): header, extensions, records. */
import { BASE_HEADER, IndexDamage, type Extension, type IndexState } from './index-state.ts';

const MAJOR_VERSION = 7;
const LITTLE_ENDIAN = 1;
const EXTENSION_HEADER = 16;
const SMALLEST_RECORD = 5;

const align8 = (size: number): number => (size + 7) & ~7;

interface Placed extends Extension {
  recordOffset: number;
  /** Names of keywords, for the extension that holds them as bits. */
  keywords: string[];
}

/** From which place of which log an index goes on. */
export interface LogPlace {
  sequence: number;
  offset: number;
}

/**
 * Reads an index file.
 * @throws {IndexDamage}
 */
export function parseIndexFile(content: Buffer): { state: IndexState; log: LogPlace; indexId: number } {
  if (content.length < BASE_HEADER) throw new IndexDamage('the index is cut short');
  if (content[0] !== MAJOR_VERSION) throw new IndexDamage(`the index has version ${content[0] ?? 0}, which is not known here`);
  if (((content[12] ?? 0) & LITTLE_ENDIAN) === 0) throw new IndexDamage('the index was written by a host of another byte order');
  const baseSize = content.readUInt16LE(2);
  const headerSize = content.readUInt32LE(4);
  const recordSize = content.readUInt32LE(8);
  const count = content.readUInt32LE(32);
  if (baseSize < BASE_HEADER || headerSize < baseSize || recordSize < SMALLEST_RECORD)
    throw new IndexDamage('the header of the index is damaged');
  if (headerSize + recordSize * count > content.length) throw new IndexDamage('the index is cut short');
  const extensions = readExtensions(content, baseSize, headerSize, recordSize);
  const state: IndexState = { header: Buffer.from(content.subarray(0, baseSize)), extensions, messages: new Map(), deleted: false };
  for (let number = 0, at = headerSize; number < count; number++, at += recordSize) {
    const keywords = new Set<string>();
    const data = extensions.map(({ recordOffset, recordSize: size, keywords: names }) => {
      const bytes = content.subarray(at + recordOffset, at + recordOffset + size);
      for (const [bit, name] of names.entries()) if (((bytes[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0) keywords.add(name);
      return bytes;
    });
    state.messages.set(content.readUInt32LE(at), { flags: content[at + 4] ?? 0, keywords, data });
  }
  return {
    state,
    log: { sequence: content.readUInt32LE(60), offset: content.readUInt32LE(68) },
    indexId: content.readUInt32LE(16),
  };
}

function readExtensions(content: Buffer, from: number, end: number, recordSize: number): Placed[] {
  const extensions: Placed[] = [];
  for (let at = align8(from); at + EXTENSION_HEADER <= end;) {
    const headerSize = content.readUInt32LE(at);
    const nameSize = content.readUInt16LE(at + 14);
    const data = at + align8(EXTENSION_HEADER + nameSize);
    const next = data + align8(headerSize);
    if (nameSize === 0 || next > end) throw new IndexDamage('an extension of the index is damaged');
    const name = content.toString('latin1', at + EXTENSION_HEADER, at + EXTENSION_HEADER + nameSize);
    const recordOffset = content.readUInt16LE(at + 8);
    const size = content.readUInt16LE(at + 10);
    if (recordOffset + size > recordSize) throw new IndexDamage(`the extension '${name}' of the index is damaged`);
    extensions.push({
      name,
      resetId: content.readUInt32LE(at + 4),
      recordOffset,
      recordSize: size,
      keywords: name === 'keywords' ? readKeywords(content.subarray(data, data + headerSize)) : [],
    });
    at = next;
  }
  return extensions;
}

/** `mail_index_keyword_header`: a count, an offset for each, then the names. */
function readKeywords(header: Buffer): string[] {
  if (header.length < 4) return [];
  const count = header.readUInt32LE(0);
  const names = 4 + count * 8;
  if (names > header.length) throw new IndexDamage('the keywords of the index are damaged');
  return Array.from({ length: count }, (_, number) => {
    const start = names + header.readUInt32LE(4 + number * 8 + 4);
    const end = header.indexOf(0, start);
    if (end < 0) throw new IndexDamage('the keywords of the index are damaged');
    return header.toString('latin1', start, end);
  });
}
