import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

export interface CorpusMessage {
  /** Its path in the archive. */
  name: string;
  bytes: Buffer;
}

/**
 * Where an archive of real mail lies, if there is one: a tar.gz with one message a file, named by MAILRECOVER_CORPUS
 * or lying in `../shared/corpora` beside the checkout.
 */
export function corpusPath(): string | undefined {
  const named = process.env['MAILRECOVER_CORPUS'];
  if (named !== undefined && named !== '') return named;
  const beside = fileURLToPath(new URL('../../../shared/corpora/spamassassin.tar.gz', import.meta.url));
  return existsSync(beside) ? beside : undefined;
}

/** Why tests on real mail can't run here, for `skip`, or false. */
export function noCorpus(): string | false {
  return corpusPath() === undefined ? 'needs an archive of real mail, named by MAILRECOVER_CORPUS' : false;
}

/** All messages of the archive, without the mbox line that some begin with; about 33 MB for the SpamAssassin corpus. */
export function readCorpus(path = corpusPath()): CorpusMessage[] {
  if (path === undefined) throw new Error('no archive of real mail here');
  const tar = gunzipSync(readFileSync(path));
  const messages: CorpusMessage[] = [];
  for (let at = 0; at + 512 <= tar.length;) {
    const header = tar.subarray(at, at + 512);
    const name = field(header, 0, 100);
    if (name === '') break;
    const size = Number.parseInt(field(header, 124, 12), 8);
    const type = field(header, 156, 1);
    if ((type === '0' || type === '') && size > 0) messages.push({ name, bytes: withoutMboxLine(tar.subarray(at + 512, at + 512 + size)) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return messages;
}

function field(header: Buffer, at: number, length: number): string {
  return header
    .toString('latin1', at, at + length)
    .replace(/\0.*$/s, '')
    .trim();
}

function withoutMboxLine(bytes: Buffer): Buffer {
  return bytes.toString('latin1', 0, 5) === 'From ' ? bytes.subarray(bytes.indexOf(10) + 1) : bytes;
}
