/** The end of a backup: catalog, completeness, snapshot, state; in this order. */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../errors/error.ts';
import type { Recipient } from '../repository/age/keys.ts';
import type { CatalogKind, Section } from '../repository/catalog/model.ts';
import { CatalogWriter, type BuiltCatalog } from '../repository/catalog/writer.ts';
import { objectPath, snapshotPath } from '../repository/names.ts';
import type { Repository } from '../repository/repository.ts';
import { hostFingerprint, type HostKey } from '../repository/signing.ts';
import { encodeSnapshot, type ObjectRef, type Snapshot } from '../repository/snapshot/text.ts';
import { byBytes } from '../repository/catalog/percent.ts';
import type { MarkView } from '../repository/prune/marks.ts';
import { mergeTables, readTable } from './content/known.ts';
import { isBaseDue, mergeCount, type LocalRuns } from './deltas.ts';
import { listHoldings } from './prepare.ts';
import { wholeSection } from './sections.ts';
import { DamagedState, mailboxKey, tableSize, type StateDirectory, type StateIndex } from './state/state.ts';

/** A line of a catalog takes hardly ever fewer bytes than this, compressed: 22 on average where only flags changed. */
const LEAST = 16;

export interface CatalogContext {
  repository: Repository;
  state: StateDirectory;
  index: StateIndex;
  recipients: readonly Recipient[] | undefined;
  runs: LocalRuns;
}

export function newCatalog(context: Pick<CatalogContext, 'index' | 'recipients'>, kind: CatalogKind): CatalogWriter {
  return new CatalogWriter({
    kind,
    recipients: context.recipients,
    packName: (pack) => {
      const name = context.index.packs[pack]?.name;
      if (name === undefined) throw new MailrecoverError('bug', 'a catalog names a pack that was not stored');
      return name;
    },
  });
}

function build(context: CatalogContext, kind: CatalogKind, sections: Iterable<Section>): BuiltCatalog {
  return begin(context, kind, sections).finish();
}

/** A catalog of which all but the names of packs is known. */
function begin(context: CatalogContext, kind: CatalogKind, sections: Iterable<Section>): CatalogWriter {
  const writer = newCatalog(context, kind);
  for (const section of sections) writer.add(section);
  writer.endFrame();
  return writer;
}

/** @throws DamagedState at the end, naming all mailboxes of which the kept state can't be read */
function* allSections({ state, index }: CatalogContext): Generator<Section> {
  const damaged = new Set<string>();
  for (const mailbox of index.mailboxes) {
    const areas = state.loadMailbox(mailbox);
    if (areas === undefined) {
      damaged.add(mailboxKey(mailbox));
      continue;
    }
    const heads = mailbox.areas.map((area, number) => ({
      head: { mailbox: mailbox.mailbox, store: mailbox.store, area: area.area, root: area.root },
      area: areas[number],
    }));
    heads.sort((a, b) => byBytes(a.head.area, b.head.area));
    for (const { head, area } of heads) if (area !== undefined) yield wholeSection(head, area);
  }
  if (damaged.size > 0) throw new DamagedState(damaged);
}

async function put(context: CatalogContext, built: BuiltCatalog): Promise<number> {
  await context.repository.target.put(objectPath('catalog', built.name), built.bytes);
  return built.bytes.length;
}

/** Writes a catalog that is complete by itself. @returns bytes stored */
export async function writeBase(context: CatalogContext, built?: BuiltCatalog): Promise<number> {
  const base = built ?? build(context, 'base', allSections(context));
  context.index.catalogs = [{ name: base.name, size: base.bytes.length, kind: 'base' }];
  return put(context, base);
}

/** A delta that is as good as written. */
export interface BegunDelta {
  writer: CatalogWriter;
  /** How many of the deltas before it takes in. */
  taken: number;
}

/**
 * Encodes what changed. That takes its time, and can be done before the last packs are stored, and have names.
 * Deltas that it is large enough to take in for sure are taken in at once, so that it is encoded once.
 */
export async function beginDelta(context: CatalogContext, changes: ReadonlyMap<string, Section>): Promise<BegunDelta> {
  const taken = mergeCount(context.index.catalogs, entriesOf(changes) * LEAST);
  const merged = taken === 0 ? undefined : await mergedWith(context, taken, changes);
  return { writer: begin(context, 'delta', (merged ?? changes).values()), taken: merged === undefined ? 0 : taken };
}

/** What the newest deltas say, with the changes laid over it; undefined where what is kept of them is damaged. */
function mergedWith(
  { index, runs }: CatalogContext,
  count: number,
  changes: ReadonlyMap<string, Section>,
): Promise<Map<string, Section> | undefined> {
  return runs.merge(
    index.catalogs.slice(index.catalogs.length - count).map((catalog) => catalog.name),
    changes,
  );
}

function entriesOf(changes: ReadonlyMap<string, Section>): number {
  let entries = 0;
  for (const { dirs } of changes.values()) for (const dir of dirs.values()) entries += dir.messages.size + dir.files.size + dir.links.size;
  return entries;
}

