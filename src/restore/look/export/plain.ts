/** Messages as other programs read them: what Dovecot compressed is opened. */
import { HEAD_BYTES, readHeaders, type MessageHeaders } from '../../../store/message/headers.ts';
import { unpack } from '../../../store/message/unpack.ts';

export interface PlainMessage {
  content: Buffer;
  headers: MessageHeaders;
  /** Ending for the name of a file with these bytes: empty for mail, else of the form that could not be opened. */
  ending: string;
}

/** No message unpacks to more. */
const LIMIT = 1 << 30;

const ENDINGS: Partial<Record<MessageHeaders['content'], string>> = {
  gzip: '.gz',
  zstd: '.zst',
  bzip2: '.bz2',
  xz: '.xz',
  lz4: '.lz4',
  'mail-crypt': '.crypt',
};

export function plainMessage(stored: Buffer): PlainMessage {
  const headers = readHeaders(stored.subarray(0, HEAD_BYTES));
  if (headers.content === 'gzip' || headers.content === 'zstd') {
    try {
      return { content: unpack(stored, headers.content, LIMIT), headers, ending: '' };
    } catch {
      // Damaged before it was backed up: it goes out as it is.
    }
  }
  return { content: stored, headers, ending: ENDINGS[headers.content] ?? '' };
}
