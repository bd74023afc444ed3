/** The wrapping of packs and catalogs: zstd frames, the footer that leads to the table frame, and the tar inside packs. */
import { zstdDecompressSync } from 'node:zlib';
import { sha256 } from './encoding.ts';

const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a5e;

/** The last ordinary frame's decompressed bytes, and where it begins in the compressed stream. */
export function readTableFrame(stream: Buffer): { offset: number; raw: Buffer } {
  const foot = stream.subarray(-16);
  if (foot.length < 16 || foot.readUInt32LE(0) !== SKIPPABLE || foot.readUInt32LE(4) !== 8) throw new Error('no footer');
  const offset = Number(foot.readBigUInt64LE(8));
  return { offset, raw: readFrame(stream, offset, stream.length - 16 - offset) };
}

/** Decompresses one frame, which must begin and end exactly there, and must state its content size. */
export function readFrame(stream: Buffer, offset: number, length: number): Buffer {
  const frame = stream.subarray(offset, offset + length);
  if (frame.length !== length || frame.readUInt32LE(0) !== FRAME) throw new Error(`no frame at ${offset}`);
  const raw = zstdDecompressSync(frame);
  if (contentSize(frame) !== raw.length) throw new Error(`frame at ${offset} does not state its content size`);
  return raw;
}

/** Frame_Content_Size (RFC 8878, 3.1.1.1), or undefined where it is absent. */
function contentSize(frame: Buffer): number | undefined {
  const descriptor = frame.readUInt8(4);
  const flag = descriptor >> 6;
  const single = (descriptor >> 5) & 1;
  const at = 5 + (single ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  if (flag === 0) return single ? frame.readUInt8(at) : undefined;
  if (flag === 1) return frame.readUInt16LE(at) + 256;
  return flag === 2 ? frame.readUInt32LE(at) : Number(frame.readBigUInt64LE(at));
}

/** One entry of a tar archive. */
export type TarEntry = { name: string; mode: number; uid: number; gid: number; mtime: number; type: string; content: Buffer };

/** Reads a ustar archive; with `end` it must close with two zero blocks. */
export function readTar(tar: Buffer, end: boolean): TarEntry[] {
  const entries: TarEntry[] = [];
  let at = 0;
  for (; at < tar.length && tar[at] !== 0;) {
    const header = tar.subarray(at, at + 512);
    const text = (from: number, length: number): string =>
      header
        .subarray(from, from + length)
        .toString('latin1')
        .replace(/\0.*$/s, '');
    const octal = (from: number, length: number): number => parseInt(text(from, length).trim() || '0', 8);
    if (text(257, 5) !== 'ustar') throw new Error(`no ustar header at ${at}`);
    const sum = header.reduce((a, b, i) => a + (i >= 148 && i < 156 ? 32 : b), 0);
    if (octal(148, 8) !== sum) throw new Error(`wrong checksum at ${at}`);
    const size = octal(124, 12);
    const content = tar.subarray(at + 512, at + 512 + size);
    if (content.length !== size) throw new Error('archive is cut off');
    entries.push({
      name: text(0, 100),
      mode: octal(100, 8),
      uid: octal(108, 8),
      gid: octal(116, 8),
      mtime: octal(136, 12),
      type: text(156, 1) || '0',
      content,
    });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  if (end && (tar.length < at + 1024 || tar.subarray(at).some((byte) => byte !== 0)))
    throw new Error('archive does not end with zero blocks');
  return entries;
}

/** One line of a pack's table. */
export type TableEntry = { sha: string; size: number; frame: number; at: number };

/** Reads a decrypted pack through its footer, and checks the table against the archive; gives each entry's content by its SHA-256. */
export function readPack(stream: Buffer): Map<string, Buffer> {
  const { offset, raw } = readTableFrame(stream);
  const table = readTar(raw, true);
  if (table.length !== 1 || table[0]?.name !== 'table.jsonl') throw new Error('the table frame holds no table.jsonl');
  const lines = table[0].content
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const frames = lines.filter((line) => 'offset' in line) as { offset: number; length: number; raw: number }[];
  const list = lines.filter((line) => 'sha' in line) as TableEntry[];
  if (frames.reduce((at, frame) => (frame.offset === at ? at + frame.length : NaN), 0) !== offset)
    throw new Error('frames are not side by side');
  const raws = frames.map((frame) => {
    const bytes = readFrame(stream, frame.offset, frame.length);
    if (bytes.length !== frame.raw) throw new Error('a frame has another size than its table says');
    return bytes;
  });
  const walked = readTar(Buffer.concat([...raws, raw]), true).slice(0, -1);
  const starts = raws.map((_, i) => raws.slice(0, i).reduce((a, b) => a + b.length, 0));
  const all = Buffer.concat(raws);
  if (walked.length !== list.length) throw new Error('table and archive differ');
  const out = new Map<string, Buffer>();
  list.forEach((entry, i) => {
    const at = (starts[entry.frame] ?? NaN) + entry.at;
    const content = all.subarray(at, at + entry.size);
    const tar = walked[i];
    if (tar?.name !== entry.sha || !tar.content.equals(content)) throw new Error(`table and archive differ at ${entry.sha}`);
    if (tar.mode !== 0o600 || tar.uid !== 0 || tar.gid !== 0 || tar.type !== '0') throw new Error(`unusual header of ${entry.sha}`);
    if (sha256(content) !== entry.sha) throw new Error(`entry ${entry.sha} has other bytes`);
    if (out.has(entry.sha)) throw new Error(`entry ${entry.sha} is there twice`);
    out.set(entry.sha, content);
  });
  return out;
}

/** Reads a decrypted catalog to its lines, and checks its table frame. */
export function readCatalogLines(stream: Buffer): string[] {
  const { offset, raw } = readTableFrame(stream);
  const table = raw
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const lines: string[] = [];
  let at = 0;
  table.forEach((row, i) => {
    if (row.frame !== i || row.offset !== at) throw new Error('frames are not side by side');
    const text = readFrame(stream, at, row.length as number).toString('latin1');
    if (!text.endsWith('\n')) throw new Error('a frame ends within a line');
    const own = text.slice(0, -1).split('\n');
    const section = JSON.parse(own[0] ?? '') as Record<string, unknown>;
    if ((i === 0) !== 'catalog' in section) throw new Error(`frame ${i} begins with something else`);
    for (const key of ['mailbox', 'store', 'area'])
      if (section[key] !== row[key]) throw new Error(`frame ${i} begins with another section`);
    if (i === 0 && own.length > 1) throw new Error('the first frame holds more than the first line');
    lines.push(...own);
    at += row.length as number;
  });
  if (at !== offset) throw new Error('frames are not side by side');
  return lines;
}
