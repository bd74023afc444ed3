/** What a backup needs to know before it reads mail: keys, its own state, and what the target really holds. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MailrecoverError } from '../errors/error.ts';
import type { Finding } from '../errors/finding.ts';
import type { Identity, Recipient } from '../repository/age/keys.ts';
import { inParallel } from '../repository/in-parallel.ts';
import { objectPath, snapshotPath, type SnapshotRef } from '../repository/names.ts';
import { listSnapshotRefs, registerHost, type Repository } from '../repository/repository.ts';
import { readSecrets, secretFingerprint, storeSecret } from '../repository/secret.ts';
import { createHostKey, hostFingerprint, readHostKey, type HostKey } from '../repository/signing.ts';
import { decodeTags } from '../repository/tags.ts';
import type { StoredObject } from '../repository/target.ts';
import { ifPresent, makeDirectory, writeDurable } from '../system/files.ts';
import { RECORD, sortRecords, writeRecord } from './content/known.ts';
import { rawOfAdopted } from './merge-packs.ts';
import { readPending } from './pending.ts';
import type { PackState, StateDirectory, StateIndex } from './state/state.ts';

export interface Keys {
  host: HostKey;
  secret: Buffer;
}

/** Where the host's own keys lie: its signing key, and the dedup secret of each repository. */
export function hostKeyPath(keysRoot: string): string {
  return join(keysRoot, 'host.key');
}

export function secretPath(keysRoot: string, repositoryId: string): string {
  return join(keysRoot, `dedup-${repositoryId.slice(0, 16)}.key`);
}

/** Keeps the dedup secret on this host. */
export async function saveSecret(keysRoot: string, repositoryId: string, secret: Buffer): Promise<void> {
  await writeDurable(secretPath(keysRoot, repositoryId), `${secret.toString('hex')}\n`);
}

/**
 * The host's keys; ones that are missing are made, or, for the dedup secret, unwrapped with an identity where one is given.
 * @param findings gets what the user should know of that
 */
export async function loadKeys(
  repository: Repository,
  options: { keysRoot: string; host: string; recipients: readonly Recipient[] | undefined; identities: readonly Identity[] },
  findings: Finding[],
): Promise<Keys> {
  const { keysRoot, recipients, identities } = options;
  await makeDirectory(keysRoot);
  let host = await readHostKey(hostKeyPath(keysRoot));
  if (host === undefined) {
    host = await createHostKey(hostKeyPath(keysRoot));
    findings.push({
      severity: 'warning',
      code: 'new-host-key',
      message: `this host had no signing key, so it made one: ${host.publicHex}`,
      hint: "note it on the recovery sheet; 'trust' in the configuration takes the key it had before",
      subject: hostKeyPath(keysRoot),
    });
  }
  await registerHost(repository.target, options.host, host.publicHex);
  const text = await ifPresent(() => readFile(secretPath(keysRoot, repository.id), 'utf8'));
  if (text !== undefined && /^[0-9a-f]{64}\n?$/.test(text)) return { host, secret: Buffer.from(text.trim(), 'hex') };
  let secret: Buffer | undefined;
  if (!repository.encrypted || identities.length > 0)
    secret = (await readSecrets(repository.target, repository.encrypted ? identities : undefined)).values().next().value;
  if (secret === undefined) {
    secret = randomBytes(32);
    await storeSecret(repository.target, secret, recipients);
    findings.push({
      severity: 'warning',
      code: 'new-dedup-secret',
      message: 'the dedup secret of this repository is not on this host, so all mail is stored once more',
      hint: "to avoid that, give one backup an identity: 'mailrecover backup --identity FILE'",
      subject: secretPath(keysRoot, repository.id),
    });
  }
  await saveSecret(keysRoot, repository.id, secret);
  return { host, secret };
}

/** Sizes of what a target holds, by path. */
export type Holdings = ReadonlyMap<string, number>;

/** Lists the objects of a repository. */
export async function listHoldings(repository: Repository): Promise<Holdings> {
  const holdings = new Map<string, number>();
  for (const folder of ['packs', 'tags', 'catalogs'])
    for await (const { path, size } of repository.target.list(folder)) holdings.set(path.slice(path.lastIndexOf('/') + 1), size);
  return holdings;
}

/**
 * This host's newest snapshot in the repository.
 * @param last the one that the local state knows: a listing may lag behind what was stored
 */
