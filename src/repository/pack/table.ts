/** The table at the end of a pack: which entry lies where. */
import { MailrecoverError } from '../../errors/error.ts';

export interface PackEntry {
  sha: string;
  size: number;
  /** Frame in which the content begins. */
  frame: number;
  /** Where it begins in the decompressed bytes of that frame. */
  at: number;
}

export interface PackFrame {
  offset: number;
  length: number;
  raw: number;
}

export interface PackTable {
  entries: PackEntry[];
  frames: PackFrame[];
}

export function encodeTable(table: PackTable): string {
  const entries = table.entries.map((entry) => `{"sha":"${entry.sha}","size":${entry.size},"frame":${entry.frame},"at":${entry.at}}\n`);
  const frames = table.frames.map((frame) => `{"offset":${frame.offset},"length":${frame.length},"raw":${frame.raw}}\n`);
  return entries.join('') + frames.join('');
}

const ENTRY = /^\{"sha":"([0-9a-f]{64})","size":(\d{1,15}),"frame":(\d{1,9}),"at":(\d{1,9})\}$/;
const FRAME = /^\{"offset":(\d{1,15}),"length":(\d{1,10}),"raw":(\d{1,9})\}$/;

/**
 * Reads a table and checks that every entry lies inside the frames.
 * @throws MailrecoverError `damage`
 */
export function decodeTable(text: string, subject: string): PackTable {
  const damaged = (): MailrecoverError => new MailrecoverError('damage', `the table of '${subject}' is damaged`, { subject });
  const table: PackTable = { entries: [], frames: [] };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const entry = ENTRY.exec(line);
    if (entry !== null) {
      table.entries.push({ sha: entry[1] as string, size: Number(entry[2]), frame: Number(entry[3]), at: Number(entry[4]) });
      continue;
    }
    const frame = FRAME.exec(line);
    if (frame === null) throw damaged();
    table.frames.push({ offset: Number(frame[1]), length: Number(frame[2]), raw: Number(frame[3]) });
  }
  for (const entry of table.entries) {
    let room = -entry.at;
    for (let frame = entry.frame; room < entry.size; frame++) {
      const raw = table.frames[frame]?.raw;
      if (raw === undefined) throw damaged();
      room += raw;
      if (room < 0) throw damaged();
    }
  }
  return table;
}
