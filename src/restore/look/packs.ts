/** Packs that are read as a whole, the last few of them kept open: for many messages at once. */
import { objectPath } from '../../repository/names.ts';
import { openPack, type OpenPack } from '../../repository/pack/reader.ts';
import type { PackEntry } from '../../repository/pack/table.ts';
import { isLoss, type Source } from './source.ts';

/** Each holds its compressed bytes and one frame: some ten megabytes. */
const OPEN = 4;

interface HeldPack {
  pack: OpenPack;
  /** In the order in which they lie in the pack. */
  entries: Map<string, PackEntry>;
}

export class OpenPacks {
  readonly #source: Source;
  /** Last used last; null for one that can't be opened. */
  readonly #held = new Map<string, HeldPack | null>();

  constructor(source: Source) {
    this.#source = source;
  }

  async #open(name: string): Promise<HeldPack | null> {
    let held = this.#held.get(name);
    if (held === undefined) {
      held = await this.#load(name);
      for (const oldest of this.#held.keys()) {
        if (this.#held.size < OPEN) break;
        this.#held.delete(oldest);
      }
    } else this.#held.delete(name);
    this.#held.set(name, held);
    return held;
  }

  async #load(name: string): Promise<HeldPack | null> {
    const { repository, identities } = this.#source;
    const path = objectPath('pack', name);
    try {
      const pack = openPack(await repository.target.get(path), identities, path);
      return { pack, entries: new Map(pack.table.entries.map((entry) => [entry.sha, entry])) };
    } catch (error) {
      if (!isLoss(error)) throw error;
      return null;
    }
  }

  /** Puts what lies in a pack into the order in which it lies there: so each frame is decompressed once. */
  async inOrder<T extends { sha: string }>(name: string, wanted: readonly T[]): Promise<T[]> {
    const held = await this.#open(name);
    if (held === null || wanted.length < 2) return [...wanted];
    const places = new Map([...held.entries.keys()].map((sha, place) => [sha, place]));
    return wanted.toSorted((a, b) => (places.get(a.sha) ?? -1) - (places.get(b.sha) ?? -1));
  }

  /** The bytes of an entry, proved by their hash; undefined where this pack does not give them. */
  async content(name: string, sha: string): Promise<Buffer | undefined> {
    const held = await this.#open(name);
    const entry = held?.entries.get(sha);
    if (held === null || entry === undefined) return undefined;
    try {
      return held.pack.content(entry);
    } catch (error) {
      if (!isLoss(error)) throw error;
      return undefined;
    }
  }

  /** The first bytes of an entry, not compared with its hash. */
  async head(name: string, sha: string, limit: number): Promise<Buffer | undefined> {
    const held = await this.#open(name);
    const entry = held?.entries.get(sha);
    if (held === null || entry === undefined) return undefined;
    try {
      return held.pack.head(entry, limit);
    } catch (error) {
      if (!isLoss(error)) throw error;
      return undefined;
    }
  }
}