/** Writes what changed, together with as many of the deltas before as keeps their number small. @returns bytes stored */
export async function writeDelta(context: CatalogContext, changes: ReadonlyMap<string, Section>, begun?: BegunDelta): Promise<number> {
  if (changes.size === 0) return 0;
  const { index, runs } = context;
  const { writer, taken } = begun ?? (await beginDelta(context, changes));
  let built = writer.finish();
  let kept = index.catalogs.slice(0, index.catalogs.length - taken);
  if (isBaseDue(kept, built.bytes.length)) return writeBase(context);
  const more = mergeCount(kept, built.bytes.length);
  if (more > 0) {
    const merged = await mergedWith(context, taken + more, changes);
    if (merged === undefined) return writeBase(context);
    built = build(context, 'delta', merged.values());
    kept = kept.slice(0, -more);
  }
  index.catalogs = [...kept, { name: built.name, size: built.bytes.length, kind: 'delta' }];
  if (built.clear !== undefined) await runs.keep(built.name, built.clear());
  return put(context, built);
}

/** Adds what was stored to the known entries, merging tables so that few remain. @param records are taken out: of much mail they are large */
export async function saveTables(state: StateDirectory, index: StateIndex, records: Buffer[]): Promise<void> {
  if (records.length === 0) return;
  let table = mergeTables(records.splice(0));
  while (index.tables.length > 0) {
    const newest = index.tables.at(-1) ?? '';
    if (tableSize(newest) > 2 * table.length) break;
    table = mergeTables([readTable(state.file('tables', newest)), table]);
    index.tables.pop();
  }
  index.tables.push(await state.saveTable(table));
}

export interface SnapshotFacts extends Omit<Snapshot, 'catalogs' | 'packs' | 'tags' | 'key' | 'marks'> {}

/**
 * The packs that the newest state needs.
 * @param lost packs that are gone for good: what needs them could not be read again
 */
export function neededPacks(index: StateIndex, lost: ReadonlySet<number>): { packs: ObjectRef[]; tags: ObjectRef[] } {
  const packs: ObjectRef[] = [];
  const tags: ObjectRef[] = [];
  for (const [number, pack] of index.packs.entries()) {
    if (pack === null || pack.live <= 0 || lost.has(number)) continue;
    packs.push({ name: pack.name, size: pack.size });
    tags.push(pack.tags);
  }
  const byName = (a: ObjectRef, b: ObjectRef): number => byBytes(a.name, b.name);
  return { packs: packs.sort(byName), tags: tags.sort(byName) };
}

/** Paths of all objects that the newest state needs, with the snapshot that says so. */
export function neededPaths(index: StateIndex, lost: ReadonlySet<number>, snapshot: string): string[] {
  const { packs, tags } = neededPacks(index, lost);
  return [
    snapshot,
    ...index.catalogs.map(({ name }) => objectPath('catalog', name)),
    ...packs.map(({ name }) => objectPath('pack', name)),
    ...tags.map(({ name }) => objectPath('tags', name)),
  ];
}

/**
 * Lists the target once more, compares the size of every object that the snapshot needs, and stores the snapshot: the commit.
 * @returns its id and its size
 */
export async function commitSnapshot(
  repository: Repository,
  index: StateIndex,
  lost: ReadonlySet<number>,
  key: HostKey,
  marks: Pick<MarkView, 'refused' | 'acknowledge'>,
  facts: SnapshotFacts,
): Promise<{ id: string; size: number }> {
  const needed = neededPacks(index, lost);
  const catalogs = index.catalogs.map(({ name, size }) => ({ name, size }));
  const holdings = await listHoldings(repository);
  const kinds = [['pack', needed.packs] as const, ['tags', needed.tags] as const, ['catalog', catalogs] as const];
  for (const [kind, { name, size }] of kinds.flatMap(([kind, refs]) => refs.map((ref) => [kind, ref] as const))) {
    if (holdings.get(name) === size) continue;
    // A listing may lag behind what was stored a moment ago.
    if ((await repository.target.size(objectPath(kind, name))) === size) continue;
    throw new MailrecoverError('failed', `object '${name}' vanished from the repository, or changed its size, while the backup ran`, {
      hint: 'run the backup again: it stores what is missing; and find out who removes objects',
      subject: name,
    });
  }
  const names = new Set([...needed.packs, ...needed.tags, ...catalogs].map(({ name }) => name));
  const marked = [...names].find((name) => marks.refused.has(name));
  if (marked !== undefined) {
    // Only where nothing is encrypted: the same content has the same name again.
    throw new MailrecoverError('failed', `object '${marked}' is needed, and was marked to be removed`, {
      hint: "let it be removed, then run the backup again: 'mailrecover prune'",
      subject: marked,
    });
  }
  const text = encodeSnapshot({ ...facts, marks: marks.acknowledge(names), key: key.publicHex, catalogs, ...needed }, key);
  const id = createHash('sha256').update(text).digest('hex');
  await repository.target.put(snapshotPath(hostFingerprint(key.publicHex), facts.sequence, id), Buffer.from(text), { exclusive: true });
  return { id, size: text.length };
}
