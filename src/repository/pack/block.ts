/** The blocks that a tar archive is made of; apart from tarhead.ts, since who only reads needs no package for headers. */
export const BLOCK = 512;

/** How many zero bytes follow a content of `size` bytes. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
