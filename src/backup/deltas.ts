/** Which catalog a backup writes, so that a snapshot never names many and never much more than a base would hold. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import { PackNumbering } from '../repository/catalog/decode.ts';
import { sectionKey, isFullMessage, type Section } from '../repository/catalog/model.ts';
import { mergeDeltas } from '../repository/catalog/overlay.ts';
import { byBytes } from '../repository/catalog/percent.ts';
import { openCatalog } from '../repository/catalog/reader.ts';
import { objectPath } from '../repository/names.ts';
import { localTarget } from '../repository/targets/local.ts';
import type { CatalogState } from './state/state.ts';

/** A delta is small beside another of so many times its size: taking it in costs little. */
const SMALL = 4;
/** Deltas that are less than this much larger than all after them are of one size. */
const RATIO = 2;
/** So many of one size may stand beside each other: then each entry is written a few times until the next base, rather than with each delta. */
const OF_ONE_SIZE = 3;

/** Whether the deltas, with one of `size` more bytes, weigh as much as their base: then a new base is due. */
export function isBaseDue(catalogs: readonly CatalogState[], size: number): boolean {
  const [base, ...deltas] = catalogs;
  return base === undefined || deltas.reduce((sum, delta) => sum + delta.size, size) > base.size;
}

/** How many of the newest deltas a new one of `size` bytes should take in. */
export function mergeCount(catalogs: readonly CatalogState[], size: number): number {
  const deltas = catalogs.slice(1).toReversed();
  let weight = size;
  let count = 0;
  for (;;) {
    const rest = deltas.slice(count);
    const larger = rest.findIndex((delta) => delta.size >= RATIO * weight);
    const alike = larger < 0 ? rest.length : larger;
    const small = rest.findIndex((delta) => delta.size * SMALL > weight);
    const more = alike >= OF_ONE_SIZE ? alike : small < 0 ? rest.length : small;
    if (more === 0) return count;
    weight += rest.slice(0, more).reduce((sum, delta) => sum + delta.size, 0);
    count += more;
  }
}

/** Copies of deltas in clear, kept in the local state so that they can be merged without a key. */
export class LocalRuns {
  readonly #root: string;
  readonly #packNumber: (name: string) => number | undefined;

  constructor(root: string, packNumber: (name: string) => number | undefined) {
    this.#root = root;
    this.#packNumber = packNumber;
  }

  async keep(name: string, clear: Buffer): Promise<void> {
    await localTarget(this.#root).put(objectPath('catalog', name), clear);
  }

  /**
   * Lays deltas over each other, and `newest` over them.
   * @returns undefined where a copy is missing or damaged
   */
  async merge(names: readonly string[], newest: ReadonlyMap<string, Section>): Promise<Map<string, Section> | undefined> {
    const merged = new Map<string, Section>();
    try {
      for (const name of names) {
        const numbering = new PackNumbering();
        const catalog = await openCatalog(localTarget(this.#root), name, undefined, numbering);
        for await (const section of catalog.sections()) {
          renumber(section, (pack) => this.#packNumber(numbering.names[pack] ?? ''));
          merged.set(sectionKey(section), mergeDeltas(merged.get(sectionKey(section)), section));
        }
      }
    } catch (error) {
      if (error instanceof MailrecoverError) return undefined;
      throw error;
    }
    for (const [key, section] of newest) merged.set(key, mergeDeltas(merged.get(key), section));
    return new Map([...merged].sort(([a], [b]) => byBytes(a, b)));
  }

  /** Removes copies of deltas that are no longer named. */
  async tidy(catalogs: readonly CatalogState[]): Promise<void> {
    const keep = new Set(catalogs.map((catalog) => catalog.name));
    for await (const { path } of localTarget(this.#root).list('catalogs'))
      if (!keep.has(path.slice(path.lastIndexOf('/') + 1))) rmSync(join(this.#root, path), { force: true });
  }
}

function renumber(section: Section, to: (pack: number) => number | undefined): void {
  const known = (pack: number): number => {
    const number = to(pack);
    if (number === undefined) throw new MailrecoverError('damage', 'a kept delta names a pack that is not known');
    return number;
  };
  for (const dir of section.dirs.values()) {
    for (const file of dir.files.values()) for (const part of file?.parts ?? []) part.pack = known(part.pack);
    for (const message of dir.messages.values()) {
      if (message === null) continue;
      if (isFullMessage(message) || message.pack !== undefined) message.pack = known(message.pack ?? 0);
      if (isFullMessage(message)) for (const part of message.rest ?? []) part.pack = known(part.pack);
    }
  }
}
