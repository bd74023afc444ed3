/** Writing packs anew with what is still needed of them. */
import type { Identity, Recipient } from '../age/keys.ts';
import type { EntrySet } from '../check/content.ts';
import { objectPath } from '../names.ts';
import { PackBuilder, type BuiltPack } from '../pack/builder.ts';
import { readPackTable, streamEntries } from '../pack/reader.ts';
import type { HostKey } from '../signing.ts';
import type { ObjectRef } from '../snapshot/text.ts';
import { encodeTags, tagOf } from '../tags.ts';
import { secretFingerprint } from '../secret.ts';
import type { Target } from '../target.ts';

export interface PackChange {
  /** New packs, in which entries of it lie now; none where nothing of it is needed. */
  packs: Set<string>;
  /** Entries that are in none of them. */
  dropped: { sha: string; size: number }[];
}

export interface Rewritten {
  /** By the file name of the old pack. */
  changes: Map<string, PackChange>;
  /** The new pack of an entry. */
  placeOf: Map<string, string>;
  /** New packs with their sizes and tags, by file name. */
  fresh: Map<string, { pack: ObjectRef; tags: ObjectRef }>;
  bytes: number;
}

/** Which entries of a pack nothing needs any more. */
export async function deadEntries(
  target: Target,
  pack: string,
  needed: EntrySet,
  identities: readonly Identity[] | undefined,
): Promise<{ dead: { sha: string; size: number }[]; live: Set<string> }> {
  const { entries } = await readPackTable(target, objectPath('pack', pack), identities);
  const dead: { sha: string; size: number }[] = [];
  const live = new Set<string>();
  for (const { sha, size } of entries) {
    if (needed.has(sha)) live.add(sha);
    else dead.push({ sha, size });
  }
  return { dead, live };
}

/** Stores the entries that are needed of some packs in new ones, with tags. */
export async function rewritePacks(options: {
  target: Target;
  packs: ReadonlyMap<string, { dead: { sha: string; size: number }[]; live: ReadonlySet<string> }>;
  identities: readonly Identity[] | undefined;
  recipients: readonly Recipient[] | undefined;
  secret: Buffer;
  key: HostKey;
  signal?: AbortSignal;
}): Promise<Rewritten> {
  const { target, identities, recipients, secret, key } = options;
  const builder = new PackBuilder({ recipients, readBack: true });
  const result: Rewritten = { changes: new Map(), placeOf: new Map(), fresh: new Map(), bytes: 0 };
  let shas: string[] = [];
  let sources = new Set<string>();
  const held = new Set<string>();
  const finish = async (): Promise<void> => {
    if (builder.empty) return;
    const built: BuiltPack = builder.finish();
    await target.put(objectPath('pack', built.name), built.bytes);
    const tags = encodeTags(
      { pack: built.name, size: built.bytes.length, secret: secretFingerprint(secret), tags: shas.map((sha) => tagOf(secret, sha)).sort() },
      key,
    );
    await target.put(objectPath('tags', tags.name), tags.bytes);
    result.fresh.set(built.name, {
      pack: { name: built.name, size: built.bytes.length },
      tags: { name: tags.name, size: tags.bytes.length },
    });
    result.bytes += built.bytes.length + tags.bytes.length;
    for (const sha of shas) result.placeOf.set(sha, built.name);
    for (const source of sources) result.changes.get(source)?.packs.add(built.name);
    shas = [];
    sources = new Set();
  };
  for (const [name, { dead, live }] of options.packs) {
    options.signal?.throwIfAborted();
    result.changes.set(name, { packs: new Set(), dropped: dead });
    for await (const { sha, content } of streamEntries(target, objectPath('pack', name), identities, live)) {
      if (held.has(sha)) {
        // Two of the old packs held it.
        const place = result.placeOf.get(sha);
        if (place === undefined) sources.add(name);
        else result.changes.get(name)?.packs.add(place);
        continue;
      }
      held.add(sha);
      sources.add(name);
      if (PackBuilder.fitsFrame(content.length)) {
        content.copy(builder.reserve(content.length));
        builder.commit(sha, content.length, 0);
      } else {
        let at = 0;
        builder.addLarge(sha, content.length, 0, (room) => {
          at += content.copy(room, 0, at, at + room.length);
        });
      }
      shas.push(sha);
      if (builder.full) await finish();
    }
  }
  await finish();
  return result;
}
