/** A small repository, made object by object, so that tests can make any part of it wrong. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateIdentity, type Identity } from '../../../src/repository/age/keys.ts';
import type { Dir, MessageState, Section } from '../../../src/repository/catalog/model.ts';
import { CatalogWriter } from '../../../src/repository/catalog/writer.ts';
import { checkRepository, type CheckOptions, type CheckReport } from '../../../src/repository/check/check.ts';
import { objectPath, snapshotPath } from '../../../src/repository/names.ts';
import { PackBuilder } from '../../../src/repository/pack/builder.ts';
import { rescueFiles } from '../../../src/repository/recover/files.ts';
import { createRepository, encodeMarker, registerHost, type Repository } from '../../../src/repository/repository.ts';
import { secretFingerprint, storeSecret } from '../../../src/repository/secret.ts';
import { createHostKey, hostFingerprint, type HostKey } from '../../../src/repository/signing.ts';
import { encodeSnapshot, type ObjectRef, type Snapshot } from '../../../src/repository/snapshot/text.ts';
import { encodeTags, tagOf } from '../../../src/repository/tags.ts';
import type { Target } from '../../../src/repository/target.ts';
import { localTarget } from '../../../src/repository/targets/local.ts';
import { silentProgress } from '../../../src/system/progress.ts';
import { scratch } from '../../support/tmp.ts';

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A message in a pack: its content and where it lies. */
export interface Letter {
  mailbox: string;
  dir: string;
  base: string;
  content: Buffer;
}

export function letter(
  mailbox: string,
  dir: string,
  base: string,
  text = `From: x@example.org\nSubject: ${base}\n\n${base.repeat(40)}\n`,
): Letter {
  return { mailbox, dir, base, content: Buffer.from(text) };
}

export interface Fixture {
  root: string;
  target: Target;
  repository: Repository;
  identity: Identity;
  /** The identity as text, for identity files. */
  identityText: string;
  recipients: Identity['recipient'][] | undefined;
  key: HostKey;
  secret: Buffer;
  marker: string;
  packs: { name: string; letters: Letter[] }[];
  tags: string[];
  catalogs: string[];
  snapshots: { path: string; id: string; snapshot: Omit<Snapshot, 'key'> }[];
}

const OWNED = { mode: 0o600, user: 'vmail', group: 'vmail', mtime: 1_795_000_000_000_000 };

/** Stores a pack. @param named gives entries other names than they have */
export async function storePack(
  fixture: Pick<Fixture, 'target' | 'recipients'>,
  letters: readonly Letter[],
  named = (sha: string): string => sha,
): Promise<ObjectRef> {
  const builder = new PackBuilder({ recipients: fixture.recipients, readBack: true });
  for (const { content } of letters) {
    content.copy(builder.reserve(content.length));
    builder.commit(named(sha256(content)), content.length, 1_795_000_000);
  }
  const pack = builder.finish();
  await fixture.target.put(objectPath('pack', pack.name), pack.bytes);
  return { name: pack.name, size: pack.bytes.length };
}

export async function storeTags(fixture: Fixture, pack: ObjectRef, letters: readonly Letter[], key = fixture.key): Promise<ObjectRef> {
  const tags = letters.map(({ content }) => tagOf(fixture.secret, sha256(content))).sort();
  const list = encodeTags({ pack: pack.name, size: pack.size, secret: secretFingerprint(fixture.secret), tags }, key);
  await fixture.target.put(objectPath('tags', list.name), list.bytes);
  return { name: list.name, size: list.bytes.length };
}

function addLetter(sections: Map<string, Section>, { mailbox, dir, base, content }: Letter, pack: number): void {
  const section = sections.get(mailbox) ?? { mailbox, store: 'mail', area: 'mail' as const, root: mailbox, dirs: new Map<string, Dir>() };
  sections.set(mailbox, section);
  const folder: Dir = section.dirs.get(dir) ?? { own: { ...OWNED, mode: 0o700 }, files: new Map(), links: new Map(), messages: new Map() };
  section.dirs.set(dir, folder);
  const message: MessageState = { ...OWNED, in: 'cur', flags: ':2,S', size: content.length, sha: sha256(content), pack };
  folder.messages.set(base, message);
}

/** Stores a catalog of letters, each with the name of the pack that it says holds it. */
export async function storeCatalog(fixture: Fixture, kind: 'base' | 'delta', entries: readonly [Letter, string][]): Promise<ObjectRef> {
  const names = [...new Set(entries.map(([, pack]) => pack))];
  const sections = new Map<string, Section>();
  for (const [one, pack] of entries) addLetter(sections, one, names.indexOf(pack));
  const writer = new CatalogWriter({ kind, recipients: fixture.recipients, packName: (pack) => names[pack] ?? '' });
  for (const [, section] of [...sections].sort(([a], [b]) => (a < b ? -1 : 1))) writer.add(section);
  const catalog = writer.finish();
  await fixture.target.put(objectPath('catalog', catalog.name), catalog.bytes);
  return { name: catalog.name, size: catalog.bytes.length };
}

