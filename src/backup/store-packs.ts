/** Storing the packs of a run: journal, pack, tags; and giving them numbers. */
import type { HostKey } from '../repository/signing.ts';
import { encodeTags, TAG_SIZE } from '../repository/tags.ts';
import { objectPath } from '../repository/names.ts';
import { secretFingerprint } from '../repository/secret.ts';
import type { Target } from '../repository/target.ts';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { anchorDirectory } from '../system/files.ts';
import { FRESH_PLACE, type FreshPack } from './content/ingest.ts';
import { packOf, RECORD, writeRecord } from './content/known.ts';
import { writePending } from './pending.ts';
import type { StateDirectory, StateIndex } from './state/state.ts';

export interface PackStore {
  /** The number of the pack at a place; a fresh one gets its number here. */
  numberOf(place: number): number;
  store(pack: FreshPack): Promise<void>;
  /** Records of what was stored, for the known entries of the next run. */
  records(): Buffer[];
  /** Bytes put on the target. */
  readonly stored: number;
}

export function packStore(options: {
  target: Target;
  state: StateDirectory;
  index: StateIndex;
  hostKey: HostKey;
  secret: Buffer;
}): PackStore {
  const { target, state, index, hostKey, secret } = options;
  const numbers = new Map<number, number>();
  const records: Buffer[] = [];
  const fingerprint = secretFingerprint(secret);
  let stored = 0;
  // The journal must not vanish with the directory that it lies in.
  let anchored: Promise<void> | undefined;

  function numberOf(place: number): number {
    if (place < FRESH_PLACE) return place;
    let number = numbers.get(place);
    if (number === undefined) {
      number = index.packs.push(null) - 1;
      numbers.set(place, number);
    }
    return number;
  }

  return {
    numberOf,
    get stored() {
      return stored;
    },
    records: () => records,
    async store(pack) {
      await (anchored ??= anchorDirectory(state.file('pending'), dirname(dirname(state.path))));
      const number = numberOf(pack.place);
      const hex = Array.from({ length: pack.tags.length / TAG_SIZE }, (_, at) =>
        pack.tags.toString('hex', at * TAG_SIZE, (at + 1) * TAG_SIZE),
      );
      await writePending(state.file('pending'), { name: pack.name, size: pack.bytes.length, raw: pack.raw, tags: hex });
      await target.put(objectPath('pack', pack.name), pack.bytes);
      const built = encodeTags({ pack: pack.name, size: pack.bytes.length, secret: fingerprint, tags: hex }, hostKey);
      await target.put(objectPath('tags', built.name), built.bytes);
      stored += pack.bytes.length + built.bytes.length;
      index.packs[number] = {
        name: pack.name,
        size: pack.bytes.length,
        raw: pack.raw,
        live: 0,
        entries: hex.length,
        tags: { name: built.name, size: built.bytes.length },
      };
      const table = Buffer.alloc(hex.length * RECORD);
      for (let at = 0; at < hex.length; at++) {
        writeRecord(table, at * RECORD, pack.tags.subarray(at * TAG_SIZE, (at + 1) * TAG_SIZE), number);
      }
      records.push(table);
    },
  };
}

/** Makes the tags of packs anew, from the known entries: those that the target has lost, or that a crash left unwritten. */
export async function restoreTags(options: {
  target: Target;
  state: StateDirectory;
  index: StateIndex;
  hostKey: HostKey;
  secret: Buffer;
  packs: ReadonlySet<number>;
}): Promise<void> {
  const { target, state, index, hostKey, secret, packs } = options;
  if (packs.size === 0) return;
  const tags = new Map<number, Set<string>>(Array.from(packs, (pack) => [pack, new Set<string>()]));
  for (const name of index.tables) {
    const table = readFileSync(state.file('tables', name));
    for (let at = 0; at < table.length; at += RECORD) tags.get(packOf(table, at) ?? -1)?.add(table.toString('hex', at, at + TAG_SIZE));
  }
  for (const [number, list] of tags) {
    const pack = index.packs[number];
    if (pack === null || pack === undefined) continue;
    const built = encodeTags({ pack: pack.name, size: pack.size, secret: secretFingerprint(secret), tags: [...list].sort() }, hostKey);
    await target.put(objectPath('tags', built.name), built.bytes);
    pack.tags = { name: built.name, size: built.bytes.length };
  }
}
