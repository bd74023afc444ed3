/** What Dovecot's index of a folder (or of the storage, the map) says, as plain data. All numbers in it are of the host's byte order; we know little-endian hosts. */

/** Flags as Dovecot's index keeps them (enum mail_flags). */
export const FLAG = { answered: 0x01, flagged: 0x02, deleted: 0x04, seen: 0x08, draft: 0x10 } as const;

/** Additional data that each record, and the header, has under a name: `mdbox`, `map`, `ref`, `guid` … */
export interface Extension {
  name: string;
  resetId: number;
  recordSize: number;
}

export interface IndexedMessage {
  flags: number;
  keywords: Set<string>;
  /** Data of the extensions, by their number. */
  data: (Buffer | undefined)[];
}

export interface IndexState {
  /** `mail_index_header`: kept as bytes, since logs change it by offset. */
  header: Buffer;
  extensions: Extension[];
  /** By UID, in rising order. */
  messages: Map<number, IndexedMessage>;
  /** The mailbox was deleted; what is here is on its way out. */
  deleted: boolean;
}

const UID_VALIDITY = 24;
const NEXT_UID = 28;
export const BASE_HEADER = 120;

export function emptyIndex(): IndexState {
  return { header: Buffer.alloc(BASE_HEADER), extensions: [], messages: new Map(), deleted: false };
}

export function uidValidity({ header }: IndexState): number {
  return header.readUInt32LE(UID_VALIDITY);
}

export function nextUid({ header }: IndexState): number {
  return header.readUInt32LE(NEXT_UID);
}

export function setNextUid({ header }: IndexState, uid: number): void {
  header.writeUInt32LE(uid >>> 0, NEXT_UID);
}

/** Data that an extension keeps for a message; undefined where there is none, or less than `size` bytes of it. */
export function extensionData(state: IndexState, message: IndexedMessage, name: string, size: number): Buffer | undefined {
  const number = state.extensions.findIndex((extension) => extension.name === name);
  const data = number < 0 ? undefined : message.data[number];
  return data === undefined || data.length < size ? undefined : data;
}

/** An index, or its log, is not as Dovecot writes it. */
export class IndexDamage extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'IndexDamage';
  }
}
