/** Mail as a tar archive of `.eml` files, in pieces as they come. */
import { Header } from 'tar/header';
import { Pax } from 'tar/pax';

const BLOCK = 512;

function padded(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** The pieces of one entry. @param mtime seconds since 1970 */
export function* tarEntry(path: string, content: Buffer, mtime: number): Generator<Uint8Array> {
  const facts = {
    path,
    size: content.length,
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtime: new Date(Math.max(0, mtime) * 1000),
    type: 'File' as const,
  };
  const header = Buffer.alloc(BLOCK);
  // Names that are long, or no ASCII, stand in a header before the header (pax(1)).
  if (new Header(facts).encode(header, 0) || /[^\x20-\x7e]/.test(path))
    yield new Pax({ path, size: content.length, mtime: facts.mtime }).encode();
  yield header;
  yield content;
  yield padded(content.length);
}

export function tarEnd(): Uint8Array {
  return Buffer.alloc(2 * BLOCK);
}
