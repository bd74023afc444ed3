/** Decoding what is stored: every entry of every pack, every line of every catalog, every tag. Needs an identity where the repository is encrypted. */
import { MailrecoverError } from '../../errors/error.ts';
import type { Progress } from '../../system/progress.ts';
import type { Identity } from '../age/keys.ts';
import { objectPath } from '../names.ts';
import { openPack } from '../pack/reader.ts';
import { decodeTags, tagOf, type TagList } from '../tags.ts';
import type { Target } from '../target.ts';
import { inParallel } from '../in-parallel.ts';
import type { Ledger } from './ledger.ts';
import type { Listing } from './listing.ts';

/** A set of entries; a prefix of each hash is enough to know them, and takes a third of the memory. */
export class EntrySet {
  readonly #known = new Set<string>();

  static #key(sha: string): string {
    return Buffer.from(sha.slice(0, 24), 'hex').toString('latin1');
  }

  add(sha: string): void {
    this.#known.add(EntrySet.#key(sha));
  }

  has(sha: string): boolean {
    return this.#known.has(EntrySet.#key(sha));
  }
}

/** Entries that can be read, by the file name of the pack. */
export type Readable = Map<string, EntrySet>;

/** Says in words what kept an object from being decoded. Hostile bytes may make a decoder throw anything. */
export function decodingProblem(error: unknown, signal?: AbortSignal): { what: string; code: 'damage' | 'key' } {
  signal?.throwIfAborted();
  if (error instanceof MailrecoverError) {
    if (error.code === 'unreachable') throw error;
    return error.code === 'key'
      ? { what: 'is encrypted to none of the identities given', code: 'key' }
      : { what: `can not be decoded: ${error.message}`, code: 'damage' };
  }
  return { what: 'can not be decoded: it is not as the format has it', code: 'damage' };
}

export interface ContentOptions {
  target: Target;
  listing: Listing;
  identities: readonly Identity[] | undefined;
  ledger: Ledger;
  signal: AbortSignal | undefined;
}

/** Reads the entries of a pack one by one. @returns those whose bytes are what they are named for */
async function readPack(
  { target, identities, ledger, signal }: ContentOptions,
  path: string,
  onEntry?: (sha: string) => void,
): Promise<EntrySet> {
  const entries = new EntrySet();
  try {
    const pack = openPack(await target.get(path), identities, path);
    for (const entry of pack.table.entries) {
      onEntry?.(entry.sha);
      try {
        pack.content(entry);
        entries.add(entry.sha);
      } catch (error) {
        ledger.damaged(path, decodingProblem(error, signal).what);
      }
    }
  } catch (error) {
    const { what, code } = decodingProblem(error, signal);
    ledger.damaged(path, what, { code });
  }
  return entries;
}

/** Reads the tags and checks their signatures. @returns them by pack, without the tags themselves */
export async function checkTags(options: Omit<ContentOptions, 'identities'>, trusted: ReadonlySet<string>): Promise<Map<string, string[]>> {
  const { target, listing, ledger } = options;
  const byPack = new Map<string, string[]>();
  const strangers = new Map<string, number>();
  for (const [path, kind] of listing.kinds) {
    if (kind !== 'tags' || ledger.has(path)) continue;
    let list: TagList;
    try {
      list = decodeTags(await target.get(path), path);
    } catch (error) {
      ledger.damaged(path, decodingProblem(error, options.signal).what);
      continue;
    }
    if (!trusted.has(list.key)) strangers.set(list.key, (strangers.get(list.key) ?? 0) + 1);
    const stored = listing.sizes.get(objectPath('pack', list.pack));
    if (stored !== undefined && stored !== list.size) ledger.damaged(path, 'states another size of its pack than that has');
    byPack.set(list.pack, [...(byPack.get(list.pack) ?? []), path]);
  }
  for (const [key, count] of strangers)
    ledger.findings.push({
      severity: 'info',
      code: 'untrusted-tags',
      message: `${count} tags objects are signed by the key ${key}, which is not trusted; backups of this host do not believe them`,
      subject: key,
    });
  return byPack;
}

/** Holds the tags of a pack against its entries: a tag without an entry would make a backup leave a message out. */
async function compareTags(
  options: ContentOptions,
  paths: readonly string[],
  entries: readonly string[],
  secrets: ReadonlyMap<string, Buffer>,
): Promise<void> {
  const { target, ledger } = options;
  for (const path of paths) {
    if (ledger.has(path)) continue;
    const list = decodeTags(await target.get(path), path);
    const secret = secrets.get(list.secret);
    if (secret === undefined) continue;
    const right = new Set(entries.map((sha) => tagOf(secret, sha)));
    const poisoned = list.tags.filter((text) => !right.has(text)).length;
    if (poisoned > 0) {
      ledger.damaged(
        path,
        `claims ${poisoned} entries that its pack ${list.pack} does not hold: a backup that believes it leaves such messages out`,
        {
          hint: "remove it; find out who could sign with that host's key, and look for messages without bytes below",
        },
      );
    } else if (new Set(list.tags).size < right.size)
      ledger.damaged(path, 'does not list all entries of its pack; they may be stored once more');
  }
}

/**
 * Decodes every pack.
 * @param tagsOf paths of the tags objects of each pack
 * @param secrets dedup secrets by fingerprint
 * @returns what can be read
 */
export async function checkPacks(
  options: ContentOptions,
  tagsOf: ReadonlyMap<string, readonly string[]>,
  secrets: ReadonlyMap<string, Buffer>,
  progress: Progress,
): Promise<Readable> {
  const { listing, signal } = options;
  const paths = [...listing.kinds].filter(([, kind]) => kind === 'pack').map(([path]) => path);
  progress.phase('decoding packs', { items: paths.length, bytes: paths.reduce((sum, path) => sum + (listing.sizes.get(path) ?? 0), 0) });
  const readable: Readable = new Map();
  await inParallel(paths, 2, async (path) => {
    signal?.throwIfAborted();
    const name = path.slice(path.lastIndexOf('/') + 1);
    const wasSound = !options.ledger.has(path);
    const entries: string[] = [];
    readable.set(name, await readPack(options, path, (sha) => entries.push(sha)));
    if (wasSound && !options.ledger.has(path)) await compareTags(options, tagsOf.get(name) ?? [], entries, secrets);
    progress.advance(1, listing.sizes.get(path) ?? 0);
  });
  return readable;
}

/** What can still be read of the packs that are known to be damaged. */
export async function salvage(options: ContentOptions): Promise<Readable> {
  const readable: Readable = new Map();
  for (const { path, missing } of options.ledger.damages) {
    options.signal?.throwIfAborted();
    if (!missing && options.listing.kinds.get(path) === 'pack')
      readable.set(path.slice(path.lastIndexOf('/') + 1), await readPack(options, path));
  }
  return readable;
}
