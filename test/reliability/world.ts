/** A small mail host for the reliability tests: mailboxes, a repository, the local state; backed up and restored in this process. */
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { backup } from '../../src/backup/backup.ts';
import type { BackupOptions } from '../../src/backup/options.ts';
import type { BackupReport } from '../../src/backup/report.ts';
import { saveSecret } from '../../src/backup/prepare.ts';
import { generateIdentity, type Identity } from '../../src/repository/age/keys.ts';
import { createRepository, listSnapshots, openRepository } from '../../src/repository/repository.ts';
import { createSecret } from '../../src/repository/secret.ts';
import type { Target } from '../../src/repository/target.ts';
import { localTarget } from '../../src/repository/targets/local.ts';
import { restore, type RestoreOptions, type RestoreReport } from '../../src/restore/restore.ts';
import { silentProgress } from '../../src/system/progress.ts';
import { parseIdentities } from '../format/age.ts';
import { readTree, type Tree } from './tree.ts';

/** What a change must be past before its time stamps are trusted, in seconds: a few ticks of the kernel. */
export const SETTLE = 0.012;

export interface World {
  base: string;
  /** Mailboxes lie at `mail/DOMAIN/NAME/Maildir`. */
  mail: string;
  repo: string;
  state: string;
  keys: string;
  config: string;
  identityFile: string;
  identity: Identity;
  /** The same, for the independent reader. */
  secrets: Buffer[];
  target: Target;
}

/** Makes an encrypted repository, the keys of a host and a configuration that names them, below an empty directory. */
export async function makeWorld(base: string, at: { repo?: string; state?: string; keys?: string } = {}): Promise<World> {
  const repo = at.repo ?? join(base, 'repo');
  const state = at.state ?? join(base, 'state');
  const keys = at.keys ?? join(base, 'etc');
  const mail = join(base, 'mail');
  for (const path of [mail, keys]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const { identity, secret } = generateIdentity();
  const identityFile = join(keys, 'identity.txt');
  writeFileSync(identityFile, `${secret}\n`, { mode: 0o600 });
  const target = localTarget(repo);
  const repository = await createRepository(target, { recipients: [identity.recipient], rescue: [] });
  await saveSecret(keys, repository.id, await createSecret(target, [identity.recipient]));
  const config = join(keys, 'mailrecover.yaml');
  const lines = [
    'host: mx1',
    `state: ${state}`,
    'stores:',
    `  - path: ${mail}/%d/%n/Maildir`,
    'repository:',
    `  path: ${repo}`,
    `recipients: [${identity.recipient.text}]`,
    `identities: ['file:${identityFile}']`,
    `backup: {settle: ${SETTLE}, workers: 0}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return { base, mail, repo, state, keys, config, identityFile, identity, secrets: parseIdentities(`${secret}\n`), target };
}

/** The same host in a copy of its directories, so that many ends of one run can be tried. */
export function copyWorld(world: World, base: string): World {
  cpSync(world.base, base, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  return worldAt(world, base);
}

/** The same host in directories that are, or will be, copied. */
export function worldAt(world: World, base: string): World {
  const moved = (path: string): string => base + path.slice(world.base.length);
  const config = moved(world.config);
  if (existsSync(config)) writeFileSync(config, readFileSync(world.config, 'utf8').replaceAll(world.base, base));
  const repo = moved(world.repo);
  return {
    ...world,
    base,
    mail: moved(world.mail),
    repo,
    state: moved(world.state),
    keys: moved(world.keys),
    config,
    identityFile: moved(world.identityFile),
    target: localTarget(repo),
  };
}

/** Lets the last change grow old enough that its time stamps prove something. */
export async function settle(): Promise<void> {
  await sleep(SETTLE * 1000 + 6);
}

export function backupOptions(world: World): BackupOptions {
  return {
    target: world.target,
    stateRoot: world.state,
    keysRoot: world.keys,
    host: 'mx1',
    stores: [{ name: 'mail', path: `${world.mail}/%d/%n/Maildir` }],
    recipients: [world.identity.recipient.text],
    threads: 0,
    readBack: true,
    deep: false,
    deepEvery: 7,
    settle: SETTLE,
    dryRun: false,
    trust: [],
    identities: [],
    tool: 'mailrecover test',
    progress: silentProgress,
  };
}

/** Backs up in this process. */
export function backUp(world: World, options: Partial<BackupOptions> = {}): Promise<BackupReport> {
  return backup({ ...backupOptions(world), ...options });
}

/** Ids of the snapshots, oldest first. */
export async function snapshotIds(world: World): Promise<string[]> {
  return (await listSnapshots(world.target)).snapshots.map((snapshot) => snapshot.id);
}

/** Restores a snapshot (the newest by default) in this process. */
export async function restoreTo(world: World, to: string, id?: string, options: Partial<RestoreOptions> = {}): Promise<RestoreReport> {
  const repository = await openRepository(options.repository?.target ?? world.target);
  const snapshot =
    options.snapshot ?? (await listSnapshots(repository.target)).snapshots.findLast((each) => id === undefined || each.id === id);
  if (snapshot === undefined) throw new Error('there is no such snapshot');
  return restore({
    repository,
    snapshot,
    identities: [world.identity],
    selection: {},
    layoutOf: () => ({ layout: 'maildir++', separator: '.', prefix: '', inbox: true, utf8: false }),
    to,
    mapOwner: new Map(),
    threads: 0,
    dryRun: false,
    progress: silentProgress,
    ...options,
  });
}

/** What a restore of a snapshot brings back; throws where something of it is lost. */
export async function restoredTree(world: World, id?: string): Promise<Tree> {
  const to = mkdtempSync(join(world.base, 'restored-'));
  try {
    const report = await restoreTo(world, to, id);
    if (report.lost.length > 0) throw new Error(`not restored: ${report.lost.map((file) => file.path).join(' ')}`);
    return readTree(to);
  } finally {
    rmSync(to, { recursive: true, force: true });
  }
}

/** The live mail, as {@link restoredTree} shows it. */
export function liveTree(world: World): Tree {
  return readTree(world.mail);
}

/** Has {@link file://./../support/tmp.ts} make its directories in memory, where that is possible: most of these tests' time goes into waiting for the disk. */
export function useMemory(): void {
  const memory = '/dev/shm';
  try {
    accessSync(memory, constants.W_OK);
    if (statfsSync(memory).bavail * statfsSync(memory).bsize > 128 << 20) process.env['TMPDIR'] = memory;
  } catch {
    // The disk serves as well.
  }
}
