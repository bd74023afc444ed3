/** Takes out of the index what no snapshot holds any more: after a prune, or after a mailbox was erased. */
import { bytesOf, floatsOf, integersOf, readFacts, writeWhole, type FileFacts } from './files.ts';
import { decodeGroups, ROW, STILL } from './history.ts';
import { COLUMNS, fileOf, newName, TEXTS, writeManifest, type Column, type Manifest } from './manifest.ts';

/** New places of a chain's snapshots: of the first at or after each old place, and of the last at or before it. */
interface Places {
  next: Int32Array;
  before: Int32Array;
}

function placesOf(kept: readonly boolean[]): Places {
  const next = new Int32Array(kept.length + 1);
  const before = new Int32Array(kept.length + 1);
  let count = 0;
  for (const [at, is] of kept.entries()) {
    next[at] = count;
    if (is) count++;
    before[at] = count - 1;
  }
  next[kept.length] = count;
  before[kept.length] = count - 1;
  return { next, before };
}

/** @param ids of the snapshots that the repository has */
export function compactIndex(directory: string, manifest: Manifest, ids: ReadonlySet<string>): Manifest {
  if (manifest.chains.every((chain) => chain.snapshots.every(([, id]) => ids.has(id)))) return manifest;
  const places = manifest.chains.map((chain) => placesOf(chain.snapshots.map(([, id]) => ids.has(id))));
  const chains = manifest.chains.map((chain) => ({ ...chain, snapshots: chain.snapshots.filter(([, id]) => ids.has(id)) }));
  const groups = decodeGroups(readFacts(directory, manifest.groups.name, manifest.groups).toString('latin1'));
  const rows = integersOf(readFacts(directory, manifest.rows.name, manifest.rows));
  const load = (column: Column): Buffer => readFacts(directory, fileOf(manifest.generation, column), manifest.columns[column]);
  const bases = load('bases').toString('latin1').split('\n');

  const keptBases: string[] = [];
  const keptRows = new Int32Array(rows.length);
  const numbers = new Map<number, number>();
  for (let row = 0; row * ROW < rows.length; row++) {
    const [group = 0, record = 0, first = 0, last = 0, sum = 0, received = 0] = rows.subarray(row * ROW, (row + 1) * ROW);
    const place = places[groups[group]?.chain ?? -1];
    if (place === undefined) continue;
    const from = place.next[first] ?? 0;
    const to = last === STILL ? STILL : (place.before[last] ?? -1);
    // A row that is still there is kept even where its snapshots are gone: the next one is compared with it.
    if (last !== STILL && to < from) continue;
    let number = numbers.get(record);
    if (number === undefined) numbers.set(record, (number = numbers.size));
    keptRows.set([group, number, from, to, sum, received], keptBases.length * ROW);
    keptBases.push(bases[row] ?? '');
  }

  const generation = newName('g');
  const columns: Partial<Record<Column, FileFacts>> = {};
  const write = (column: Column, bytes: Uint8Array): void => {
    columns[column] = writeWhole(directory, fileOf(generation, column), bytes);
  };
  const kept = [...numbers.keys()];
  const slices = (bytes: Buffer, width: number): Uint8Array =>
    Buffer.concat(kept.map((record) => bytes.subarray(record * width, (record + 1) * width)));
  write('shas', slices(load('shas'), 32));
  write('dates', slices(load('dates'), 8));
  const ends = floatsOf(load('ends'));
  const newEnds = new Float64Array(kept.length * TEXTS.length);
  for (const [at, column] of TEXTS.entries()) {
    const text = load(column);
    let length = 0;
    const lines = kept.map((record, index) => {
      const line = text.subarray(record === 0 ? 0 : ends[(record - 1) * TEXTS.length + at], ends[record * TEXTS.length + at]);
      newEnds[index * TEXTS.length + at] = length += line.length;
      return line;
    });
    write(column, Buffer.concat(lines));
  }
  write('ends', bytesOf(newEnds));
  write('bases', Buffer.from(keptBases.map((base) => `${base}\n`).join(''), 'latin1'));
  const name = newName('rows');
  const rowFacts = writeWhole(directory, name, bytesOf(keptRows.subarray(0, keptBases.length * ROW)));
  return writeManifest(directory, {
    generation,
    columns: Object.fromEntries(COLUMNS.map((column) => [column, columns[column]])) as Record<Column, FileFacts>,
    rows: { name, ...rowFacts },
    groups: manifest.groups,
    chains,
    unread: manifest.unread.flatMap((record) => numbers.get(record) ?? []),
    readers: manifest.readers,
  });
}