export async function newestOwn(
  repository: Repository,
  key: HostKey,
  last: { snapshot: string | undefined; sequence: number },
): Promise<SnapshotRef | undefined> {
  const fingerprint = hostFingerprint(key.publicHex);
  const own = (await listSnapshotRefs(repository.target)).filter((ref) => ref.fingerprint === fingerprint);
  const newest = own.reduce<SnapshotRef | undefined>(
    (held, ref) => (held === undefined || ref.sequence > held.sequence ? ref : held),
    undefined,
  );
  if (last.snapshot === undefined || last.sequence <= (newest?.sequence ?? 0)) return newest;
  const path = snapshotPath(fingerprint, last.sequence, last.snapshot);
  const isThere = (await repository.target.size(path)) !== undefined;
  return isThere ? { path, fingerprint, id: last.snapshot, sequence: last.sequence } : newest;
}

async function addKnown(state: StateDirectory, index: StateIndex, packs: { pack: PackState; tags: readonly string[] }[]): Promise<void> {
  const records: Buffer[] = [];
  for (const { pack, tags } of packs) {
    const number = index.packs.push(pack) - 1;
    for (const tag of tags) {
      const record = Buffer.alloc(RECORD);
      writeRecord(record, 0, Buffer.from(tag, 'hex'), number);
      records.push(record);
    }
  }
  if (records.length === 0) return;
  index.tables.push(await state.saveTable(sortRecords(Buffer.concat(records))));
}

/** Packs of a run that did not come to its end, as far as they reached the target. */
export async function adoptPending(repository: Repository, state: StateDirectory, index: StateIndex, holdings: Holdings): Promise<void> {
  const known = new Set(index.packs.map((pack) => pack?.name));
  const adopted: { pack: PackState; tags: readonly string[] }[] = [];
  for (const { name, size, raw, tags } of readPending(state.file('pending'))) {
    if (known.has(name) || !(await isStored(repository, holdings, name, size))) continue;
    adopted.push({ pack: { name, size, raw, live: 0, entries: tags.length, tags: { name: '', size: 0 } }, tags });
  }
  await addKnown(state, index, adopted);
}

/** Whether a pack is there as it was stored. What a listing does not show is asked for by its name, since listings may lag behind. */
async function isStored(repository: Repository, holdings: Holdings, name: string, size: number): Promise<boolean> {
  const listed = holdings.get(name);
  return listed === size || (listed === undefined && (await repository.target.size(objectPath('pack', name))) === size);
}

/**
 * For a host whose state is lost, or older than the repository: packs that the state does not know, as its own tags, and those of
 * hosts it trusts, have them. Tags that are damaged or signed by anybody else are not believed.
 */
export async function adoptTags(
  repository: Repository,
  state: StateDirectory,
  index: StateIndex,
  keys: Keys,
  trust: readonly string[],
  holdings: Holdings,
  findings: Finding[],
): Promise<void> {
  const stored = new Set(index.packs.map((pack) => pack?.name));
  const trusted = new Set([keys.host.publicHex, ...trust]);
  const fingerprint = secretFingerprint(keys.secret);
  const believed: { pack: PackState; tags: readonly string[] }[] = [];
  const listed: StoredObject[] = [];
  for await (const object of repository.target.list('tags')) listed.push(object);
  await inParallel(listed, repository.target.parallel ?? 1, async ({ path, size }) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    try {
      const bytes = await repository.target.get(path);
      if (!name.startsWith(createHash('sha256').update(bytes).digest('hex')))
        throw new MailrecoverError('damage', `tags '${path}' are damaged`, { subject: path });
      const list = decodeTags(bytes, path);
      if (!trusted.has(list.key) || list.secret !== fingerprint || holdings.get(list.pack) !== list.size || stored.has(list.pack)) return;
      stored.add(list.pack);
      believed.push({
        pack: { name: list.pack, size: list.size, raw: rawOfAdopted(list.size), live: 0, entries: list.tags.length, tags: { name, size } },
        tags: list.tags,
      });
    } catch (error) {
      if (!(error instanceof MailrecoverError) || error.code !== 'damage') throw error;
      findings.push({ severity: 'warning', code: 'damaged-tags', message: error.message, subject: path });
    }
  });
  await addKnown(state, index, believed);
}

/** Numbers of packs that the state knows and the target no longer holds as they were. */
export async function lostPacks(repository: Repository, index: StateIndex, holdings: Holdings): Promise<Set<number>> {
  const lost = new Set<number>();
  const missing = [...index.packs.entries()].flatMap(([number, pack]) =>
    pack === null || holdings.get(pack.name) === pack.size ? [] : [{ number, pack }],
  );
  for (const { number, pack } of missing) {
    // A few may be too new for the listing; many are gone.
    if (missing.length <= ASKED_FOR && (await isStored(repository, holdings, pack.name, pack.size))) continue;
    lost.add(number);
  }
  return lost;
}

/** So many packs that a listing does not show are asked for by their names. */
const ASKED_FOR = 32;
