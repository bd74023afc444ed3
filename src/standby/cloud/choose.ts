/** Which messages go next: the newest first, within what the provider lets in. */
import type { WantedFolder, WantedMessage } from '../../restore/imap/wanted.ts';
import type { Ledger } from './ledger.ts';
import type { FillLimits } from './limits.ts';

export interface Chosen {
  /** All folders, each with what goes into it now. */
  folders: WantedFolder[];
  count: number;
  /** What does not fit into this day's share, and the bytes of the first of it. */
  waiting: number;
  next: number | undefined;
  /** Messages that the provider never takes. */
  tooLarge: WantedMessage[];
}

/** @param since only messages that were received then or later, microseconds since 1970 */
export function choose(folders: readonly WantedFolder[], ledger: Ledger, limits: FillLimits, since: number): Chosen {
  const due = ledger.due(folders);
  const tooLarge = [...due].filter(({ state }) => state.size > limits.message);
  const wanted = [...due]
    .filter(({ state }) => state.size <= limits.message && state.mtime >= since)
    .toSorted((a, b) => b.state.mtime - a.state.mtime);
  const taken = new Set<WantedMessage>();
  let room = limits.day - ledger.sentToday;
  let next: number | undefined;
  for (const message of wanted) {
    const { size } = message.state;
    // One that is larger than a day's share goes on a day of its own.
    if (size > room && !(taken.size === 0 && room >= limits.day)) {
      next = size;
      break;
    }
    taken.add(message);
    room -= size;
  }
  return {
    folders: folders.map((folder) => ({ ...folder, messages: folder.messages.filter((message) => taken.has(message)) })),
    count: taken.size,
    waiting: wanted.length - taken.size,
    next,
    tooLarge,
  };
}
