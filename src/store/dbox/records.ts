/**
 * The files in which sdbox (`u.<uid>`) and mdbox (`m.<number>`) keep messages (dbox-file.h): a header line, then for each message a header of
 * fixed size, the message, and a block of metadata.
 */
import { FileWindow, PieceList, type Pieces } from '../pieces.ts';

const MAX_HEADER_LINE = 256;
const MAX_METADATA = 64 * 1024;
const MAGIC_PRE = Buffer.from([1, 2]);
const MAGIC_POST = Buffer.from([10, 1, 3, 10]);
const NEWLINE = 10;

/** Size of each message's header, from the file's first line: `2 M1e C6b0256ac`. */
function messageHeaderSize(line: string): number | undefined {
  if (!line.startsWith('2 ')) return undefined;
  const field = line.split(' ').find((each) => each.startsWith('M'));
  const size = field === undefined ? Number.NaN : Number.parseInt(field.slice(1), 16);
  // The size of the message stands in the 16 digits from the 13th byte on.
  return size >= 30 && size <= 1024 ? size : undefined;
}

interface Metadata {
  length: number;
  received: number;
  guid: string;
}

function metadataAt(window: FileWindow, at: number): Metadata | undefined {
  for (let room = 1024; room <= MAX_METADATA; room *= 8) {
    const bytes = window.at(at, room);
    if (bytes.length < MAGIC_POST.length || !bytes.subarray(0, MAGIC_POST.length).equals(MAGIC_POST)) return undefined;
    const end = bytes.indexOf('\n\n', MAGIC_POST.length - 1);
    if (end < 0) {
      if (bytes.length < room) return undefined;
      continue;
    }
    const lines = bytes.toString('latin1', MAGIC_POST.length, end + 1).split('\n');
    const value = (key: string): string => lines.find((line) => line.startsWith(key))?.slice(1) ?? '';
    const received = Number.parseInt(value('R'), 16);
    const guid = value('G').toLowerCase();
    return { length: end + 2, received: received >= 0 ? received : 0, guid: /^[0-9a-f]{32}$/.test(guid) ? guid : '' };
  }
  return undefined;
}

/**
 * Cuts a file at its messages. What is not as it should be, such as a message that is just being written, ends up in a gap; never throws but for
 * errors of reading.
 */
export function cutDbox(fd: number, size: number): Pieces {
  const window = new FileWindow(fd, size, MAX_METADATA);
  const list = new PieceList();
  const first = window.at(0, MAX_HEADER_LINE);
  const lineEnd = first.indexOf(NEWLINE);
  const headerSize = lineEnd < 0 ? undefined : messageHeaderSize(first.toString('latin1', 0, lineEnd));
  if (headerSize !== undefined) {
    for (let at = lineEnd + 1; at + headerSize < size;) {
      const header = window.at(at, headerSize);
      if (header.length < headerSize || !header.subarray(0, 2).equals(MAGIC_PRE)) break;
      const length = Number.parseInt(header.toString('latin1', 13, 29), 16);
      if (!(length >= 0) || at + headerSize + length > size) break;
      const body = at + headerSize;
      const metadata = metadataAt(window, body + length);
      if (metadata === undefined) break;
      const part = list.part(body, body + length);
      list.pieces.records.push({ at, parts: [part], size: length, received: metadata.received, guid: metadata.guid });
      at = body + length + metadata.length;
    }
  }
  list.gap(size);
  return list.pieces;
}
