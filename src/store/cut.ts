/** Cuts files that hold several messages, so that what did not change in them is known again. */
import { cutDbox } from './dbox/records.ts';
import { cutMbox } from './mbox/records.ts';
import type { CutKind } from './live.ts';
import type { Pieces } from './pieces.ts';

const CUTTERS: Record<CutKind, (fd: number, size: number) => Pieces> = { dbox: cutDbox, mbox: cutMbox };

/**
 * Cuts an open file at its messages. What is none ends up in parts between them.
 * @param size bytes of it that are looked at
 * @throws the system's error where it can't be read
 */
export function cutMessages(kind: CutKind, fd: number, size: number): Pieces {
  return CUTTERS[kind](fd, size);
}