/** Signs and stores a snapshot. */
export async function storeSnapshot(
  fixture: Fixture,
  snapshot: Omit<Snapshot, 'key'>,
  key = fixture.key,
): Promise<{ path: string; id: string }> {
  const text = encodeSnapshot({ ...snapshot, key: key.publicHex }, key);
  const path = snapshotPath(hostFingerprint(key.publicHex), snapshot.sequence, sha256(text));
  await fixture.target.put(path, Buffer.from(text));
  return { path, id: sha256(text) };
}

/** Two snapshots of one host: a base with two packs, and a delta with one more. */
export async function makeFixture(encrypted = true): Promise<Fixture> {
  const root = scratch('check');
  const target = localTarget(join(root, 'repo'));
  const { identity, secret: identityText } = generateIdentity();
  const recipients = encrypted ? [identity.recipient] : undefined;
  const repository = await createRepository(target, { recipients, rescue: await rescueFiles() });
  const key = await createHostKey(join(root, 'host.key'));
  await registerHost(target, 'mx1', key.publicHex);
  const secret = createHash('sha256').update('dedup').digest();
  await storeSecret(target, secret, recipients);
  const fixture: Fixture = {
    root,
    target,
    repository,
    identity,
    identityText,
    recipients,
    key,
    secret,
    marker: encodeMarker(repository),
    packs: [],
    tags: [],
    catalogs: [],
    snapshots: [],
  };

  const alice = [
    letter('alice@example.org', '', '1.a'),
    letter('alice@example.org', '', '2.a'),
    letter('alice@example.org', '.Sent', '3.a'),
  ];
  const bob = [letter('bob@example.org', '', '1.b'), letter('bob@example.org', '', '2.b')];
  const later = [letter('alice@example.org', '', '4.a')];
  const refs: { packs: ObjectRef[]; tags: ObjectRef[]; catalogs: ObjectRef[] } = { packs: [], tags: [], catalogs: [] };
  const add = async (letters: Letter[]): Promise<void> => {
    const pack = await storePack(fixture, letters);
    const tags = await storeTags(fixture, pack, letters);
    refs.packs.push(pack);
    refs.tags.push(tags);
    fixture.packs.push({ name: pack.name, letters });
    fixture.tags.push(tags.name);
  };
  const entries = (numbers: number[]): [Letter, string][] =>
    numbers.flatMap((number) =>
      (fixture.packs[number]?.letters ?? []).map((one): [Letter, string] => [one, fixture.packs[number]?.name ?? '']),
    );
  const commit = async (sequence: number, messages: number): Promise<void> => {
    const parent = fixture.snapshots.at(-1)?.id;
    const snapshot = {
      host: 'mx1',
      sequence,
      ...(parent === undefined ? {} : { parent }),
      time: `2026-11-2${sequence}T02:00:00.000Z`,
      outcome: 'complete' as const,
      counts: { mailboxes: 2, folders: 3, messages, bytes: 1000 },
      added: { messages, bytes: 1000, stored: 500 },
      tool: 'mailrecover test',
      catalogs: [...refs.catalogs],
      packs: refs.packs.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      tags: refs.tags.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    };
    fixture.snapshots.push({ ...(await storeSnapshot(fixture, snapshot)), snapshot });
  };
  await add(alice);
  await add(bob);
  refs.catalogs.push(await storeCatalog(fixture, 'base', entries([0, 1])));
  await commit(1, 5);
  await add(later);
  refs.catalogs.push(await storeCatalog(fixture, 'delta', entries([2])));
  await commit(2, 6);
  fixture.catalogs = refs.catalogs.map(({ name }) => name);
  return fixture;
}

/** Checks as this host would, with all that it knows. */
export async function check(fixture: Fixture, options: Partial<CheckOptions> = {}): Promise<CheckReport> {
  const rescue = await rescueFiles();
  const last = fixture.snapshots.at(-1);
  return checkRepository({
    target: fixture.target,
    readData: false,
    identities: undefined,
    decode: options.identities !== undefined,
    known: {
      key: fixture.key.publicHex,
      host: 'mx1',
      secret: fixture.secret,
      last: last === undefined ? undefined : { sequence: last.snapshot.sequence, id: last.id },
      marker: fixture.marker,
    },
    trust: [],
    rescue: { shipped: new Map(rescue.map(({ name, sha256: hash }) => [name, hash])), onSheet: rescue[0]?.sha256, released: [] },
    nameFolder: (_store, dir) => (dir === '' ? 'INBOX' : dir.slice(1)),
    progress: silentProgress,
    ...options,
  });
}

/** Subjects of the findings that are errors. */
export function subjects(report: CheckReport): string[] {
  return [...new Set(report.findings.filter(({ severity }) => severity === 'error').map(({ subject }) => subject ?? ''))].sort();
}

/** Ways to damage a file, each on its full path. */
export const DAMAGES: Record<string, (path: string) => void> = {
  'flipped bit': (path) => {
    const bytes = readFileSync(path);
    const at = Math.floor(bytes.length * 0.6);
    bytes[at] = (bytes[at] ?? 0) ^ 0x04;
    writeFileSync(path, bytes);
  },
  truncated: (path) => writeFileSync(path, readFileSync(path).subarray(0, -7)),
  emptied: (path) => writeFileSync(path, ''),
  deleted: (path) => rmSync(path),
};
