/** What of a snapshot's folders is missing from the live ones. */
import type { MessageState } from '../../repository/catalog/model.ts';
import type { ByteString } from '../../store/bytes.ts';
import type { LiveFolder, LiveMessage, LivePlace, LiveReader } from './look.ts';

export interface Wanted {
  base: ByteString;
  state: MessageState;
}

interface Lying {
  dir: ByteString;
  base: ByteString;
  message: LiveMessage;
  taken: boolean;
}

/** Whether the snapshot itself has a message of this name in this folder: such a one stands for itself, and for no other. */
export type Known = (dir: ByteString, base: ByteString) => boolean;

/**
 * Live messages that the snapshot does not know by their names: new mail, and what was moved, copied or restored since. They are told
 * apart by their bytes, which are read only where the size fits.
 */
export class Strays {
  readonly #reader: LiveReader;
  readonly #place: LivePlace;
  readonly #folders: ReadonlyMap<ByteString, LiveFolder>;
  readonly #shas = new Map<Lying, string | undefined>();
  #bySize: Map<number, Lying[]> | undefined;
  #restless = false;

  constructor(reader: LiveReader, place: LivePlace, folders: ReadonlyMap<ByteString, LiveFolder>) {
    [this.#reader, this.#place, this.#folders] = [reader, place, folders];
  }

  /** Whether a message left its folder before it could be looked at: then it may be one of those that seem to be missing. */
  get restless(): boolean {
    return this.#restless;
  }

  #sizes(): Map<number, Lying[]> {
    if (this.#bySize !== undefined) return this.#bySize;
    const bySize = new Map<number, Lying[]>();
    for (const [dir, folder] of this.#folders) {
      for (const [base, message] of folder) {
        const size = this.#reader.size(this.#place, dir, base, message);
        if (size === undefined) {
          this.#restless = true;
          continue;
        }
        const held = bySize.get(size);
        const lying = { dir, base, message, taken: false };
        if (held === undefined) bySize.set(size, [lying]);
        else held.push(lying);
      }
    }
    return (this.#bySize = bySize);
  }

  /** Takes one with these bytes from a folder, or from any. @returns where it lies */
  take({ sha, size }: MessageState, known: Known, dir?: ByteString): { dir: ByteString; base: ByteString } | undefined {
    const found = this.#sizes()
      .get(size)
      ?.find((each) => !each.taken && (dir === undefined || each.dir === dir) && !known(each.dir, each.base) && this.#sha(each) === sha);
    if (found !== undefined) found.taken = true;
    return found;
  }

  #sha(lying: Lying): string | undefined {
    if (!this.#shas.has(lying)) {
      const sha = this.#reader.sha(this.#place, lying.dir, lying.base, lying.message);
      if (sha === undefined) this.#restless = true;
      this.#shas.set(lying, sha);
    }
    return this.#shas.get(lying);
  }
}

/** Splits the wanted messages of a folder into those that are there, whole, under whatever name, and those that are not. */
export function whatIsGone(
  wanted: readonly Wanted[],
  dir: ByteString,
  live: { place: LivePlace; folder: LiveFolder; reader: LiveReader; strays: Strays; known: Known },
): { present: number; gone: Wanted[] } {
  const gone: Wanted[] = [];
  for (const message of wanted) {
    const there = live.folder.get(message.base);
    // The bytes under a name never change; a file of another size was damaged. One that a client takes away right now is no loss.
    const whole =
      there !== undefined && (live.reader.size(live.place, dir, message.base, there) ?? message.state.size) === message.state.size;
    if (!whole && live.strays.take(message.state, live.known, dir) === undefined) gone.push(message);
  }
  return { present: wanted.length - gone.length, gone };
}

/** Takes out what lies in other folders by now. @returns how many lie in which */
export function withoutMoved(gone: readonly Wanted[], strays: Strays, known: Known): { missing: Wanted[]; moved: Map<ByteString, number> } {
  const missing: Wanted[] = [];
  const moved = new Map<ByteString, number>();
  for (const message of gone) {
    const found = strays.take(message.state, known);
    if (found === undefined) missing.push(message);
    else moved.set(found.dir, (moved.get(found.dir) ?? 0) + 1);
  }
  return { missing, moved };
}
