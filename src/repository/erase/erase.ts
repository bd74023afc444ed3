/**
 * Taking a mailbox out of every snapshot of this host: packs and catalogs that hold it are written anew without it, and each snapshot that
 * names them is replaced by one that names the new ones. What other mailboxes hold as well stays.
 */
import { createHash } from 'node:crypto';
import { MailrecoverError } from '../../errors/error.ts';
import type { Finding } from '../../errors/finding.ts';
import type { Progress } from '../../system/progress.ts';
import type { Identity, Recipient } from '../age/keys.ts';
import type { HeldLock } from '../care/lock.ts';
import type { Author } from '../care/record.ts';
import { byBytes, toBinary } from '../catalog/percent.ts';
import { readState } from '../catalog/reader.ts';
import { objectPath, parseSnapshotPath, snapshotPath } from '../names.ts';
import { readSnapshot, type Repository, type StoredSnapshot } from '../repository.ts';
import { hostFingerprint } from '../signing.ts';
import { encodeSnapshot, type ObjectRef, type SnapshotCounts } from '../snapshot/text.ts';
import { decodeTags } from '../tags.ts';
import type { Survey } from '../retention/survey.ts';
import { rewriteCatalog } from './catalogs.ts';
import { isOf, readContents, type Contents } from './contents.ts';
import { deadEntries, rewritePacks, type Rewritten } from './packs.ts';

export interface EraseOptions {
  repository: Repository;
  survey: Survey;
  /** Whose mail, as users name it. */
  mailboxes: ReadonlySet<string>;
  identities: readonly Identity[] | undefined;
  recipients: readonly Recipient[] | undefined;
  /** The dedup secret for the tags of new packs. */
  secret: Buffer;
  author: Author;
  progress: Progress;
  signal?: AbortSignal;
}

export interface ErasePlan {
  contents: Contents;
  /** Snapshots of this host that are replaced, with what of the mailboxes each holds. */
  snapshots: { path: string; id: string; time: string; sequence: number; holds: SnapshotCounts }[];
  /** Snapshots of other hosts that hold the mailboxes: only those hosts can replace them. */
  foreign: { id: string; host: string; time: string }[];
  /** Packs to be written anew, by file name, with what nothing needs in each. */
  packs: Map<string, { dead: { sha: string; size: number }[]; live: Set<string> }>;
  /** Catalogs to be written anew. */
  catalogs: Set<string>;
  /** Messages of the mailboxes, and their bytes: each message of a folder as often as it lies somewhere. */
  messages: number;
  bytes: number;
  /** Entries of the mailboxes that nothing else needs, and those that stay since others have them. */
  entries: { erased: number; shared: number };
}

/** Reads all catalogs, and the tables of all packs. @throws MailrecoverError `key`, `damage`, `not-found` where nothing holds the mailboxes */
export async function planErase(options: EraseOptions): Promise<ErasePlan> {
  const { repository, survey, mailboxes, identities, author, progress, signal } = options;
  const { target } = repository;
  const { heads } = survey.checked;
  const isOwn = ({ key }: { key: string }): boolean => key === author.key.publicHex;
  const own: StoredSnapshot[] = [];
  const foreignCatalogs = new Set<string>();
  const foreignPacks = new Set<string>();
  const foreign: StoredSnapshot[] = [];
  for (const head of heads) {
    signal?.throwIfAborted();
    const ref = parseSnapshotPath(head.path);
    if (ref === undefined) continue;
    const snapshot = await readSnapshot(target, ref);
    if (isOwn(head)) own.push(snapshot);
    else {
      foreign.push(snapshot);
      for (const { name } of snapshot.catalogs) foreignCatalogs.add(name);
      for (const { name } of snapshot.packs) foreignPacks.add(name);
    }
  }
  progress.phase('reading catalogs');
  const names = new Set([...own, ...foreign].flatMap(({ catalogs }) => catalogs.map(({ name }) => name)));
  const contents = await readContents(target, names, {
    mailboxes,
    foreign: foreignCatalogs,
    identities,
    ...(signal === undefined ? {} : { signal }),
  });

  progress.phase('reading packs');
  const packs: ErasePlan['packs'] = new Map();
  const ownPacks = new Set(own.flatMap((snapshot) => snapshot.packs.map(({ name }) => name)));
  for (const name of [...ownPacks].sort()) {
    if (foreignPacks.has(name)) continue;
    signal?.throwIfAborted();
    const { dead, live } = await deadEntries(target, name, contents.needed, identities);
    if (dead.length > 0) packs.set(name, { dead, live });
  }
  const catalogs = new Set([...names].filter((name) => !foreignCatalogs.has(name) && isToRewrite(name, contents, packs)));
  const snapshots: ErasePlan['snapshots'] = [];
  const totals = { messages: 0, bytes: 0 };
  for (const snapshot of own) {
    if (!snapshot.catalogs.some(({ name }) => catalogs.has(name)) && !snapshot.packs.some(({ name }) => packs.has(name))) continue;
    const holds = await countsIn(target, snapshot, mailboxes, identities);
    const path = snapshotPath(hostFingerprint(snapshot.key), snapshot.sequence, snapshot.id);
    snapshots.push({ path, id: snapshot.id, time: snapshot.time, sequence: snapshot.sequence, holds });
    totals.messages = Math.max(totals.messages, holds.messages);
    totals.bytes = Math.max(totals.bytes, holds.bytes);
  }
  let shared = 0;
  for (const sha of contents.entries.keys()) if (contents.needed.has(sha)) shared++;
  return {
    contents,
    snapshots,
    foreign: foreign
      .filter((snapshot) => snapshot.catalogs.some(({ name }) => contents.speaking.has(name)))
      .map(({ id, host, time }) => ({ id, host, time })),
    packs,
    catalogs,
    ...totals,
    entries: { erased: contents.entries.size - shared, shared },
  };
}

