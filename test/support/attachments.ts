import { Random } from './random.ts';
import { Output, writeText } from './text.ts';
import { vocabulary } from './words.ts';

export interface Attachment {
  type: string;
  name: string;
  bytes: Uint8Array;
}

/** How many shared attachments there are of each size class (a class is a factor of two). */
const POOL = 24;
const CACHE_BYTES = 64 << 20;
const cache = new Map<string, Attachment>();
let cached = 0;

/**
 * A made attachment of about `size` bytes: three in four are as hard to compress as pictures and PDF, the others are text.
 * A shared one comes from a pool of the seed, and is of the size of its class.
 */
export function attachment(seed: string, random: Random, size: number, shared: boolean): Attachment {
  if (!shared) return make(seed, random, size);
  const scale = Math.floor(Math.log2(size));
  const name = `${seed}/attachment/${scale}/${Math.floor(random.float() ** 2 * POOL)}`;
  const known = cache.get(name);
  if (known !== undefined) return known;
  const own = new Random(name);
  const file = make(seed, own, Math.round(2 ** (scale + own.float())));
  cache.set(name, file);
  cached += file.bytes.length;
  for (const [old, { bytes }] of cache) {
    if (cached <= CACHE_BYTES) break;
    cache.delete(old);
    cached -= bytes.length;
  }
  return file;
}

function make(seed: string, random: Random, size: number): Attachment {
  const name = `${random.hex(4)}-${random.int(10_000)}`;
  const kind = random.int(8);
  if (kind < 6) {
    const [type, ending] = random.pick([
      ['application/pdf', 'pdf'],
      ['image/jpeg', 'jpg'],
      ['application/zip', 'zip'],
      ['image/png', 'png'],
    ]);
    return { type: type ?? '', name: `${name}.${ending ?? ''}`, bytes: random.bytes(size) };
  }
  const out = new Output();
  writeText(out, vocabulary(seed, 'latin'), random, size, { space: true, width: kind === 6 ? 400 : 72 });
  return { type: kind === 6 ? 'text/csv' : 'application/octet-stream', name: `${name}.${kind === 6 ? 'csv' : 'log'}`, bytes: out.take() };
}