function isToRewrite(name: string, { speaking, packs: named }: Contents, packs: ErasePlan['packs']): boolean {
  return speaking.has(name) || (named.get(name) ?? []).some((pack) => packs.has(pack));
}

/** What a snapshot holds of the mailboxes, as its counts count it. */
async function countsIn(
  target: Repository['target'],
  snapshot: StoredSnapshot,
  mailboxes: ReadonlySet<string>,
  identities: readonly Identity[] | undefined,
): Promise<SnapshotCounts> {
  const counts: SnapshotCounts = { mailboxes: 0, folders: 0, messages: 0, bytes: 0 };
  const wanted = [...mailboxes].map((mailbox) => ({ mailbox: toBinary(mailbox) }));
  const seen = new Set<string>();
  const state = await readState(
    target,
    snapshot.catalogs.map(({ name }) => name),
    identities,
    wanted,
  );
  for await (const section of state.sections) {
    if (!isOf(section, mailboxes)) continue;
    seen.add(`${section.store}\0${section.mailbox}`);
    for (const [path, dir] of section.dirs) {
      if (section.dirs.has(path === '' ? 'cur' : `${path}/cur`)) counts.folders++;
      counts.messages += dir.messages.size;
      for (const { size } of dir.messages.values()) counts.bytes += size;
    }
  }
  counts.mailboxes = seen.size;
  return counts;
}

export interface EraseReport {
  /** Replaced snapshots: old id, new id. */
  replaced: { old: string; by: string }[];
  /** Hashes of what is gone, with sizes. */
  erased: { sha: string; size: number }[];
  written: number;
  findings: Finding[];
}

/**
 * Carries a plan out. What it replaced is removed by prune. A run that is killed leaves a sound repository, and the next one goes on.
 * @param before is called when all is written, and nothing is replaced yet
 */
export async function erase(
  options: EraseOptions,
  plan: ErasePlan,
  lock: HeldLock,
  before: (report: EraseReport) => Promise<void>,
): Promise<EraseReport> {
  const { repository, author, progress, signal } = options;
  const { target } = repository;
  progress.phase('writing packs anew');
  const rewritten = await rewritePacks({
    ...options,
    target,
    packs: plan.packs,
    key: author.key,
    ...(signal === undefined ? {} : { signal }),
  });
  progress.phase('writing catalogs anew');
  const catalogs = new Map<string, ObjectRef | undefined>();
  for (const name of plan.catalogs) {
    signal?.throwIfAborted();
    catalogs.set(name, await rewriteCatalog(name, { ...options, target, rewritten }));
  }
  const tagsOf = await tagsByPack(options, plan);
  const texts: { old: string; path: string; newPath: string; by: string; text: string }[] = [];
  const fresh = new Map<string, number>();
  for (const each of rewritten.fresh.values())
    fresh.set(objectPath('pack', each.pack.name), each.pack.size).set(objectPath('tags', each.tags.name), each.tags.size);
  for (const catalog of catalogs.values()) if (catalog !== undefined) fresh.set(objectPath('catalog', catalog.name), catalog.size);
  for (const { path, id, holds } of plan.snapshots) {
    const ref = parseSnapshotPath(path);
    if (ref === undefined) continue;
    const text = replacement(await readSnapshot(target, ref), holds, { rewritten, catalogs, tagsOf }, author);
    const by = createHash('sha256').update(text).digest('hex');
    texts.push({ old: id, path, newPath: snapshotPath(ref.fingerprint, ref.sequence, by), by, text });
  }
  for (const [path, size] of fresh)
    if ((await target.size(path)) !== size)
      throw new MailrecoverError('failed', `'${path}' vanished while the mailbox was erased, so nothing was replaced`, {
        hint: 'run the command again',
      });

  await lock.confirm();
  progress.phase('replacing snapshots', { items: texts.length });
  const report: EraseReport = {
    replaced: texts.map(({ old, by }) => ({ old, by })),
    erased: erasedEntries(plan),
    written: rewritten.bytes,
    findings: [],
  };
  await before(report);
  for (const { newPath, text } of texts) {
    await target.put(newPath, Buffer.from(text));
    progress.advance(1, text.length);
  }
  for (const { path, old } of texts) {
    try {
      await target.remove(path);
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code === 'unreachable') throw error;
      report.findings.push({
        severity: 'warning',
        code: 'not-removed',
        message: `snapshot ${old.slice(0, 12)} was replaced, and could not be removed: ${error.message}`,
        hint: "prune tries again: 'mailrecover prune'",
        subject: path,
      });
    }
  }
  return report;
}

function erasedEntries({ packs, contents }: ErasePlan): { sha: string; size: number }[] {
  const erased = new Map<string, number>();
  for (const { dead } of packs.values()) for (const { sha, size } of dead) erased.set(sha, size);
  // What was stored once more than needed, or vanished before, is gone as well.
  for (const [sha, size] of contents.entries) if (!contents.needed.has(sha) && !erased.has(sha)) erased.set(sha, size ?? 0);
  return [...erased].map(([sha, size]) => ({ sha, size })).sort((a, b) => byBytes(a.sha, b.sha));
}

/** Tags objects of the packs that are written anew, by the pack's file name. */
async function tagsByPack({ repository, survey }: EraseOptions, { packs }: ErasePlan): Promise<Map<string, string[]>> {
  const tagsOf = new Map<string, string[]>();
  if (packs.size === 0) return tagsOf;
  for (const [path, { kind, name }] of survey.checked.needs) {
    if (kind !== 'tags') continue;
    const { pack } = decodeTags(await repository.target.get(path), path);
    if (packs.has(pack)) tagsOf.set(pack, [...(tagsOf.get(pack) ?? []), name]);
  }
  return tagsOf;
}

interface Changes {
  rewritten: Rewritten;
  catalogs: Map<string, ObjectRef | undefined>;
  tagsOf: Map<string, string[]>;
}

/** The text of the snapshot that stands in the place of another. */
function replacement(snapshot: StoredSnapshot, holds: SnapshotCounts, { rewritten, catalogs, tagsOf }: Changes, { key }: Author): string {
  const packs = new Map(snapshot.packs.map((pack) => [pack.name, pack]));
  const tags = new Map(snapshot.tags.map((each) => [each.name, each]));
  for (const [old, { packs: now }] of rewritten.changes) {
    if (!packs.delete(old)) continue;
    for (const name of tagsOf.get(old) ?? []) tags.delete(name);
    for (const name of now) {
      const fresh = rewritten.fresh.get(name);
      if (fresh !== undefined) {
        packs.set(name, fresh.pack);
        tags.set(fresh.tags.name, fresh.tags);
      }
    }
  }
  const { counts } = snapshot;
  const byName = (a: ObjectRef, b: ObjectRef): number => byBytes(a.name, b.name);
  return encodeSnapshot(
    {
      ...snapshot,
      counts: {
        mailboxes: Math.max(0, counts.mailboxes - holds.mailboxes),
        folders: Math.max(0, counts.folders - holds.folders),
        messages: Math.max(0, counts.messages - holds.messages),
        bytes: Math.max(0, counts.bytes - holds.bytes),
      },
      replaces: [snapshot.id, ...(snapshot.replaces ?? [])],
      catalogs: snapshot.catalogs.flatMap((catalog) => (catalogs.has(catalog.name) ? (catalogs.get(catalog.name) ?? []) : catalog)),
      packs: [...packs.values()].sort(byName),
      tags: [...tags.values()].sort(byName),
    },
    key,
  );
}
